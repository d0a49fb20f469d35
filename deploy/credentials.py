"""Who a device is to the broker: its password or its certificate, given, changed and taken away."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from deploy.access import PASSWORDS, access_rules
from deploy.authority import Signed
from deploy.certificates import issue, revoke, valid
from deploy.layout import Layout, Secret
from deploy.passwords import hashed, matches, new_password, read_entries, write_entries
from deploy.private import make_private, write_private
from deploy.probe import CHECK_DEVICE
from telemetry.document import nearest
from telemetry.registry.models import Registry


class Why(StrEnum):
    """Why a device gets no credentials."""

    UNKNOWN = "unknown"
    """Not in the registry."""
    RESERVED = "reserved"
    """Its id begins with _: such users are our own services."""
    HAS_ONE = "has one"
    """It has one already, and nobody said that it may be replaced."""


class CredentialsError(Exception):
    """A device gets no credentials; the message says what to do."""

    def __init__(self, why: Why, message: str) -> None:
        self.why = why
        super().__init__(message)


class Revoked(NamedTuple):
    """What a device has no longer."""

    password: bool
    certificates: int


def check_device(registry: Registry, device: str) -> None:
    """Raises `CredentialsError` for a device that can't have credentials."""
    if device.startswith("_"):
        raise CredentialsError(
            Why.RESERVED, f"{device!r} can't have credentials: ids that begin with _ are the platform's own users"
        )
    if device not in registry.devices:
        close = nearest(device, registry.devices)
        hint = f": did you mean {close}?" if close else ": add it to devices.csv first"
        raise CredentialsError(Why.UNKNOWN, f"the registry knows no device {device!r}{hint}")


def give_passwords(layout: Layout, devices: Iterable[str], *, rotate: bool) -> Mapping[str, str]:
    """User to new password; all of them or none. The broker knows them once it has read its file again.

    Raises `CredentialsError` where one has a password and `rotate` is not set, `PasswordFileError`, `OSError`.
    """
    entries = read_entries(layout.staged.passwords)
    made: dict[str, str] = {}
    for device in devices:
        if device in entries and not rotate:
            raise CredentialsError(Why.HAS_ONE, f"{device} has a password already: --rotate makes another one")
        made[device] = new_password()
    write_entries(layout.staged.passwords, entries | {device: hashed(password) for device, password in made.items()})
    return made


def give_certificate(layout: Layout, device: str, now: datetime, *, rotate: bool) -> Signed:
    """A certificate; with `rotate` those that it had are revoked.

    Raises `CredentialsError` where it has one and `rotate` is not set, `AuthorityError`, `OSError`.
    """
    if valid(layout, device, now):
        if not rotate:
            raise CredentialsError(Why.HAS_ONE, f"{device} has a certificate already: --rotate makes another one")
        revoke(layout, device, now)
    return issue(layout, device, now)


def take_away(layout: Layout, device: str, now: datetime) -> Revoked:
    """Password and certificates. Raises `AuthorityError`, `PasswordFileError`, `OSError`."""
    entries = read_entries(layout.staged.passwords)
    had = entries.pop(device, None) is not None
    if had:
        write_entries(layout.staged.passwords, entries)
    return Revoked(had, revoke(layout, device, now))


def with_password(layout: Layout) -> frozenset[str]:
    """Users that have one. Raises `PasswordFileError`."""
    return frozenset(read_entries(layout.staged.passwords))


def know_services(layout: Layout) -> bool:
    """Give the broker the passwords in `secrets` of our services and of the doctor's device; whether that changed it.

    Raises `PasswordFileError`, `OSError`.
    """
    make_private(layout.staged.broker)
    users: dict[str, Secret] = {user.value: secret for user, secret in PASSWORDS.items()}
    users[CHECK_DEVICE] = Secret.MQTT_CHECK_DEVICE
    entries = read_entries(layout.staged.passwords)
    wanted = {user: layout.kept(secret).read_text(encoding="utf-8").strip() for user, secret in users.items()}
    new = {
        user: hashed(password)
        for user, password in wanted.items()
        if user not in entries or not matches(entries[user], password)
    }
    if new:
        write_entries(layout.staged.passwords, entries | new)
    return bool(new)


def write_rules(layout: Layout, registry: Registry) -> bool:
    """The broker's access rules as the registry has it now; whether that changed them. Raises `OSError`."""
    make_private(layout.staged.broker)
    text = access_rules(registry)
    file = layout.staged.access
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    write_private(file, text)
    return True
