"""Who is told in the tests of the alerts, and how: people and routes as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

WEBHOOK_SECRET = "whsec_ZmF1bHRzLWNhbmFyeS1zaWduaW5nLWtleS0wMDE="
LOOPBACK = ["127.0.0.0/8"]


def write_people(folder: Path, receivers: Mapping[str, Sequence[str]]) -> None:
    """people.yaml and routes.yaml: everybody is told of everything, each alert by itself and at once.

    `receivers`: by person, addresses in the order in which they are tried.
    """
    people = [{"id": person, "name": person, "receivers": list(some)} for person, some in receivers.items()]
    (folder / "people.yaml").write_text(yaml.safe_dump({"people": people}))
    (folder / "people.yaml").chmod(0o600)
    route = {
        "to": list(receivers),
        "group_by": ["rule", "device"],
        "group_wait": "0s",
        "group_interval": "0s",
        "quiet_hours": False,
    }
    (folder / "routes.yaml").write_text(yaml.safe_dump({"route": route, "cap_an_hour": 10_000}))


def webhooks() -> dict[str, Any]:
    """The settings with which webhooks reach the loopback, signed with a key that is known."""
    return {"webhook": {"allow": LOOPBACK, "secret": WEBHOOK_SECRET}}
