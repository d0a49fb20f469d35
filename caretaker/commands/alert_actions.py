"""`caretaker alerts ack|assign|comment|resolve|silence|unsilence|dead`: what asks the alert service for something.

A wish is put into the database, and the service fulfils it: so it is there within a second, or when the service comes.
"""

import getpass
import time
from collections.abc import Callable, Sequence
from typing import Annotated, ParamSpec

import typer

from alerts.desk import Desk, Status
from alerts.labels import match
from caretaker.alert_place import desk, known_alert, zone_of
from caretaker.alert_records import DELIVERY, SILENCE, delivery_row, silence_row
from caretaker.alert_story import person_text
from caretaker.alert_words import AlertWords
from caretaker.choice import known
from caretaker.commands.quarantine import printable
from caretaker.matchers import MatcherError, matchers_of
from caretaker.moments import MomentError, age_text, local_text, moment_ns, now_ns, span_s
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Exit, Format, FormatOption, fail, note, report, rows
from telemetry.reading import NS_PER_S

ANSWER_LIMIT_S = 5.0
LOOK_EVERY_S = 0.05
LISTED = 1000
P = ParamSpec("P")

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", show_default=False)]
ByOption = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who asks for it.", show_default="your login name")
]
CommentOption = Annotated[str | None, typer.Option("--comment", "-m", help="What others should know.")]


def ack(
    ids: IdsArgument,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    by: ByOption = None,
    comment: CommentOption = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="Ends by itself, and reminders go on: 2h, 1d.")
    ] = None,
) -> None:
    """Say that you have it: reminders and escalation stop, the alert stays until it is over.

    [bold]caretaker alerts ack 3fa2 --comment "on my way" --for 2h[/bold]
    """
    until_ns = None if for_ is None else now_ns() + _span_ns(for_)
    with desk(config, data) as (place, _):
        _all(place, ids, lambda alert: place.acknowledge(alert, _name(by), comment, until_ns), "acknowledged")


def assign(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],  # noqa: A002 - what it is called
    person: Annotated[str, typer.Argument(metavar="PERSON", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    by: ByOption = None,
    comment: CommentOption = None,
) -> None:
    """Give an alert to a person, who is told at once: it is acknowledged in their name.

    [bold]caretaker alerts assign 3fa2 technician --comment "pump room, please"[/bold]

    PERSON is an id of people.yaml.
    """
    with desk(config, data) as (place, words):
        people = words.registry.people
        known([person], people, "person", f"people.yaml has {', '.join(people) or 'nobody'}")
        done = f"assigned to {people[person].name}"
        _all(place, [id], lambda alert: place.assign(alert, person, _name(by), comment), done)


def comment(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],  # noqa: A002 - what it is called
    text: Annotated[str, typer.Argument(metavar="TEXT", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    by: ByOption = None,
) -> None:
    """Add a remark to an alert.

    [bold]caretaker alerts comment 3fa2 "valve closed, plumber called"[/bold]
    """
    if not text.strip():
        fail("an empty comment", 'caretaker alerts comment 3fa2 "valve closed"', Exit.USAGE)
    with desk(config, data) as (place, _):
        _all(place, [id], lambda alert: place.comment(alert, _name(by), text), "noted")


def resolve(
    ids: IdsArgument,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    by: ByOption = None,
    comment: CommentOption = None,
) -> None:
    """End an alert that only a person can end, such as a call for help. All others end by themselves.

    [bold]caretaker alerts resolve 3fa2 --comment "she is well"[/bold]
    """
    with desk(config, data) as (place, _):
        _all(place, ids, lambda alert: place.resolve(alert, _name(by), comment), "resolved")


def silence(
    matchers: Annotated[list[str] | None, typer.Argument(metavar="[LABEL=VALUE]…", show_default=False)] = None,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    for_: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="How long: 2h, 3d.")] = None,
    start: Annotated[str, typer.Option("--from", metavar="MOMENT", help="From when on; now if not said.")] = "now",
    reason: Annotated[str | None, typer.Option("--reason", help="Why: others will ask.")] = None,
    by: ByOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Tell nobody of some alerts for a while; without arguments list the silences.

    [bold]caretaker alerts silence rule=odour site=mong-kok-market --for 2h --reason "deep cleaning"[/bold]

    Labels: rule, severity, device, kind, site, site_kind, area, area_type,
    gateway, and those of your rules and devices. All have to match; * stands
    for anything, a|b for either. Alerts are raised and kept all the same.
    """
    with desk(config, data) as (place, words):
        if not matchers and for_ is None and reason is None:
            _list_silences(place, words, format)
            return
        if for_ is None or reason is None or not reason.strip():
            fail("a silence needs an end and a reason", '--for 2h --reason "deep cleaning"', Exit.USAGE)
        try:
            wanted = matchers_of(matchers or (), words)
        except MatcherError as error:
            fail(str(error), error.mend, Exit.USAGE)
        zone, at_ns = zone_of(words.registry, None), now_ns()
        start_ns = _moment_ns(start, at_ns, words)
        end_ns = start_ns + _span_ns(for_)
        if end_ns <= at_ns:
            fail("this silence would be over before it begins", "a later --from, or a longer --for", Exit.USAGE)
        active = place.alerts(limit=LISTED)
        matching = sum(match(wanted, words.labels(alert)) for alert in active)
        action = _asked(place.silence, wanted, start_ns, end_ns, _name(by), reason)
        until = local_text(end_ns, zone)
        _settle(place, {action: f"silenced until {until}; {matching} of {len(active)} active alerts match"})


def unsilence(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],  # noqa: A002 - what it is called
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    by: ByOption = None,
) -> None:
    """End a silence now. `caretaker alerts silence` lists them.

    [bold]caretaker alerts unsilence 71c0[/bold]
    """
    with desk(config, data) as (place, _):
        found = [one.id for one in place.silences(now_ns()) if one.id.startswith(id)]
        if len(found) != 1:
            many = f"{len(found)} silences begin" if found else "no silence begins"
            fail(f"{many} with {id!r}", "`caretaker alerts silence` lists them", Exit.USAGE)
        action = _asked(place.unsilence, found[0], _name(by))
        _settle(place, {action: f"silence {found[0]} has ended"})


def dead(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    retry: Annotated[
        list[str] | None, typer.Option("--retry", metavar="ID", help="Send this one again; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List the messages that no receiver will ever take, with the reason; send them again once it is mended.

    [bold]caretaker alerts dead --retry msg_2KWPBgLlAfxdpx2AI54pPJ85f4W[/bold]
    """
    with desk(config, data) as (place, words):
        if retry:
            refused = [one for one in retry if not place.retry(one)]
            note(f"{len(retry) - len(refused)} will be sent again.")
            if refused:
                fail(f"no dead letter {', '.join(refused)}", "`caretaker alerts dead` lists them", Exit.USAGE)
            return
        found = place.deliveries(status=Status.DEAD, limit=limit)
    if format is not Format.TABLE:
        rows(DELIVERY, (delivery_row(one) for one in found), format)
        return
    at_ns = now_ns()
    rows(
        ("id", "age", "to", "by", "attempts", "reason", "message"),
        (
            (
                one.delivery.id,
                age_text((at_ns - one.delivery.created_ns) / NS_PER_S),
                person_text(one.delivery.person, words),
                one.delivery.channel,
                one.delivery.attempts,
                printable(one.detail),
                printable(one.delivery.message.title),
            )
            for one in found
        ),
    )
    note(f"{len(found) or 'No'} dead letters.")


def _all(place: Desk, ids: Sequence[str], ask: Callable[[str], int], done: str) -> None:
    alerts = [known_alert(place, name) for name in dict.fromkeys(ids)]
    over = [alert.id for alert in alerts if not alert.active]
    if over:
        fail(f"{', '.join(over)}: resolved already", "`caretaker alerts list` shows what is active")
    _settle(place, {_asked(ask, alert.id): f"{alert.id} {done}" for alert in alerts})


def _asked(ask: Callable[P, int], *args: P.args, **kwargs: P.kwargs) -> int:
    try:
        return ask(*args, **kwargs)
    except ValueError as error:
        fail(str(error), code=Exit.USAGE)


def _settle(place: Desk, wishes: dict[int, str]) -> None:
    """Wait until the service has answered all wishes, or for some seconds; say what became of each."""
    limit = time.monotonic() + ANSWER_LIMIT_S
    refused = False
    while wishes and time.monotonic() < limit:
        for action in [*wishes]:
            if (outcome := place.outcome(action)) is None:
                continue
            said = wishes.pop(action)
            if outcome.why_not is None:
                note(f"{said}.")
            else:
                report(f"{said.split()[0]}: {outcome.why_not}", "`caretaker alerts show ID` tells how it stands")
                refused = True
        if wishes:
            time.sleep(LOOK_EVERY_S)
    if wishes:
        fail(
            "the alert service has not answered; the wish is kept, and fulfilled when it runs",
            "is it running? `caretaker run alerts` starts it",
            Exit.UNAVAILABLE,
        )
    if refused:
        raise typer.Exit(Exit.PROBLEM)


def _list_silences(place: Desk, words: AlertWords, format: Format) -> None:  # noqa: A002 - the option's name
    at_ns = now_ns()
    found = place.silences(at_ns)
    if format is not Format.TABLE:
        rows(SILENCE, (silence_row(one) for one in found), format)
        return
    zone = zone_of(words.registry, None)
    rows(
        ("id", "alerts with", "from", "until", "by", "reason"),
        (
            (
                one.id,
                " ".join(f"{label}={value}" for label, value in one.matchers.items()),
                local_text(one.start_ns, zone),
                local_text(one.end_ns, zone),
                printable(one.author),
                printable(one.reason),
            )
            for one in found
        ),
    )
    if not found:
        note("Nothing is silenced.")


def _span_ns(text: str) -> int:
    try:
        return round(span_s(text) * NS_PER_S)
    except MomentError as error:
        fail(str(error), code=Exit.USAGE)


def _moment_ns(text: str, at_ns: int, words: AlertWords) -> int:
    try:
        return moment_ns(text, zone_of(words.registry, None), at_ns)
    except MomentError as error:
        fail(str(error), code=Exit.USAGE)


def _name(by: str | None) -> str:
    """Who says it; the login name, where this user has one."""
    try:
        return by or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have none
        fail("this user has no login name", "say who it is: --by NAME", Exit.USAGE)
