"""`caretaker keys create|list|revoke|audit`: who may use the API and the board, and what was changed there.

They work on the file itself, beside the running API or without it: within two seconds it knows.
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.access import audit as log
from api.access import keyring, keys
from api.access.audit import Entry
from api.access.caller import Caller, Role, Way
from api.access.database import AccessUnusableError, opened
from api.access.keys import NAME_MOST, Draft, Key, KeyState
from api.problem import ConflictError, NotFoundError
from api.settings import load_settings
from caretaker.commands.quarantine import printable
from caretaker.deployment import explained
from caretaker.moments import MomentError, age_text, now_ns, span_s, utc_text
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Cell, Exit, Format, FormatOption, document, fail, note, rows, say
from telemetry.reading import NS_PER_S
from telemetry.registry.load import load_registry

COLUMNS = ("id", "name", "role", "sites", "state", "created", "expires", "used")
AUDIT_COLUMNS = ("time", "who", "what", "target", "detail", "way", "key", "address")

app = typer.Typer(
    epilog="The first one: [bold]caretaker keys create --name office --role admin[/bold], then sign in with it."
)


class RoleWord(StrEnum):
    """What a key may; each may what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="Who or what it is for: it stands in the audit log.")],
    role: Annotated[RoleWord, typer.Option("--role", help="viewer looks, operator acts, admin makes keys.")],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    sites: Annotated[
        list[str] | None, typer.Option("--site", metavar="SITE", help="Only this site; several times for several.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="SPAN", help="When it ends: 90d, 52w. Without: never.")
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Make a key, and show it: this once, for nobody can read it again.

    [bold]caretaker keys create --name "wall screen" --role viewer --site pier-4 --expires 90d[/bold]

    Programs send it as `Authorization: Bearer ck_…`; people sign in with it at
    /sign-in. Viewers see nothing that says where a person is.
    """
    name = name.strip()
    if not name or len(name) > NAME_MOST or not name.isprintable():
        fail(f"a name has 1 to {NAME_MOST} characters", "--name office", Exit.USAGE)
    at_ns = now_ns()
    expires_ns = None if expires is None else at_ns + _span_ns(expires)
    with _file(config, data) as path:
        known = load_registry(config).sites
        unknown = [site for site in sites or () if site not in known]
        if unknown:
            fail(f"there is no site {unknown[0]}", f"sites are {', '.join(sorted(known)[:20])}", Exit.USAGE)
        draft = Draft(name, Role[role.name], frozenset(sites) if sites else None, expires_ns)
        with opened(path) as connection:
            key, text = keyring.make(connection, _caller(), draft, at_ns)
    if format is Format.JSON:
        document(dict(zip(("key", *COLUMNS), (text, *_for_programs(key, at_ns)), strict=True)))
    elif format is Format.CSV:
        rows(("key", *COLUMNS), [(text, *_for_programs(key, at_ns))], format)
    else:
        say(text)
        note("Keep it now: only its fingerprint was stored, and it is not shown again.")


@app.command("list")
def list_(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List keys, newest first, with when each was last used.

    [bold]caretaker keys list[/bold]
    """
    at_ns = now_ns()
    found: list[Key] = []
    with _file(config, data) as path:
        if path.exists():
            with opened(path) as connection:
                found = [*keys.listed(connection)]
    if format is not Format.TABLE:
        rows(COLUMNS, (_for_programs(key, at_ns) for key in found), format)
        return
    rows(COLUMNS, (_for_people(key, at_ns) for key in found))
    good = sum(key.state(at_ns) is KeyState.GOOD for key in found)
    note(f"{good} of {len(found)} good." if found else "No keys yet: caretaker keys create --name office --role admin")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="Eight characters, after ck_.", show_default=False)],  # noqa: A002 - what it is called
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
) -> None:
    """Revoke a key: within two seconds it opens nothing more, and browsers that signed in with it are signed out.

    [bold]caretaker keys revoke 3fa2k7qd[/bold]
    """
    with _file(config, data) as path:
        if not path.exists():
            fail(f"there is no key {printable(id)}", "no key was made yet: is --data DIR as the API has it?")
        with opened(path) as connection:
            before = keyring.revoke(connection, _caller(), id, now_ns())
    if before.revoked_ns is None:
        note(f"revoked: {printable(before.name)}")
    else:
        note(f"{printable(before.name)} was revoked before, {age_text((now_ns() - before.revoked_ns) / NS_PER_S)} ago")


@app.command()
def audit(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    before: Annotated[int | None, typer.Option(metavar="ID", help="Older than this one: the next page.")] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show who changed what through the API, the board and this command, newest first.

    [bold]caretaker keys audit --limit 20[/bold]
    """
    found: list[Entry] = []
    with _file(config, data) as path:
        if path.exists():
            with opened(path) as connection:
                found = [*log.page(connection, before, limit)]
    if format is not Format.TABLE:
        rows(("id", *AUDIT_COLUMNS), ((one.id, utc_text(one.time_ns), *_entry(one)) for one in found), format)
        return
    at_ns = now_ns()
    shown: list[tuple[Cell, ...]] = [
        (one.id, age_text((at_ns - one.time_ns) / NS_PER_S), *(printable(text) for text in _entry(one)))
        for one in found
    ]
    rows(("id", "age", *AUDIT_COLUMNS[1:]), shown)


def _entry(one: Entry) -> tuple[str, ...]:
    return one.who, one.what, one.target, one.detail, one.way or "", one.key, one.address


def _for_people(key: Key, at_ns: int) -> tuple[Cell, ...]:
    return (
        key.id,
        printable(key.name),
        key.role.word,
        "all" if key.sites is None else ", ".join(sorted(key.sites)),
        key.state(at_ns),
        f"{age_text((at_ns - key.created_ns) / NS_PER_S)} ago",
        None if key.expires_ns is None else utc_text(key.expires_ns),
        None if key.used_ns is None else f"{age_text((at_ns - key.used_ns) / NS_PER_S)} ago",
    )


def _for_programs(key: Key, at_ns: int) -> tuple[Cell, ...]:
    times = (None if at is None else utc_text(at) for at in (key.created_ns, key.expires_ns, key.used_ns))
    sites = None if key.sites is None else " ".join(sorted(key.sites))
    return key.id, key.name, key.role.word, sites, key.state(at_ns), *times


def _span_ns(text: str) -> int:
    try:
        seconds = span_s(text)
    except MomentError as error:
        fail(str(error), "--expires 90d", Exit.USAGE)
    if not 0 < seconds <= keyring.LIFE_MOST_S:
        fail("a key lives for more than nothing and at most ten years", "--expires 90d", Exit.USAGE)
    return round(seconds) * NS_PER_S


def _caller() -> Caller:
    """Whoever can write the file may do all of it; the log says as whom they are signed in to the machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container without a list of users
        name = "somebody"
    return Caller(name, Role.ADMIN, None, Way.COMMAND, "")


@contextmanager
def _file(config: Path, data: Path) -> Iterator[Path]:
    """Where keys are kept; what goes wrong with it is said in a sentence."""
    with explained():
        try:
            path = load_settings(config, data).api.database
            assert path is not None, "load_settings fills it in"
            yield path
        except AccessUnusableError as error:
            fail(str(error), "give --data DIR as the API has it, and run this as the user it runs as", Exit.UNAVAILABLE)
        except NotFoundError as error:
            fail(str(error), "`caretaker keys list` shows all of them")
        except ConflictError as error:
            fail(str(error), "`caretaker keys list` shows when each was last used")
