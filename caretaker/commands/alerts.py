"""`caretaker alerts`: the questions. What asks the alert service for something stands in `alert_actions.py`."""

from typing import Annotated

import typer

from alerts.notice import Channel
from caretaker.alert_place import desk, known_alert, zone_of
from caretaker.alert_records import (
    ALERT,
    DELIVERY,
    SILENCE,
    TRANSITION,
    alert_row,
    delivery_row,
    silence_row,
    transition_row,
)
from caretaker.alert_story import CAUSES, Story, person_text, silences_of, tell
from caretaker.alert_words import MEASURED, SHORT, change_text, holder
from caretaker.choice import span_ns
from caretaker.commands.alert_actions import ack, assign, comment, dead, resolve, silence, unsilence
from caretaker.commands.quarantine import printable
from caretaker.moments import age_text, local_text, now_ns
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption, LanguageOption
from caretaker.output import Format, FormatOption, document, note, rows, say
from telemetry.reading import NS_PER_S

app = typer.Typer(
    epilog="The beginning of an id is enough. Only the alert service changes alerts: a wish waits until it runs."
)
LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


@app.command("list")
def list_(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Those that are resolved too.")] = False,
    limit: LimitOption = 100,
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List what is wrong now, most severe first.

    [bold]caretaker alerts list --language zh-Hant[/bold]
    """
    with desk(config, data, language) as (place, words):
        found = place.alerts(active=None if all_ else True, limit=limit)
        at_ns = now_ns()
        silences = place.silences(at_ns)
        if format is not Format.TABLE:
            rows(ALERT, (alert_row(alert, words) for alert in found), format)
            return
        rows(
            ("id", "age", "severity", "what", "where", "value", "who has it"),
            (
                (
                    alert.id[:SHORT],
                    age_text((at_ns - alert.raised_ns) / NS_PER_S),
                    words.severity(alert.severity) if alert.active else "resolved",
                    words.name(alert.rule),
                    ", ".join(filter(None, (words.site_name(alert), words.device_name(alert)))),
                    words.shown(alert) or None,
                    printable(holder(alert, at_ns)) or None,
                )
                for alert in found
            ),
        )
        quiet = sum(bool(silences_of(alert, silences, words)) for alert in found if alert.active)
        active = sum(alert.active for alert in found)
    note(f"{active or 'No'} active{f', {quiet} of them silenced' if quiet else ''}.")
    if len(found) == limit:
        note(f"There may be more: --limit {limit * 10}")


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],  # noqa: A002 - what it is called
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Tell the whole story of one alert: why, since when, who was told, what to do.

    [bold]caretaker alerts show 3fa2[/bold]
    """
    with desk(config, data, language) as (place, words):
        alert = known_alert(place, id)
        at_ns = now_ns()
        story = Story(
            alert,
            place.transitions(alert.id),
            place.deliveries(alert=alert.id),
            place.untold(alert.id),
            silences_of(alert, place.silences(at_ns), words),
            at_ns,
        )
    if format is Format.TABLE:
        tell(story, words)
        return
    document(
        {
            **dict(zip(ALERT, alert_row(alert, words), strict=True)),
            "labels": dict(words.labels(alert)),
            "transitions": [dict(zip(TRANSITION, transition_row(one), strict=True)) for one in story.transitions],
            "deliveries": [dict(zip(DELIVERY, delivery_row(one), strict=True)) for one in story.deliveries],
            "untold": dict(story.untold),
            "silences": [dict(zip(SILENCE, silence_row(one), strict=True)) for one in story.silences],
        }
    )


@app.command()
def history(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    start: Annotated[
        str, typer.Option("--from", metavar="MOMENT", help="24h (ago), 2026-11-20, 2026-11-20T08:00 or with an offset.")
    ] = "24h",
    end: Annotated[str, typer.Option("--to", metavar="MOMENT", help="The same; not included.")] = "now",
    rule: Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only this rule.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="ID", help="Only this device.")] = None,
    limit: LimitOption = 1000,
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show everything that happened to alerts, in the order in which it became true.

    [bold]caretaker alerts history --rule leak --from 7d[/bold]

    Dates are taken in the time zone of the device, or of the first site.
    """
    with desk(config, data, language) as (place, words):
        start_ns, end_ns = span_ns(start, end, zone_of(words.registry, device))
        found = place.history(since_ns=start_ns, until_ns=end_ns, rule=rule, device=device, limit=limit)
    if format is not Format.TABLE:
        rows(TRANSITION, (transition_row(one) for one in found), format)
        return
    rows(
        ("when", "alert", "severity", "change", "what", "where", "value", "by"),
        (
            (
                local_text(one.at_ns, words.zone(one)),
                one.alert[:SHORT],
                words.severity(one.severity),
                change_text(one, words),
                words.name(one.rule),
                ", ".join(filter(None, (words.site_name(one), words.device_name(one)))),
                words.shown(one) if one.change in MEASURED else None,
                None if one.by is None else printable(one.by),
            )
            for one in found
        ),
    )
    if not found:
        note("Nothing happened in that time.")
    elif len(found) == limit:
        note(f"There may be more: a later --from, or --limit {limit * 10}")


@app.command()
def inbox(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    person: Annotated[str | None, typer.Option("--person", metavar="ID", help="Only what this person got.")] = None,
    limit: LimitOption = 10,
    *,
    text: Annotated[bool, typer.Option("--text", help="The messages whole, not only their titles.")] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Read the local inbox: the messages to people who have no other receiver, newest first.

    [bold]caretaker alerts inbox --person duty-attendant --text[/bold]
    """
    with desk(config, data) as (place, words):
        found = place.deliveries(person=person, channel=Channel.INBOX, limit=limit)
    if format is not Format.TABLE:
        columns = (*DELIVERY, "text")
        rows(columns, ((*delivery_row(one), one.delivery.message.text) for one in found), format)
        return
    zone, at_ns = zone_of(words.registry, None), now_ns()
    if text:
        for one in found:
            delivery = one.delivery
            say(f"{local_text(delivery.created_ns, zone)}  to {person_text(delivery.person, words)}")
            say(f"{printable(delivery.message.title)}\n")
            say(f"{printable(delivery.message.text, keep=chr(10)).rstrip()}\n")
    else:
        rows(
            ("age", "to", "because", "message"),
            (
                (
                    age_text((at_ns - one.delivery.created_ns) / NS_PER_S),
                    person_text(one.delivery.person, words),
                    CAUSES[one.delivery.cause],
                    printable(one.delivery.message.title),
                )
                for one in found
            ),
        )
    if not found:
        note("The inbox is empty.")


# What asks for something; in one group with the questions, because people look for it there.
for wish in (ack, assign, comment, resolve, silence, unsilence, dead):
    app.command()(wish)
