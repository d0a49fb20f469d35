"""`caretaker quarantine list|show|replay|export`: what was not admitted, and why.

Looking reads the journal's file, beside the ingestor or without it. Replaying is the ingestor's work: only it writes.
"""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from caretaker.deployment import explained
from caretaker.moments import age_text, now_ns, utc_text
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Cell, Exit, Format, FormatOption, document, fail, note, rows, say
from caretaker.progress import progress_bar
from caretaker.service_call import ServiceRefusedError, post
from deploy.doctor.embedded import LOOPBACK, find_embedded
from ingestor.quarantine import Quarantine, Quarantined
from ingestor.settings import load_settings
from telemetry.message import Reason
from telemetry.reading import NS_PER_S

app = typer.Typer(
    epilog="A new device that sent before it stood in devices.csv: add it, then "
    "[bold]caretaker quarantine replay --reason unknown_device[/bold]"
)
ReasonOption = Annotated[Reason | None, typer.Option("--reason", help="Only this reason.", metavar="REASON")]


@app.command("list")
def list_(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    before: Annotated[int | None, typer.Option(metavar="ID", help="Older than this one: the next page.")] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List quarantined messages, newest first.

    [bold]caretaker quarantine list --reason impossible_value[/bold]
    """
    with explained(), _readable():
        kept = _quarantine(config, data)
        page = kept.newest(reason=reason, before=before, limit=limit)
        counts = kept.counts()
    if format is Format.TABLE:
        at_ns = now_ns()
        rows(
            ("id", "age", "reason", "topic", "detail"),
            (
                (
                    one.id,
                    age_text((at_ns - one.received_ns) / NS_PER_S),
                    one.reason,
                    printable(one.topic),
                    printable(one.detail),
                )
                for one in page
            ),
        )
        by_reason = ", ".join(f"{name} {count}" for name, count in counts.items())
        note(f"{sum(counts.values())} in quarantine{': ' if counts else '.'}{by_reason}")
    else:
        columns = ("id", "received", "reason", "readings", "topic", "detail", "payload")
        rows(columns, (_for_programs(one) for one in page), format)


@app.command()
def show(
    id: Annotated[int, typer.Argument(metavar="ID", show_default=False)],  # noqa: A002 - what it is called
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show one quarantined message whole, with what was found and what is expected.

    [bold]caretaker quarantine show 17[/bold]
    """
    with explained(), _readable():
        one = _quarantine(config, data).get(id)
    if one is None:
        fail(
            f"{id} is not in quarantine",
            "it was replayed, or made room; `caretaker quarantine list` shows what is there",
        )
    if format is not Format.TABLE:
        document(msgspec.json.decode(exported(one)))
        return
    facts: tuple[tuple[Cell, ...], ...] = (
        ("id", str(one.id)),
        ("reason", one.reason),
        ("detail", printable(one.detail)),
        ("topic", printable(one.topic)),
        ("received", f"{utc_text(one.received_ns)} ({age_text((now_ns() - one.received_ns) / NS_PER_S)} old)"),
        ("retained", one.retained),
        ("readings lost", str(one.readings)),
        ("bytes", str(len(one.payload))),
    )
    rows(("what", "found"), facts)
    say("")
    say(printable(one.payload.decode("utf-8", "backslashreplace"), keep="\n\t"))


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID…", show_default=False)] = None,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    reason: ReasonOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Admit quarantined messages again, as at their first arrival; what is still refused stays.

    [bold]caretaker quarantine replay 17 18[/bold]
    [bold]caretaker quarantine replay --reason unknown_device[/bold]

    The ingestor does it, with the configuration that it has now: it reloads a
    changed one by itself within seconds. The exit code is 1 if something is
    still refused, 3 if the ingestor does not answer.
    """
    if bool(ids) == (reason is not None):
        fail(
            "name ids, or a reason", "caretaker quarantine replay 17 18, or: replay --reason unknown_device", Exit.USAGE
        )
    with explained():
        settings, embedded = load_settings(config, data).http, find_embedded(data)
        host, port = (settings.host, settings.port) if embedded is None else (LOOPBACK, embedded.ports.ingestor)
        wanted: dict[str, object] = {"ids": ids} if ids else {"reason": reason}
        try:
            results: dict[str, int] = post(host, port, "/quarantine/replay", wanted, settings.secret())
        except ServiceRefusedError as refused:
            fail(f"the ingestor says {refused}")
    rows(("result", "messages"), sorted(results.items()), format)
    if any(count for word, count in results.items() if word != "replayed"):
        raise typer.Exit(Exit.PROBLEM)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .ndjson.", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    reason: ReasonOption = None,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write quarantined messages to a file, oldest first, a message a line.

    [bold]caretaker quarantine export broken.ndjson[/bold]

    Mend what is wrong in the lines and take them in with `caretaker import
    broken.ndjson`: topic, payload and first arrival are kept. A payload that is
    not JSON stands as payload_base64.
    """
    if file.exists() and not overwrite:
        fail(f"{file} is there already", "name another file, or give --overwrite", Exit.USAGE)
    part = file.with_name(f"{file.name}.part")
    count = 0
    with explained(), _readable():
        kept = _quarantine(config, data)
        counts = kept.counts()
        total = counts.get(reason, 0) if reason else sum(counts.values())
        try:
            with part.open("wb") as target, progress_bar() as bar:
                for one in bar.track(kept.all(reason), total=total, description="export"):
                    target.write(exported(one) + b"\n")
                    count += 1
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    note(f"{count} messages.")


def exported(one: Quarantined) -> bytes:
    """A line that `caretaker import` reads; the payload as it came."""
    line: dict[str, object] = {
        "id": one.id,
        "received": utc_text(one.received_ns),
        "reason": one.reason,
        "detail": one.detail,
        "topic": one.topic,
    }
    try:
        msgspec.json.decode(one.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line["payload_base64"] = base64.b64encode(one.payload).decode()
    else:
        # Line ends stand only between tokens in valid JSON: a space means the same.
        line["payload"] = msgspec.Raw(one.payload.replace(b"\n", b" ").replace(b"\r", b" "))
    return msgspec.json.encode(line)


def printable(text: str, keep: str = "") -> str:
    """Without control characters: what a stranger sent must not command the terminal."""
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _for_programs(one: Quarantined) -> tuple[Cell, ...]:
    payload = one.payload.decode("utf-8", "backslashreplace")
    return one.id, utc_text(one.received_ns), one.reason, one.readings, one.topic, one.detail, payload


def _quarantine(config: Path, data: Path) -> Quarantine:
    path = load_settings(config, data).journal.path
    assert path is not None, "load_settings fills it in"
    return Quarantine(path)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        fail(
            f"the journal can't be read: {error}",
            "give --data DIR as the ingestor has it; the file is made when the ingestor starts",
            Exit.UNAVAILABLE,
        )
