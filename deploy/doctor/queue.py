"""Whether the broker keeps for a session that is away everything that comes, in number: Mosquitto's default is 1,000.

A session of our own goes away, more messages than that are published to a topic that nobody else reads, the session
comes back and counts. Where nobody lets us publish, Mosquitto's configuration is read.
"""

import secrets
from collections.abc import Sequence

from deploy.access import DOCTOR_TOPIC
from deploy.doctor.finding import Remark, left_out, sound, wrong
from deploy.doctor.mosquitto_conf import Conf, find
from deploy.doctor.place import Ground, address_of
from deploy.doctor.wire import Arrived, Wire, connected

BY_DEFAULT = 1_000
"""What Mosquitto and EMQX keep unless they are told otherwise."""
MESSAGES = BY_DEFAULT + 100
AWAY_S = 300
"""How long the broker keeps the session, should we be killed in the middle."""
SILENCE_S = 2.0
"""After it nothing more comes."""
ENOUGH = 1_000_000
"""What comes of a city in some days."""
MEND = (
    "`max_queued_messages 100000000` with a `max_queued_bytes` (Mosquitto; 0, no limit, is sound from 2.1.2 on), "
    "`mqtt.max_mqueue_len = infinity` (EMQX)"
)


async def look(ground: Ground) -> Sequence[Remark]:
    """Count what comes back."""
    where = address_of(ground.doctor)
    client_id = f"caretaker-doctor-{secrets.token_hex(4)}"
    own = f"{DOCTOR_TOPIC}/{client_id}"
    # Not a clean start: the embedded broker keeps no session that began with one.
    async with connected(ground.doctor, client_id, clean_start=False, session_expiry_s=AWAY_S) as (wire, _):
        may_read = not (await wire.subscribe(own)).refused
    try:
        async with connected(ground.doctor, f"{client_id}-b") as (wire, _):
            if not may_read or (await wire.publish(own, b"0")).refused:
                return [_by_configuration(ground)]
            await wire.publish_all(own, (b"%d" % number for number in range(1, MESSAGES)))
        async with connected(ground.doctor, client_id, clean_start=False, session_expiry_s=AWAY_S) as (wire, back):
            arrived = len({message.payload for message in await _all(wire)})
    finally:
        async with connected(ground.doctor, client_id):
            pass  # a clean start without an expiry: the broker forgets the session
    return [judged(ground, where, arrived, session_present=back.session_present)]


async def _all(wire: Wire) -> Sequence[Arrived]:
    found: list[Arrived] = []
    while len(found) < MESSAGES and (message := await wire.next(SILENCE_S)) is not None:
        found.append(message)
    return found


def judged(ground: Ground, where: str, arrived: int, *, session_present: bool) -> Remark:
    """What the number says that came back of `MESSAGES`."""
    if arrived == MESSAGES:
        return sound(where, f"kept {MESSAGES:,} messages for a session that was away")
    if not session_present:
        mend = "let it keep sessions: `persistent_client_expiration 14d` (Mosquitto), session expiry (EMQX)"
        return wrong(where, "the broker forgets a session as soon as it is away, and all that comes meanwhile", mend)
    if arrived == 0:
        # The rights to publish and to read are two: without the second nothing would come however much was kept.
        return _by_configuration(ground)
    return wrong(where, f"of {MESSAGES:,} messages for a session that was away, {MESSAGES - arrived:,} were lost", MEND)


def _by_configuration(ground: Ground) -> Remark:
    path = find(ground)
    if path is None:
        who = ground.doctor.username or "whoever looks"
        return left_out(
            address_of(ground.doctor),
            f"{who} may not try it, and the broker's configuration is not on this machine",
            f"`topic readwrite {DOCTOR_TOPIC}/#` for {who} in the broker's access rules",
        )
    return of_conf(str(path), Conf.read(path))


def of_conf(where: str, conf: Conf) -> Remark:
    """What mosquitto.conf says of it."""
    text = conf.last("max_queued_messages") or str(BY_DEFAULT)
    number = int(text) if text.isdecimal() else BY_DEFAULT
    if number == 0 or number >= ENOUGH:
        return sound(where, "the number of messages that are kept for a session that is away is no limit")
    kept = f"{number:,} messages"
    return wrong(where, f"the broker keeps {kept}, for a session that is away, and loses what comes after", MEND)
