"""What the broker must refuse: who gives no name, who gives a wrong password, who speaks for another device."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from pydantic import SecretStr

from deploy.doctor.apart import answer_to, apart, certificate_of
from deploy.doctor.asked import why_not
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import DeviceLogin, Ground, address_of
from deploy.doctor.reading import reading_of
from deploy.doctor.wire import NotLetInError, WireError, connected, hello, is_welcome
from telemetry.loopback import is_loopback
from telemetry.mqtt.settings import BrokerSettings
from telemetry.topics import PREFIX, topic

ARRIVES_WITHIN_S = 5.0
NOBODY_ASKED = "asks nobody for a password, and is reached from this machine only"


async def anonymous(ground: Ground) -> Sequence[Remark]:
    """Each listener, without user, password and certificate."""
    known = await _each_door(ground, _anonymous)
    return known if ground.by_certificate is None else [*known, await _uncertified(ground.by_certificate)]


async def password(ground: Ground) -> Sequence[Remark]:
    """Each listener, as a user that exists, with a password that is wrong."""
    return await _each_door(ground, _password)


async def plain_text(ground: Ground) -> Sequence[Remark]:
    """Each listener that encrypts, without TLS. Nothing secret is sent."""
    doors = [*ground.doors(), *([] if ground.by_certificate is None else [ground.by_certificate])]
    return await asyncio.gather(*(_plain_text(door) for door in doors))


async def _each_door(ground: Ground, look: Callable[[BrokerSettings], Awaitable[Remark]]) -> Sequence[Remark]:
    return await asyncio.gather(*(look(door) for door in ground.doors()))


async def _anonymous(door: BrokerSettings) -> Remark:
    where = address_of(door)
    if not _asks(door) and is_loopback(door.host):
        return await _if_let_in(door, left_out(where, NOBODY_ASKED))
    if await _lets_in(_as(door, None, None)):
        return wrong(
            where,
            "lets anybody in who gives no name",
            "`allow_anonymous false` in mosquitto.conf, in each listener; then restart the broker",
        )
    return await _if_let_in(door, sound(where, "refuses who gives no name"))


async def _uncertified(door: BrokerSettings) -> Remark:
    where = address_of(door)
    context, said = door.ssl_context(), hello(_client_id())
    assert context is not None, "certificates are shown over TLS"
    try:
        answer = await apart(lambda: answer_to(said, door.host, door.port, context))
    except OSError as error:
        return _not_reached(where, error)
    if is_welcome(answer):
        return wrong(where, "lets anybody in who shows no certificate", "`require_certificate true` in that listener")
    return sound(where, "refuses who shows no certificate")


def _not_reached(where: str, error: OSError) -> Remark:
    """A door that nobody reaches refuses nothing in particular."""
    return cannot_tell(where, f"{why_not(error) or error}; see `broker` and `certificates`")


async def _password(door: BrokerSettings) -> Remark:
    where = address_of(door)
    if door.username is None:
        why = NOBODY_ASKED if is_loopback(door.host) and not _asks(door) else "knows clients by their certificate"
        return await _if_let_in(door, left_out(where, why))
    if await _lets_in(_as(door, door.username, secrets.token_urlsafe(12))):
        return wrong(
            where,
            f"lets {door.username} in with a wrong password",
            "`password_file` and `allow_anonymous false` in mosquitto.conf; then restart the broker",
        )
    return await _if_let_in(door, sound(where, "refuses a wrong password"))


async def _if_let_in(door: BrokerSettings, remark: Remark) -> Remark:
    """A door that lets nobody in refuses nothing in particular, and asks for nothing in particular."""
    try:
        async with connected(door, _client_id()):
            return remark
    except (WireError, NotLetInError) as error:
        return cannot_tell(remark.where, f"the broker lets nobody in: {error}; see `broker`")


async def _plain_text(door: BrokerSettings) -> Remark:
    where = address_of(door)
    if not door.encrypted:
        why = "is not encrypted" + (", and is reached from this machine only" if is_loopback(door.host) else "")
        return left_out(where, why) if await _speaks(door) else cannot_tell(where, "nobody answers; see `broker`")
    if await _speaks(_as(door, None, None).model_copy(update={"tls": False, "ca": None})):
        return wrong(
            where,
            "answers in plain text: passwords and readings can be read on the way",
            "`certfile` and `keyfile` in that listener of mosquitto.conf; then restart the broker",
        )
    context = door.ssl_context()
    assert context is not None, "it encrypts"
    try:
        await apart(lambda: certificate_of(door.host, door.port, context))
    except OSError as error:
        return _not_reached(where, error)
    return sound(where, "speaks TLS only")


async def _speaks(door: BrokerSettings) -> bool:
    """Whether it answers as MQTT does, be it with a refusal."""
    try:
        async with connected(door, _client_id()):
            return True
    except NotLetInError:
        return True
    except WireError:
        return False


async def other_device(ground: Ground) -> Sequence[Remark]:
    """With one device's login, a reading under another's name: refused, or dropped without a word.

    The other device is in nobody's registry: were it let through, it would end in quarantine.
    """
    login = ground.device
    if not isinstance(login, DeviceLogin):
        return [left_out("", login.why, login.mend)]
    where = address_of(login.broker)
    if not _asks(login.broker):
        why = "the broker asks nobody for a name, so nobody can be held to one"
        return [await _if_let_in(login.broker, left_out(where, why))]
    others = topic(login.device.site, f"{login.device.id}-other")
    mend = f"`pattern write {PREFIX}/+/%u/readings` in the broker's access rules, and no `topic write` beyond it"
    async with connected(ground.broker, _client_id()) as (observer, _):
        await observer.subscribe(others)
        own = topic(login.device.site, login.device.id)
        await observer.subscribe(own)
        async with connected(login.broker, _client_id()) as (device, _):
            payload, sent = reading_of(login.device.id)
            if (await device.publish(others, payload)).refused:
                return [sound(where, f"refuses {login.device.id} another device's topic")]
            # Old brokers acknowledge and drop. What comes after it on the same connection says when to stop waiting.
            if (await device.publish(own, payload)).refused:
                mend_own = f"`pattern write {PREFIX}/+/%u/readings` in the broker's access rules"
                return [wrong(where, f"{login.device.id} may not publish its own readings", mend_own)]
        end_s = time.monotonic() + ARRIVES_WITHIN_S
        while (message := await observer.next(max(0.0, end_s - time.monotonic()))) is not None:
            if message.topic == others:
                return [wrong(where, f"{login.device.id} may publish under another device's name", mend)]
            if str(sent.value).encode() in message.payload:
                return [sound(where, f"drops what {login.device.id} publishes under another device's name")]
    who = ground.broker.username or "whoever looks"
    return [cannot_tell(where, f"nothing arrived, its own neither: may {who} read {own}?")]


def _asks(door: BrokerSettings) -> bool:
    return door.username is not None or door.certificate is not None


def _as(door: BrokerSettings, username: str | None, secret: str | None) -> BrokerSettings:
    """The same door for somebody else, without a certificate."""
    new = {
        "username": username,
        "password": None if secret is None else SecretStr(secret),
        "password_file": None,
        "certificate": None,
        "key": None,
        "tls": door.encrypted,
    }
    return door.model_copy(update=new)


async def _lets_in(door: BrokerSettings) -> bool:
    try:
        async with connected(door, _client_id()):
            return True
    except (NotLetInError, WireError):
        return False


def _client_id() -> str:
    return f"caretaker-doctor-{secrets.token_hex(4)}"
