"""What an installation did, or would do: a line for each thing."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Thing(StrEnum):
    """What a change is about."""

    FOLDER = "folder"
    SOURCE = "data source"
    DASHBOARD = "dashboard"
    FILE = "file"


class Kind(StrEnum):
    """What became of it."""

    MADE = "made"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    KEPT = "kept"
    """It is ours and no longer wanted."""
    LEFT_OUT = "left out"
    """It is wanted, there or gone, and that was not done."""

    @property
    def differs(self) -> bool:
        """Whether what is there is not what is wanted."""
        return self in {Kind.MADE, Kind.UPDATED, Kind.REMOVED}


class Reason(StrEnum):
    """Why, where the kind does not say it."""

    NO_PROMETHEUS = "it shows Prometheus' metrics, and there is none: grafana.prometheus in the settings"
    FROM_FILES = "Grafana has it from provisioning files and takes no other: caretaker grafana render"
    NOT_WANTED = "no longer wanted; --prune removes it"
    SECRET_SENT = "its secret was sent again, as Grafana does not show which it has"  # noqa: S105 - a sentence
    EDITED = "somebody edited it in Grafana, whose version history keeps that"


class Change(Struct, frozen=True):
    """One thing, and what became of it."""

    thing: Thing
    name: str
    """The uid; for files, the path."""
    kind: Kind
    title: str = ""
    differences: Sequence[str] = ()
    """What was not as wanted: fields, and panels by their titles."""
    reason: Reason | None = None
    edited_by: str = ""
    """For what was edited: the version, and as what whoever saved it last is known. Never who."""

    @property
    def is_amiss(self) -> bool:
        """Whether a comparison finds it not as wanted; also where it is not ours to change."""
        return self.kind.differs or (self.kind is Kind.LEFT_OUT and self.reason is Reason.FROM_FILES)
