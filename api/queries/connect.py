"""Connecting a device: where it publishes and what, what came of it, and the line with which a new one is added."""

import csv
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from math import isinf
from pathlib import Path
from platform import node

from msgspec import Struct

from api.access.caller import Caller, Role
from api.problem import AwayError
from api.queries import standing
from api.queries.answer import Answer, Names, moment_or_none
from api.queries.devices import Latest, latest_of
from api.queries.paging import Page
from api.queries.quarantine import Quarantined, quarantine
from api.queries.readers import device_of, devices_at, require_reader, site_of
from api.sources import Sources
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.loopback import is_loopback
from telemetry.registry.models import Device
from telemetry.registry.written import KIND, MAX_INTERVAL_S
from telemetry.topics import ID, topic

PASSWORDS, AUTHORITY = Path("credentials.csv"), Path("tls") / "ca.pem"
"""In the data folder, where `caretaker up --lan` puts them."""
REFUSED_LOOKED_AT = 200
"""Of the newest in the quarantine."""
SHEET = ("id", "site", "kind", "area", "interval_s", "metrics", "name_en", "name_zh", "labels")
NOT_SIMULATED = "simulated=no"
"""Keeps the simulators from speaking in its name."""


class Waiting(Answer):
    """A device of a site."""

    id: str
    names: Names
    kind: str
    spoke: datetime | None
    """Null: it has never spoken."""


class Guide(Answer):
    """How one device speaks."""

    device: str
    site: str
    names: Names
    kind: str
    topic: str
    payload: str
    """An example, as JSON: values such as its neighbours say."""
    command: str
    """For a shell that has Mosquitto's client."""
    host: str
    port: int
    """An MQTT 5 listener."""
    open_here: bool
    """On this machine only, and nobody is asked for a password."""
    user: str | None
    """With a password; None: none is asked for."""
    passwords: str | None
    """The file in which the passwords stand, within the data folder; None: where they are is for the broker to say."""
    authority: str | None
    """The file by which the broker's certificate is known, within the data folder."""


class Heard(Answer):
    """What has come of it."""

    spoke: datetime | None
    """Null: nothing has arrived."""
    latest: Sequence[Latest]
    refused: Quarantined | None
    """The newest message of this device that was refused, if it is newer than what arrived."""
    refusals_known: bool
    """False: the quarantine can't be asked."""


class SheetFault(StrEnum):
    """Why a line would not be taken."""

    ID = "id"
    """Not 1 to 64 of a-z, 0-9, _ and -."""
    TAKEN = "taken"
    """Another device has this id."""
    KIND = "kind"
    """Not a word of a-z, 0-9 and _."""
    AREA = "area"
    """The site has none of this id."""
    INTERVAL = "interval"
    """Not a number of seconds, above 0, at most a year."""
    METRICS = "metrics"
    """None, or one that the catalogue does not have."""


class NewDevice(Struct, frozen=True):
    """What somebody says of a device that is to be added, as it was typed."""

    id: str
    site: str
    kind: str
    metrics: Sequence[str]
    area: str = ""
    interval_s: str = ""
    """Empty: it speaks when something happens."""
    name_en: str = ""
    name_zh: str = ""


class SheetLine(Answer):
    """A device as it is written in devices.csv."""

    header: str
    line: str
    faults: Sequence[SheetFault]


async def waiting(sources: Sources, caller: Caller, site_id: str) -> Sequence[Waiting]:
    """The devices of a site, those first that have never spoken. Raises `NotFoundError`."""
    require_reader(caller, Role.OPERATOR)
    site_of(sources, caller, site_id)
    now, metrics = sources.now, sources.registry.metrics
    found = [
        Waiting(
            id=one.id,
            names=one.names,
            kind=one.kind,
            spoke=moment_or_none(standing.spoke_ns(now, metrics, one)),
        )
        for one in devices_at(sources.registry, site_id)
    ]
    return sorted(found, key=lambda one: (one.spoke is not None, one.id))


async def guide(sources: Sources, caller: Caller, device_id: str) -> Guide:
    """Raises `NotFoundError`."""
    require_reader(caller, Role.OPERATOR)
    device = device_of(sources, caller, device_id)
    broker = sources.settings.broker
    own = topic(device.site, device.id)
    # Some clients tell the broker the address that they connect to as its name, and its TLS refuses that.
    host = node() if broker.encrypted and is_loopback(broker.host) else broker.host
    payload = json.dumps({"values": example_values(sources, caller, device)}, ensure_ascii=False)
    locked = broker.username is not None or broker.encrypted
    passwords = (sources.data / PASSWORDS).exists()
    authority = (sources.data / AUTHORITY).exists() and broker.encrypted
    return Guide(
        device=device.id,
        site=device.site,
        names=device.names,
        kind=device.kind,
        topic=own,
        payload=payload,
        command=command(
            host, broker.port, own, payload, device.id if locked else None, AUTHORITY if authority else None
        ),
        host=host,
        port=broker.port,
        open_here=not locked and is_loopback(broker.host),
        user=device.id if locked else None,
        passwords=str(PASSWORDS) if locked and passwords else None,
        authority=str(AUTHORITY) if authority else None,
    )


async def heard(sources: Sources, caller: Caller, device_id: str) -> Heard:
    """Raises `NotFoundError`."""
    require_reader(caller, Role.OPERATOR)
    device = device_of(sources, caller, device_id)
    spoke_ns = standing.spoke_ns(sources.now, sources.registry.metrics, device)
    spoke = moment_or_none(spoke_ns)
    refused, known = await _refused(sources, caller, device)
    if refused is not None and spoke is not None and refused.received <= spoke:
        refused = None
    return Heard(
        spoke=spoke,
        latest=[one for one in latest_of(sources, caller, device) if one.metric in device.metrics],
        refused=refused,
        refusals_known=known,
    )


def command(host: str, port: int, own: str, payload: str, user: str | None, authority: Path | None) -> str:
    """What publishes one reading from a shell. The password is asked for where the sentence says it stands."""
    words = ["mosquitto_pub", "-V", "5", "-h", host, "-p", str(port)]
    if authority is not None:
        words += ["--cafile", str(authority)]
    if user is not None:
        words += ["-u", user, "-P", "PASSWORD"]
    words += ["-q", "1", "-t", own, "-m", payload]
    return shlex.join(words)


def example_values(sources: Sources, caller: Caller, device: Device) -> Mapping[str, float | bool | str]:
    """One value for each of its metrics: as a neighbour of its kind said it last, else from the plausible range."""
    registry, now = sources.registry, sources.now
    neighbours = [
        one
        for one in registry.devices.values()
        if one.kind == device.kind and one.id != device.id and caller.sees(one.site)
    ]
    values: dict[str, float | bool | str] = {}
    for name in device.metrics:
        metric = registry.metrics[name]
        if metric.source is not Source.DEVICE:
            continue
        said = next((found.value for one in neighbours if (found := now.of(one.id).get(name)) is not None), None)
        values[name] = example_value(metric, said if caller.reads(metric) else None)
    return values


def example_value(metric: Metric, said: float | str | None) -> float | bool | str:
    """As a device writes it. `said`: what another one said."""
    if metric.kind is Kind.TEXT:
        return said if isinstance(said, str) else "1.0"
    if metric.kind in {Kind.STATE, Kind.EVENT} and metric.possible_max == 1.0:
        return said != 0.0
    number = said if isinstance(said, float) else _middle(metric)
    rounded = round(number, max(metric.decimals, 0))
    return int(rounded) if metric.decimals == 0 else rounded


def sheet_line(sources: Sources, caller: Caller, new: NewDevice) -> SheetLine:
    """The line for devices.csv, and what is wrong with it. Raises `NotFoundError` for a site that is not there."""
    require_reader(caller, Role.OPERATOR)
    place = site_of(sources, caller, new.site)
    wrong = {
        SheetFault.ID: not ID.fullmatch(new.id),
        SheetFault.TAKEN: new.id in sources.registry.devices,
        SheetFault.KIND: not KIND.fullmatch(new.kind),
        SheetFault.AREA: bool(new.area) and new.area not in place.areas,
        SheetFault.INTERVAL: bool(new.interval_s) and not _is_interval(new.interval_s),
        SheetFault.METRICS: not new.metrics or any(name not in sources.registry.metrics for name in new.metrics),
    }
    values = (
        *(new.id, new.site, new.kind, new.area, new.interval_s, " ".join(new.metrics)),
        *(new.name_en, new.name_zh, NOT_SIMULATED),
    )
    return SheetLine(header=_row(SHEET), line=_row(values), faults=[fault for fault in SheetFault if wrong[fault]])


def kinds(sources: Sources, caller: Caller) -> Mapping[str, Sequence[str]]:
    """The kinds that there are, each with the metrics of its first device."""
    require_reader(caller, Role.OPERATOR)
    found: dict[str, Sequence[str]] = {}
    for device in sources.registry.devices.values():
        if caller.sees(device.site):
            found.setdefault(device.kind, device.metrics)
    return dict(sorted(found.items()))


async def _refused(sources: Sources, caller: Caller, device: Device) -> tuple[Quarantined | None, bool]:
    """The newest message of the device in quarantine, and whether it could be asked."""
    try:
        page = await quarantine(sources, caller, None, Page(limit=REFUSED_LOOKED_AT))
    except AwayError:
        return None, False
    return next((one for one in page.items if f"/{device.id}/" in f"{one.topic}/"), None), True


def _middle(metric: Metric) -> float:
    """Within the plausible range, where it has one: a tenth of the way, for most things are nearer to nothing."""
    if isinf(metric.plausible_min) or isinf(metric.plausible_max):
        return 1.0
    return metric.plausible_min + (metric.plausible_max - metric.plausible_min) / 10


def _is_interval(text: str) -> bool:
    try:
        return 0 < float(text) <= MAX_INTERVAL_S
    except ValueError:
        return False


def _row(values: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()
