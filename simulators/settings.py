"""`simulation.yaml`: the seed, what goes wrong and how often, and which recordings are played."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from simulators.poison import Poison
from telemetry.document import Document, DocumentError, Problem, Section, show
from telemetry.registry.models import Device, Registry

FILE_NAME = "simulation.yaml"

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class FaultKind(StrEnum):
    """What can go wrong with a device's messages."""

    DUPLICATE = "duplicate"
    """A message is sent once more, shortly after. `rate`: share of messages."""
    LATE = "late"
    """A message comes up to `seconds` late, and so out of order. `rate`: share of messages."""
    CLOCK_SKEW = "clock_skew"
    """The device's clock is off by `seconds` (negative: slow). `rate`: share of devices."""
    STUCK = "stuck"
    """A sensor repeats one set of values for `seconds`. `rate`: share of time."""
    SPIKE = "spike"
    """One number of a message is far off, still possible. `rate`: share of messages."""
    GAP = "gap"
    """The device is silent for `seconds`. `rate`: share of time."""
    REGISTER_RESET = "register_reset"
    """Counters start again from 0 every `seconds`, as after a change of the meter. `rate`: share of devices."""


class Selector(Section):
    """Which devices. What is left out selects all."""

    devices: tuple[str, ...] = ()
    """Ids; `*` stands for anything."""
    sites: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def selects(self, device: Device) -> bool:
        """Whether this device is meant."""
        return _among(device.id, self.devices) and _among(device.site, self.sites) and _among(device.kind, self.kinds)


def _among(name: str, patterns: Iterable[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


class Fault(Section):
    """One fault: what, how often, where."""

    fault: FaultKind
    rate: Share
    """A share, of what stands with the fault."""
    where: Selector = Selector()
    seconds: float = Field(default=60.0, ge=-86_400 * 400, le=86_400 * 400)

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.seconds <= 0 and self.fault is not FaultKind.CLOCK_SKEW:
            raise ValueError("more than 0 seconds")
        return self


class PoisonMix(Section):
    """Messages that must not be admitted, between the good ones."""

    rate: Share = 0.0
    """Share of messages."""
    kinds: tuple[Poison, ...] = tuple(Poison)
    """Leave `too_large` out where the broker takes less than 66,000 bytes: it would drop the connection."""


class Buffering(Section):
    """What devices do while their gateway is away."""

    messages: int = Field(default=2_000, ge=0, le=1_000_000)
    """How many a gateway's devices keep together, to be sent in a burst afterwards. Beyond it the newest are lost."""
    lose: Selector = Selector(devices=("",))
    """Devices that keep nothing. Nobody, unless it is said."""


class Recording(Section):
    """One CSV file of measurements, played as one device."""

    device: str
    file: Path
    """Relative to `simulation.yaml`."""


class Replaying(Section):
    """Real measurements, played again with their true times."""

    speed: float = Field(default=60.0, gt=0.0, le=100_000.0)
    """How many times faster than they were taken."""
    recordings: tuple[Recording, ...] = ()


class Simulation(Section):
    """Everything that `simulation.yaml` says."""

    seed: int = 1
    faults: tuple[Fault, ...] = ()
    poison: PoisonMix = PoisonMix()
    buffering: Buffering = Buffering()
    replay: Replaying = Replaying()
    ledger_hours: float = Field(default=6.0, gt=0.0, le=24.0 * 90)
    """How long the ledger keeps what was acknowledged."""


def load_simulation(directory: Path, registry: Registry | None = None) -> Simulation:
    """`simulation.yaml` of a configuration; without one a city in which nothing goes wrong.

    Paths of recordings come back absolute or relative to the working directory, not to the file. With a registry the
    devices of the recordings are checked too. Raises `DocumentError`.
    """
    path = directory / FILE_NAME
    if not path.exists():
        return Simulation()
    document = Document.open(path, FILE_NAME)
    simulation = document.validate(Simulation)
    recordings = tuple(
        recording.model_copy(update={"file": directory / recording.file}) for recording in simulation.replay.recordings
    )
    problems = list(_problems(document, simulation, recordings, registry))
    if problems:
        raise DocumentError(problems)
    replay = simulation.replay.model_copy(update={"recordings": recordings})
    return simulation.model_copy(update={"replay": replay})


def _problems(
    document: Document, simulation: Simulation, recordings: Iterable[Recording], registry: Registry | None
) -> Iterator[Problem]:
    for i, recording in enumerate(recordings):
        written = simulation.replay.recordings[i]
        if not recording.file.is_file():
            yield document.problem(("replay", "recordings", i, "file"), show(str(written.file)), "a file that exists")
        if registry is not None and recording.device not in registry.devices:
            place = ("replay", "recordings", i, "device")
            yield document.problem(place, show(recording.device), "the id of a device in the registry")
