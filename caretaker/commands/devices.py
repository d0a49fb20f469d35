"""`caretaker devices credentials`: who a device is to the broker of a deployment."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from caretaker.choice import named
from caretaker.deployment import explained
from caretaker.output import Exit, fail, note, say
from deploy.authority import AuthorityError
from deploy.credentials import (
    CredentialsError,
    Why,
    check_device,
    give_certificate,
    give_passwords,
    take_away,
    with_password,
    write_rules,
)
from deploy.in_force import registry_in_force
from deploy.layout import Door, Form, Layout, Secret
from deploy.passwords import PasswordFileError
from deploy.private import held, make_private, write_private
from deploy.record import FILE, read_layout
from deploy.secrets import hand_out
from telemetry.document import nearest
from telemetry.registry.models import Device, Registry
from telemetry.topics import topic

TAKES_OVER = {
    Form.COMPOSE: "The broker knows it after: {folder}/manage reload",
    Form.SYSTEMD: "The broker knows it after: sudo {folder}/install",
    Form.LOCAL: "The broker knows it after SIGHUP.",
}

app = typer.Typer()


@app.callback()
def devices() -> None:
    """A group, though it has one command: others will stand beside it."""


@app.command()
def credentials(
    device: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Its id.", show_default=False)] = None,
    deployment: Annotated[
        Path,
        typer.Option(
            "--deployment",
            envvar="CARETAKER_DEPLOYMENT",
            metavar="DIR",
            help="The folder that `caretaker deploy init` made. Else the current one.",
            show_default=False,
        ),
    ] = Path(),
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="All devices of a site that speak for themselves.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="Write them there, for you alone: a file, or with --site or --certificate a folder.",
        ),
    ] = None,
    *,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="A client certificate instead of a password.")
    ] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Another one; the old one is no longer accepted.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take away its password and its certificates.")] = False,
) -> None:
    """Give a device its user and password for the broker, or a client certificate.

    [bold]caretaker devices credentials odour-male --deployment city[/bold]
    [bold]caretaker devices credentials --site main-street --to handover --deployment city[/bold]

    A password is shown once, and only what it hashes to is kept. Its user name is
    the device's id: it may publish its own readings and status, a gateway also those
    of the devices behind it, and nobody may read what others say.
    """
    if (device is None) == (site is None):
        fail(
            "name a device, or a site", "caretaker devices credentials DEVICE, or: --site SITE --to FOLDER", Exit.USAGE
        )
    if revoke and (rotate or certificate or to is not None or site is not None):
        fail("--revoke stands alone, for one device", "caretaker devices credentials DEVICE --revoke", Exit.USAGE)
    if to is None and (certificate or site is not None):
        fail("keys and lists are not shown on a screen", "--to FOLDER", Exit.USAGE)
    with _told():
        layout = _layout(deployment)
        with held(layout.folder):
            registry = registry_in_force(layout)
            wanted = (
                [device] if device is not None else _of_site(layout, registry, site or "", is_all=rotate or certificate)
            )
            if revoke:
                _revoke(layout, wanted[0])
            elif certificate:
                _certificates(layout, registry, wanted, to or Path(), rotate=rotate)
            else:
                _passwords(layout, registry, wanted, site, to, rotate=rotate)
            # A gateway may have new devices behind it.
            write_rules(layout, registry)
            hand_out(layout)
        note(TAKES_OVER[layout.form].format(folder=deployment))


def _layout(deployment: Path) -> Layout:
    if not (deployment / FILE).exists():
        where = "the current directory" if deployment == Path() else f"{deployment}"
        fail(f"{where} holds no {FILE}", "--deployment DIR, the folder that `caretaker deploy init` made", Exit.USAGE)
    return read_layout(deployment)


def _passwords(
    layout: Layout, registry: Registry, wanted: Sequence[str], site: str | None, to: Path | None, *, rotate: bool
) -> None:
    for device in wanted:
        check_device(registry, device)
    file = to if to is None or site is None else to / f"{site}.csv"
    if file is not None and file.exists():
        fail(f"{file} is there already", "name another place, or move it away", Exit.USAGE)
    made = give_passwords(layout, wanted, rotate=rotate)
    if file is None:
        for user, password in made.items():
            say(f"user      {user}")
            say(f"password  {password}")
        note("Keep it now: only what it hashes to was stored, and it is not shown again.")
    else:
        make_private(file.parent)
        write_private(file, _sheet(layout, made))
        note(f"{len(made)} in {file}, for you alone.")
    _try(layout, registry, wanted[0])


def _certificates(layout: Layout, registry: Registry, wanted: Sequence[str], to: Path, *, rotate: bool) -> None:
    for device in wanted:
        check_device(registry, device)
    make_private(to)
    for device in wanted:
        signed = give_certificate(layout, device, datetime.now(UTC), rotate=rotate)
        write_private(to / f"{device}.key", signed.key)
        write_private(to / f"{device}.pem", signed.certificate)
    write_private(to / Secret.CA, layout.kept(Secret.CA).read_bytes())
    note(f"{len(wanted)} in {to}, for you alone: DEVICE.pem, DEVICE.key, and {Secret.CA} by which it knows the broker.")
    door, device = layout.outer(Door.MQTT_CERTIFICATES), wanted[0]
    known = registry.devices[device]
    note("Try it:")
    note(
        f"  mosquitto_pub -h {door.host} -p {door.port} --cafile {to / Secret.CA} --cert {to / device}.pem "
        f"--key {to / device}.key -q 1 -t {topic(known.site, device)} -m '{_example(known)}'"
    )


def _revoke(layout: Layout, device: str) -> None:
    """Also of a device that has left the registry."""
    had = take_away(layout, device, datetime.now(UTC))
    if not any(had):
        fail(f"{device!r} has no credentials", _meant(device, with_password(layout)))
    said = [
        *(["its password"] if had.password else []),
        *([f"{had.certificates} of its certificates"] if had.certificates else []),
    ]
    say(f"{device}: {' and '.join(said)} taken away")
    if had.certificates:
        note("Who is connected with a certificate stays so until the connection ends: restart the broker to end it.")


def _of_site(layout: Layout, registry: Registry, site: str, *, is_all: bool) -> Sequence[str]:
    """The devices that connect themselves, but for those that have a password where none is to be replaced."""
    if site not in registry.sites:
        fail(f"there is no site {site!r}", _meant(site, registry.sites), Exit.USAGE)
    here = [device for device in registry.devices.values() if device.site == site]
    own = [device.id for device in here if device.parent is None]
    if behind := len(here) - len(own):
        note(f"{behind} devices speak through a gateway and need none.")
    known = frozenset[str]() if is_all else with_password(layout)
    lacking = [device for device in own if device not in known]
    if had := len(own) - len(lacking):
        note(f"{had} have a password already: --rotate makes others.")
    if not lacking:
        fail(f"nobody at {site} needs credentials", "--rotate gives everybody others")
    return lacking


def _sheet(layout: Layout, made: Mapping[str, str]) -> str:
    door = layout.outer(Door.MQTT_DEVICES)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("user", "password", "host", "port"))
    writer.writerows((user, password, door.host, door.port) for user, password in made.items())
    return out.getvalue()


def _try(layout: Layout, registry: Registry, device: str) -> None:
    door, known = layout.outer(Door.MQTT_DEVICES), registry.devices[device]
    note("Try it:")
    note(
        f"  mosquitto_pub -h {door.host} -p {door.port} --cafile {layout.kept(Secret.CA)} -u {device} -P PASSWORD "
        f"-q 1 -t {topic(known.site, device)} -m '{_example(known)}'"
    )


def _example(device: Device) -> str:
    """A reading of a metric that it measures."""
    return json.dumps({"values": {next(iter(device.metrics), "online"): 1}})


def _meant(word: str, known: Mapping[str, object] | frozenset[str]) -> str:
    close = nearest(word, list(known))
    return f"did you mean {close}?" if close else named(known)


@contextmanager
def _told() -> Iterator[None]:
    """What a user can mend, in a sentence."""
    with explained():
        try:
            yield
        except CredentialsError as error:
            fail(str(error), code=Exit.PROBLEM if error.why is Why.HAS_ONE else Exit.USAGE)
        except (AuthorityError, PasswordFileError) as error:
            fail(str(error))
