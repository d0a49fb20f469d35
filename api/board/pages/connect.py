"""Connect a device: which one, where it publishes and what, and whether anything has come of it."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from nicegui import ui

from api.board import parts
from api.board.frame import Board, Visit
from api.board.pages.shown import shown, trust_of
from api.problem import NotFoundError
from api.queries import connect as query
from api.queries.answer import time_ns_of
from api.queries.connect import Guide, Heard, NewDevice, SheetFault
from api.queries.quarantine import Quarantined
from telemetry.wording import later

LOOK_EVERY_S = 2.0
PAYLOAD_CHARS = 400
"""Of a refused message."""
FAULTS: Mapping[SheetFault, str] = {
    SheetFault.ID: later("The id has 1 to 64 of a-z, 0-9, _ and -."),
    SheetFault.TAKEN: later("Another device has this id."),
    SheetFault.KIND: later("The kind is a word of a-z, 0-9 and _, such as toilet_odour."),
    SheetFault.AREA: later("The site has no such area."),
    SheetFault.INTERVAL: later("The interval is a number of seconds, or empty where it speaks when something happens."),
    SheetFault.METRICS: later("Name at least one metric of the catalogue, and no other words."),
}


def add(board: Board) -> None:
    """Register it."""
    board.page("/connect", "Connect a device")(connect)


async def connect(visit: Visit, site: str = "", device: str = "") -> None:
    """Step by step. The address holds what was chosen."""
    words, registry = visit.words, visit.sources.registry
    caller = await visit.caller()
    known = registry.devices.get(device)
    if known is not None and caller.sees(known.site):
        site = known.site
    parts.heading(words("Connect a device"), words("A device needs a line in the registry, and a topic to publish to."))
    sites = {one.id: words.name(one.names, one.id) for one in registry.sites.values() if caller.sees(one.id)}
    with parts.section(words("1. Which device?")):
        if site not in sites:
            site = ""
        options = {"": words("Choose a site"), **sites}
        with parts.tag("div", classes="narrowing"):
            chosen = parts.field(
                words("Site"),
                kind="select",
                initial=site,
                options=options,
                on_change=lambda: visit.go(_here(site=chosen.value)),
            )
            if site:
                await _devices(visit, site, device)
    if device:
        await _again(visit, lambda: _connected(visit, device))
    elif site:
        with parts.section(words("Or add a new one")):
            await _new(visit, site)


def _here(**fields: str) -> str:
    return f"/connect?{urlencode({name: value for name, value in fields.items() if value})}"


async def _devices(visit: Visit, site: str, device: str) -> None:
    words = visit.words
    found = await query.waiting(visit.sources, await visit.caller(), site)
    options = {"": words("Choose a device")}
    for one in found:
        name = words.name(one.names, one.id)
        note = words("never heard") if one.spoke is None else words("speaks already")
        options[one.id] = f"{name} ({one.id}): {note}"
    chosen = parts.field(
        words("Device"),
        kind="select",
        initial=device,
        options=options,
        on_change=lambda: visit.go(_here(site=site, device=chosen.value)),
    )


async def _again(visit: Visit, build: Callable[[], Awaitable[None]]) -> None:
    """Draw it, and again every two seconds: a refusal is news that no reading brings."""
    with parts.tag("div") as place:
        await build()
    ui.timer(LOOK_EVERY_S, lambda: visit.redraw(place, build), immediate=False)


async def _connected(visit: Visit, device: str) -> None:
    words = visit.words
    caller = await visit.caller()
    try:
        guide = await query.guide(visit.sources, caller, device)
    except NotFoundError:
        parts.message(
            words("{device} is not in the registry yet. Its file is looked at every two seconds.", device=device)
        )
        return
    heard = await query.heard(visit.sources, caller, device)
    with parts.section(words("2. Publish")):
        _guide(visit, guide)
    with parts.section(words("3. See it arrive")):
        _heard(visit, guide, heard)


def _guide(visit: Visit, guide: Guide) -> None:
    words = visit.words
    with parts.tag("dl", classes="facts facts-left"):
        _copied(words("Topic"), guide.topic, words("Copy"))
        _copied(words("Payload"), guide.payload, words("Copy"))
        with _row(words("Broker")):
            parts.tag("span", words("{host}, port {port}, MQTT 5, QoS 1", host=guide.host, port=guide.port))
        with _row(words("Credentials")):
            parts.tag("span", _credentials(visit, guide))
    parts.tag("p", words("Ready to paste, with Mosquitto's client:"), "before-code")
    with parts.tag("div", classes="paste"):
        parts.tag("pre", guide.command, tabindex="0", aria_label=words("Command"))
        _copy(words("Copy"))
    parts.tag(
        "p",
        words(
            'Add "time" (RFC 3339, or milliseconds since 1970) where the device has a clock: then a reading that is '
            "sent twice is one reading. Do not set the retain flag."
        ),
        "quiet",
    )


def _credentials(visit: Visit, guide: Guide) -> str:
    words = visit.words
    if guide.open_here:
        return words("None: the broker listens on this machine only. For others start it with --lan.")
    if guide.user is None:
        return words("None.")
    said = words("User {user}.", user=guide.user) + " "
    if guide.passwords is None:
        return said + words("Its password is the one that the broker has for it.")
    said += words("Its password stands in {file} in the data folder.", file=guide.passwords)
    if guide.authority is not None:
        said += " " + words("The broker's authority is {file}, there too.", file=guide.authority)
    return said


def _copied(title: str, text: str, copy: str) -> None:
    with _row(title), parts.tag("div", classes="paste"):
        parts.tag("code", text)
        _copy(copy)


def _copy(text: str) -> None:
    button = parts.button(text, classes="plain")
    button.on("click", js_handler="(e) => navigator.clipboard?.writeText(e.target.previousElementSibling.textContent)")


def _row(title: str) -> parts.Tag:
    with parts.tag("div", classes="fact"):
        parts.tag("dt", title)
        return parts.tag("dd")


def _heard(visit: Visit, guide: Guide, heard: Heard) -> None:
    words, now_ns = visit.words, visit.now_ns()
    if heard.refused is not None:
        _refused(visit, heard.refused)
    elif heard.spoke is None:
        with parts.tag("div", classes="edge edge-unknown heard", role="status"):
            parts.tag("p", words("Waiting for the first reading on {topic} …", topic=guide.topic), "heard-what")
            parts.tag(
                "p", words("Leave this page open: it tells at once what came, and why, if it was refused."), "quiet"
            )
    else:
        with parts.tag("div", classes="edge heard arrived", role="status"):
            with parts.tag("p", classes="heard-what"):
                parts.tag("span", classes="shape shape-fine", aria_hidden="true")
                parts.tag("span", words("It is connected."))
            parts.tag("p", words("Last reading {ago}.", ago=words.ago(time_ns_of(heard.spoke), now_ns)), "quiet")
    if heard.latest:
        columns = [
            parts.Column(words("Metric")),
            parts.Column(words("Value"), number=True),
            parts.Column(words("Quality")),
        ]
        rows = [
            (
                words.name(one.names, one.metric),
                lambda one=one: shown(visit, one, guide.site),
                trust_of(visit, one),
            )
            for one in heard.latest
        ]
        parts.table(columns, rows, words("What came"), "narrow")
        with parts.tag("p", classes="actions"):
            parts.link(words("Open the device"), f"/devices/{guide.device}", "button")
    if not heard.refusals_known:
        parts.tag("p", words("Whether something was refused can't be asked just now."), "quiet")


def _refused(visit: Visit, refused: Quarantined) -> None:
    words = visit.words
    with parts.tag("div", classes="edge edge-attention heard", role="alert"):
        with parts.tag("p", classes="heard-what state-attention"):
            parts.tag("span", classes="shape shape-attention", aria_hidden="true")
            parts.tag("span", words("It was refused: {reason}", reason=refused.reason.value.replace("_", " ")))
        parts.tag("p", refused.detail)
        ago = words.ago(time_ns_of(refused.received), visit.now_ns())
        parts.tag("p", words("{ago}, on {topic}", ago=ago, topic=refused.topic), "quiet")
        parts.tag("pre", refused.payload[:PAYLOAD_CHARS], tabindex="0", aria_label=words("Message"))
        parts.link(words("In the quarantine"), "/quarantine")


async def _new(visit: Visit, site: str) -> None:
    words, place = visit.words, visit.sources.registry.sites[site]
    kinds = query.kinds(visit.sources, await visit.caller())
    with parts.tag("div", classes="new-device"):
        name = parts.field(words("Id"), note=words("a-z, 0-9, _ and -"))
        kind = parts.field(words("Kind"), list="kinds")
        areas = {"": words("None"), **{one.id: words.name(one.names, one.id) for one in place.areas.values()}}
        area = parts.field(words("Area"), kind="select", options=areas)
        interval = parts.field(words("Seconds between readings"), kind="number", note=words("Empty: at events only"))
        metrics = parts.field(words("Metrics"), note=words("Empty: those of its kind"))
        english = parts.field(words("Name in English"))
        chinese = parts.field(words("Name in Chinese"))
    with parts.tag("datalist", id="kinds"):
        for one in kinds:
            parts.tag("option", value=one)

    async def show() -> None:
        measured = metrics.value.split() or kinds.get(kind.value, ())
        new = NewDevice(
            name.value, site, kind.value, measured, area.value, interval.value, english.value, chinese.value
        )
        line = query.sheet_line(visit.sources, await visit.caller(), new)
        result.clear()
        with result:
            if line.faults:
                parts.message(" ".join(words(FAULTS[fault]) for fault in line.faults), trouble=True)
                return
            parts.tag("p", words("Add this to a devices*.csv of the configuration; its first line says the columns:"))
            with parts.tag("div", classes="paste"):
                parts.tag("pre", f"{line.header}\n{line.line}", tabindex="0", aria_label=words("Line for devices.csv"))
                _copy(words("Copy"))
            parts.link(words("Go on with {device}", device=new.id), _here(site=site, device=new.id), "button primary")

    async def clicked() -> None:
        await visit.act(show())

    with parts.tag("p", classes="actions"):
        parts.button(words("Show its line"), clicked)
    result = parts.tag("div", aria_live="polite")
