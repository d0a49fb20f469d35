"""Things that happen in the city when somebody asks for them: which devices, how values change, for how long."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from simulators.encode import Sample
from simulators.models.model import Value
from simulators.models.noise import unit
from simulators.outgoing import Outgoing, with_values
from telemetry.registry.models import Device

RISE_SHARE = 0.25
FALL_SHARE = 0.25
WATER_RUNNING_LPM = 38.0
ODOUR_NH3_PPM = 19.0
ODOUR_H2S_PPM = 1.6


class IncidentKind(StrEnum):
    """As users type it."""

    LEAK = "leak"
    """A pipe bursts in a toilet block: its leak detectors report water and its water meter runs."""
    ODOUR = "odour"
    """A fan fails in a toilet area: ammonia and hydrogen sulphide rise far above the usual."""
    GATEWAY_DOWN = "gateway-down"
    """A gateway loses power: the broker says its last will; those behind it are silent, then send what they kept."""
    HELP = "help"
    """Somebody presses the button for help, once."""


DURATION_S: Mapping[IncidentKind, int] = {
    IncidentKind.LEAK: 180,
    IncidentKind.ODOUR: 300,
    IncidentKind.GATEWAY_DOWN: 60,
    IncidentKind.HELP: 1,
}


class Incident(Struct, frozen=True):
    """One incident in its course."""

    kind: IncidentKind
    start_ms: int
    end_ms: int
    devices: frozenset[str]
    """Those whose values change; for a gateway that is down, the gateway."""
    sentence: str
    """For people."""

    def level(self, time_ms: int) -> float:
        """0 before and after, rising to 1, staying, falling: how strong it is at a moment."""
        x = (time_ms - self.start_ms) / (self.end_ms - self.start_ms)
        if not 0.0 <= x < 1.0:
            return 0.0
        return min(1.0, x / RISE_SHARE, (1.0 - x) / FALL_SHARE)

    def change(self, outgoing: Outgoing) -> Outgoing:
        """What the device says while it lasts."""
        if outgoing.device.id not in self.devices or self.kind is IncidentKind.GATEWAY_DOWN:
            return outgoing
        return outgoing.saying([self._sample(sample) for sample in outgoing.samples])

    def _sample(self, sample: Sample) -> Sample:
        if not self.start_ms <= sample.time_ms < self.end_ms:
            return sample
        level = self.level(sample.time_ms)
        values: dict[str, Value] = dict(sample.values)
        if self.kind is IncidentKind.LEAK:
            if "leak" in values:
                values["leak"] = True
            if "water_flow_lpm" in values:
                values["water_flow_lpm"] = round(float(values["water_flow_lpm"]) + WATER_RUNNING_LPM * level, 1)
        elif self.kind is IncidentKind.ODOUR:
            if "nh3_ppm" in values:
                values["nh3_ppm"] = round(float(values["nh3_ppm"]) + ODOUR_NH3_PPM * level, 2)
            if "h2s_ppm" in values:
                values["h2s_ppm"] = round(float(values["h2s_ppm"]) + ODOUR_H2S_PPM * level, 4)
            if "ventilation" in values:
                values["ventilation"] = False
        return with_values(sample, values)


class NoPlaceError(Exception):
    """The registry has no device to which the incident could happen."""


def begin(
    kind: IncidentKind, devices: Sequence[Device], now_ms: int, number: int, seconds: int | None = None
) -> Incident:
    """The incident, from now on, for `seconds` or as long as is usual for its kind.

    `number` picks the place: another one each time. Raises `NoPlaceError`, and `ValueError` where it lasts no second.
    """
    if seconds is not None and seconds < 1:
        raise ValueError(f"an incident lasts a second at least, not {seconds}")
    epicentres = {
        IncidentKind.LEAK: "toilet_leak",
        IncidentKind.ODOUR: "toilet_odour",
        IncidentKind.GATEWAY_DOWN: "gateway",
        IncidentKind.HELP: "toilet_button",
    }
    places = sorted((device for device in devices if device.kind == epicentres[kind]), key=lambda device: device.id)
    if kind is IncidentKind.GATEWAY_DOWN and places:
        # One with few devices behind it would hardly be noticed.
        behind = {place.id: sum(device.parent == place.id for device in devices) for place in places}
        places = [place for place in places if 2 * behind[place.id] >= max(behind.values())]
    if not places:
        raise NoPlaceError(f"{kind}: no device of kind {epicentres[kind]} is simulated")
    place = places[int(unit(0x1C1DE27, number) * len(places))]
    seconds = seconds or DURATION_S[kind]
    lasts = f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} s"
    match kind:
        case IncidentKind.LEAK:
            struck = {
                device.id
                for device in devices
                if device.id == place.id
                or (device.kind == "toilet_water" and device.site == place.site and device.area == place.area)
            }
            sentence = f"Water on the floor at {_name(place)}, {place.site}: for {lasts}."
        case IncidentKind.ODOUR:
            struck = {place.id}
            sentence = f"The fan at {_name(place)}, {place.site} has failed: ammonia rises for {lasts}."
        case IncidentKind.GATEWAY_DOWN:
            struck = {place.id}
            silent = sum(device.parent == place.id for device in devices)
            sentence = (
                f"{_name(place)} at {place.site} has lost power: {silent} devices behind it are silent for {lasts}."
            )
        case IncidentKind.HELP:
            struck = {place.id}
            sentence = f"Somebody calls for help at {_name(place)}, {place.site}."
    return Incident(kind, now_ms, now_ms + seconds * 1000, frozenset(struck), sentence)


def _name(device: Device) -> str:
    return device.names.get("en", device.id)
