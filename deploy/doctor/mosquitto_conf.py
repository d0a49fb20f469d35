"""Reading mosquitto.conf: a word and its value on each line."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.doctor.place import Ground
from telemetry.loopback import is_loopback

MAIN = "mosquitto.conf"
USUAL = Path("/etc/mosquitto") / MAIN
_SPAN = re.compile(r"(\d+)([hdwmy])")
_SPAN_S = {"h": 3_600, "d": 86_400, "w": 604_800, "m": 30 * 86_400, "y": 365 * 86_400}


def find(ground: Ground) -> Path | None:
    """The broker's configuration, where it is on this machine; None: it is not, or can't be read."""
    known: list[Path] = []
    if ground.layout is not None:
        for place in (ground.layout.installed, ground.layout.staged):
            # Ours may be a part of the distribution's, which says some of it.
            known += [place.broker_conf.parent.parent / MAIN, place.broker_conf]
    elif is_loopback(ground.broker.host):
        known = [USUAL]
    return next((path for path in known if path.is_file()), None)


@dataclass(frozen=True)
class Conf:
    """Its lines, in order."""

    lines: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Of a file, and of those that it includes, where it does. Raises `OSError`."""
        found: list[tuple[str, str]] = []
        for word, value in cls.of(path.read_text(encoding="utf-8", errors="replace")).lines:
            if word == "include_dir":
                for part in sorted(Path(value).glob("*.conf")):
                    found += cls.read(part).lines
            else:
                found.append((word, value))
        return cls(tuple(found))

    @classmethod
    def of(cls, text: str) -> Self:
        """Comments and empty lines are passed over."""
        stripped = (line.strip() for line in text.splitlines())
        pairs = (line.partition(" ") for line in stripped if line and not line.startswith("#"))
        return cls(tuple((word, value.strip()) for word, _, value in pairs))

    def last(self, word: str) -> str | None:
        """The value that holds; None: the word is not there."""
        return next((value for name, value in reversed(self.lines) if name == word), None)

    def plugin(self, part: str) -> str | None:
        """The plugin whose file has a part in its name; None: there is none."""
        words = {"plugin", "global_plugin"}
        return next((value for name, value in self.lines if name in words and part in Path(value).name), None)

    def span_s(self, word: str) -> int | None:
        """A span as in `14d`, seconds; None: it is not there, or means for ever."""
        found = _SPAN.fullmatch(self.last(word) or "")
        return None if found is None else int(found[1]) * _SPAN_S[found[2]]


def flag(value: str | None) -> bool:
    """Whether a value means yes; what is not there means no."""
    return (value or "").lower() in {"true", "1"}
