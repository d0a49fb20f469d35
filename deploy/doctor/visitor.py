"""A key of the API for the length of one check: a viewer's, made on the machine, which ends by itself if we can't."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from api.access import keyring
from api.access.caller import Caller, Role, Way
from api.access.database import AccessUnusableError, opened
from api.access.keys import Draft
from api.problem import ConflictError
from deploy.doctor.place import Ground
from telemetry.reading import NS_PER_S

LIFE_S = 600
DOCTOR = Caller("caretaker doctor", Role.ADMIN, None, Way.COMMAND, "")
"""As it stands in the audit log."""


class NoKeyError(Exception):
    """There is no key to ask the API with; the message says why and what helps."""


class Visitor(NamedTuple):
    """Whoever asks the API for us."""

    headers: dict[str, str]
    is_viewer: bool
    """False: whoever runs the check has given a key, whose role is not known."""


@contextmanager
def visitor(ground: Ground) -> Iterator[Visitor]:
    """The key that was given, or one that is made now and revoked afterwards. Raises `NoKeyError`."""
    if ground.key_file is not None:
        yield Visitor(_bearer(ground.key_file.read_text(encoding="utf-8").strip()), is_viewer=False)
        return
    path = ground.api.api.database
    assert path is not None, "load_settings fills it in"
    if not path.exists():
        raise NoKeyError(f"{path} is not there, so no key can be made for the purpose: --data DIR, or --key-file FILE")
    now_ns = time.time_ns()
    draft = Draft(DOCTOR.name, Role.VIEWER, None, now_ns + LIFE_S * NS_PER_S)
    try:
        with opened(path) as connection:
            key, text = keyring.make(connection, DOCTOR, draft, now_ns)
    except (AccessUnusableError, ConflictError) as error:
        raise NoKeyError(f"no key can be made for the purpose: {error}") from None
    try:
        yield Visitor(_bearer(text), is_viewer=True)
    finally:
        with opened(path) as connection:
            keyring.revoke(connection, DOCTOR, key.id, time.time_ns())


def _bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
