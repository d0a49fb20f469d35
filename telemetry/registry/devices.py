"""Devices taken in one by one, each checked against the sites and the metrics it names."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from telemetry.catalogue.metric import Metric
from telemetry.document import Problem
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Outage, Site
from telemetry.registry.place import Place, claim
from telemetry.registry.sheet import Row
from telemetry.topics import topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARED = 1_000
"""With so many devices a wrong parent's nearest name is looked for; comparing a hundred thousand takes seconds."""


class Devices:
    """All devices of a deployment while it is read. What many have in common is kept once."""

    def __init__(self, sites: Mapping[str, Site], metrics: Mapping[str, Metric], *, judging: bool) -> None:
        """`judging` is False where sites or metrics could not be read: then what a device names may well exist."""
        self.by_id: dict[str, Device] = {}
        self.by_topic: dict[str, Device] = {}
        self.problems: list[Problem] = []
        self._sites = sites
        self._metrics = metrics
        self._judging = judging
        self._places: dict[str, Place] = {}
        self._words: dict[str, str] = {}
        self._good_metrics: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, row: Row, place: Place) -> None:
        """Take in one device, or note why not."""
        taken = claim(self._places, row.id, place)
        if taken is not None:
            self.problems.append(taken)
            return
        if not self._judging:
            return
        site = self._sites.get(row.site)
        if site is None:
            self.problems.append(place.unknown("site", "site", row.site, self._sites))
            return
        if row.area is not None and row.area not in site.areas:
            self.problems.append(place.unknown("area", f"area of {site.id}", row.area, site.areas))
        device = Device(
            id=row.id,
            site=site.id,
            kind=self._once(row.kind),
            area=None if row.area is None else self._once(row.area),
            parent=None if row.parent is None else self._once(row.parent),
            unit=row.unit,
            interval_s=row.interval_s,
            metrics=self._checked_metrics(row, place),
            names=row.names,
            labels=row.labels,
            out_of_service=tuple(self._outages(row, site.timezone, place)),
            archive=site.archive,
        )
        self.by_id[device.id] = device
        self.by_topic[topic(site.id, device.id)] = device

    def check_parents(self) -> None:
        """When all are in: note parents that don't exist, and circles, each once."""
        settled: set[str] = set()
        for device in self.by_id.values() if self._judging else ():
            trail: list[str] = []
            here: Device | None = device
            while here is not None and here.id not in settled:
                settled.add(here.id)
                trail.append(here.id)
                if here.parent is None:
                    break
                if here.parent in trail:
                    circle = " > ".join([*trail[trail.index(here.parent) :], here.parent])
                    self.problems.append(self._places[here.id].problem("parent", f"the circle {circle}", "no circle"))
                elif here.parent not in self._places:
                    place = self._places[here.id]
                    self.problems.append(place.unknown("parent", "device", here.parent, self._possible_parents()))
                here = self.by_id.get(here.parent)

    def _possible_parents(self) -> list[str]:
        gateways = [name for name, device in self.by_id.items() if device.kind == "gateway"]
        return (gateways or list(self.by_id))[:_COMPARED]

    def _once(self, word: str) -> str:
        return self._words.setdefault(word, word)

    def _checked_metrics(self, row: Row, place: Place) -> tuple[str, ...]:
        good = self._good_metrics.get(row.metrics)
        if good is not None:
            return good
        unknown = [name for name in row.metrics if name not in self._metrics]
        problems = [place.unknown("metrics", "metric", name, self._metrics) for name in unknown]
        if len(set(row.metrics)) < len(row.metrics):
            problems.append(place.problem("metrics", "a metric twice", "each metric once"))
        if not row.metrics:
            problems.append(place.problem("metrics", "nothing", "at least one metric"))
        if not problems:
            self._good_metrics[row.metrics] = row.metrics
        self.problems += problems
        return row.metrics

    def _outages(self, row: Row, timezone: ZoneInfo, place: Place) -> Iterator[Outage]:
        for start, end, reason in row.out_of_service:
            outage = Outage(_ns(start, timezone), None if end is None else _ns(end, timezone), self._once(reason))
            if end is not None and outage.end_ns is not None and outage.end_ns <= outage.start_ns:
                found, expected = f"an end at {end.isoformat()}", f"one after {start.isoformat()}"
                self.problems.append(place.problem("out_of_service", found, expected))
            yield outage


def _ns(moment: datetime, timezone: ZoneInfo) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone)
    since = aware - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000
