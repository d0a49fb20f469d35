"""One publish as it is planned: what goes through faults and incidents on its way to the broker."""

from collections.abc import Sequence

from msgspec import Struct

from simulators.encode import Sample, encode_samples
from simulators.ledger import Flag
from simulators.models.model import Value
from telemetry.registry.models import Device
from telemetry.topics import topic


class Outgoing(Struct, frozen=True, gc=False):
    """Readings of one device that go out together at a moment."""

    at_ms: int
    """When it is to be sent, epoch ms UTC."""
    device: Device
    samples: Sequence[Sample]
    flags: Flag = Flag.PLAIN

    @property
    def topic(self) -> str:
        """Where it is published."""
        return topic(self.device.site, self.device.id)

    def payload(self) -> bytes:
        """As the device writes it."""
        return encode_samples(self.samples)

    def later(self, delay_ms: int) -> "Outgoing":
        """The same, sent later."""
        return Outgoing(self.at_ms + delay_ms, self.device, self.samples, self.flags)

    def saying(self, samples: Sequence[Sample]) -> "Outgoing":
        """The same, with other readings."""
        return Outgoing(self.at_ms, self.device, samples, self.flags)


def with_values(sample: Sample, values: dict[str, Value]) -> Sample:
    """The same moment, other values."""
    return Sample(sample.time_ms, sample.seq, values)
