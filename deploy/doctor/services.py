"""The services: whether each answers, is ready, and speaks for the same release as this command."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version

from deploy.doctor.asked import AwayError, UntrustedError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import Ground, Part
from deploy.layout import Form

HEALTH = {Part.INGESTOR: "/health", Part.ALERTS: "/health", Part.API: "/api/v1/health"}
UNAVAILABLE = 503
OK = 200


async def look(ground: Ground) -> Sequence[Remark]:
    """Each by its own word; the API's release too, which is the only one that tells it."""
    found = await asyncio.gather(*(_ready(ground, part) for part in HEALTH))
    remarks = [remark for some in found for remark in some]
    return [*remarks, *await _release(ground)]


async def _ready(ground: Ground, part: Part) -> Sequence[Remark]:
    if part not in ground.urls:
        return [left_out("", f"no address of {part.called} is known", f"--url {part}=ADDRESS")]
    url = f"{ground.urls[part]}{HEALTH[part]}/ready"
    try:
        answer = await ask(url, ca=ground.ca)
    except UntrustedError as error:
        return [cannot_tell(url, f"{error}; see `certificates`")]
    except AwayError as error:
        return [wrong(url, f"{part.called} does not answer: {error}", start(ground, part))]
    if answer.status == OK:
        return [sound(url, f"{part.called} is ready")]
    reasons = answer.field("reasons")
    if answer.status == UNAVAILABLE and isinstance(reasons, list):
        return [
            wrong(url, f"{part.called} is not ready: {reason}", "mend what it names; its log has more")
            for reason in reasons
        ]
    return [
        wrong(
            url,
            f"answers {answer.status}, as {part.called} never does: something else listens there",
            f"stop that, or say where {part.called} is: --url {part}=ADDRESS",
        )
    ]


async def is_ready(ground: Ground, part: Part) -> bool:
    """Whether a service works. For checks that would otherwise find its absence a second time."""
    if part not in ground.urls:
        return False
    try:
        return (await ask(f"{ground.urls[part]}{HEALTH[part]}/ready", ca=ground.ca)).status == OK
    except AwayError:
        return False


async def _release(ground: Ground) -> Sequence[Remark]:
    if Part.API not in ground.urls:
        return []
    url = f"{ground.urls[Part.API]}/openapi.json"
    try:
        information = (await ask(url, ca=ground.ca)).field("info")
    except AwayError:
        return []  # said above
    there, here = (information or {}).get("version"), version("caretaker")
    if there == here:
        return [sound(url, f"the API is of release {here}, as this command is")]
    return [
        wrong(
            url,
            f"the API is of release {there}, this command of {here}",
            "finish the upgrade: install one release everywhere, then restart all services",
        )
    ]


def start(ground: Ground, part: Part) -> str:
    """How a service is started in this deployment."""
    if ground.is_up:
        return "start `caretaker up` again; what ended it stands in the folder logs of its data"
    if ground.layout is not None and ground.layout.form is Form.COMPOSE:
        return f"`./manage up`; why it ended: `docker compose logs {part}`"
    if ground.layout is not None and ground.layout.form is Form.SYSTEMD:
        return f"`systemctl restart caretaker-{part}`; why it ended: `journalctl -u caretaker-{part}`"
    return f"`caretaker run {part} --config {ground.config} --data {ground.data}`; its log says why it ended"
