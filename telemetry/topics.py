"""Build and parse Caretaker's topics: `caretaker/v1/{site}/{device}/{channel}`."""

import re
from enum import StrEnum
from typing import NamedTuple

PREFIX = "caretaker/v1"
ID = re.compile(r"[a-z0-9_-]{1,64}")
PLATFORM_SITE = "_caretaker"
"""The site of the platform's own messages: the heartbeat."""


class Channel(StrEnum):
    """What kind of readings a topic carries."""

    READINGS = "readings"
    STATUS = "status"
    DERIVED = "derived"
    ALERTS = "alerts"


_CHANNELS = frozenset(str(channel) for channel in Channel)


class Address(NamedTuple):
    """The parts of a topic."""

    site: str
    device: str
    channel: Channel


def topic(site: str, device: str, channel: Channel = Channel.READINGS) -> str:
    """The topic on which `device` at `site` publishes."""
    return f"{PREFIX}/{site}/{device}/{channel}"


def parse(text: str) -> Address | None:
    """The parts of a topic, or None where it is none of ours."""
    parts = text.split("/")
    if len(parts) != 5 or parts[0] != "caretaker" or parts[1] != "v1" or parts[4] not in _CHANNELS:  # noqa: PLR2004
        return None
    if not ID.fullmatch(parts[2]) or not ID.fullmatch(parts[3]):
        return None
    return Address(parts[2], parts[3], Channel(parts[4]))


def filters(channel: Channel, site: str = "+") -> str:
    """The topic filter for all devices of one site, or of all."""
    return f"{PREFIX}/{site}/+/{channel}"
