"""What the broker grants our sessions, and what its configuration keeps over a crash."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, warning, wrong
from deploy.doctor.mosquitto_conf import Conf, find, flag
from deploy.doctor.place import Ground, address_of
from deploy.doctor.wire import Granted, NotLetInError, UntrustedBrokerError, WireError, connected
from ingestor.settings import DAY_S
from telemetry.topics import Channel, filters

PACKET_BYTES = 64 * 1024
"""What admission takes of one message."""
QOS = 1


async def terms(ground: Ground) -> Sequence[Remark]:
    """CONNACK and SUBACK, asked for as the ingestor asks. The session is given back at once."""
    where, asked_s = address_of(ground.broker), ground.ingestor.session.session_expiry_s
    client_id = f"caretaker-doctor-{secrets.token_hex(4)}"
    try:
        async with connected(ground.broker, client_id, session_expiry_s=asked_s) as (wire, granted):
            code = await wire.subscribe(filters(Channel.READINGS))
        async with connected(ground.broker, client_id):
            pass  # a clean start without an expiry: the broker forgets the session
    except NotLetInError as error:
        who = ground.broker.username or "a client without a name"
        mend = "correct `broker.username` and `broker.password_file`, or the broker's password file"
        return [wrong(where, f"the broker does not let {who} in: {error}", mend)]
    except UntrustedBrokerError as error:
        return [cannot_tell(where, f"{error}; see `certificates`")]
    except WireError as error:
        return [wrong(where, f"the broker can't be used: {error}", _reachable(ground))]
    found = [*of_terms(where, granted, asked_s)]
    if code.number != QOS:
        mend = f"let {ground.broker.username or 'our services'} read caretaker/v1/#, at QoS 1"
        found.append(wrong(where, f"the broker grants {code.name} for readings, QoS 1 was asked for", mend))
    return found or [sound(where, "it grants what no loss needs: QoS 1, retained messages, sessions as long as asked")]


def of_terms(where: str, granted: Granted, asked_s: int) -> Sequence[Remark]:
    """What of CONNACK loses readings. `asked_s`: the session expiry that was asked for."""
    found = []
    if granted.session_expiry_s is not None and granted.session_expiry_s < asked_s:
        found.append(
            wrong(
                where,
                f"the broker keeps sessions for {_span(granted.session_expiry_s)}, {_span(asked_s)} were asked for: "
                "after an outage of ours that lasts longer, readings are missing",
                "let it keep them longer (Mosquitto: `persistent_client_expiration 14d`; "
                "EMQX: `mqtt.session_expiry_interval`)",
            )
        )
    if granted.qos < QOS:
        found.append(wrong(where, "the broker takes no QoS 1: it may lose each message", "allow QoS 1 (`max_qos`)"))
    if not granted.retain:
        mend = "allow retained messages (`retain_available true`)"
        found.append(wrong(where, "the broker retains nothing: who is offline is not known after a restart", mend))
    if granted.packet_bytes is not None and granted.packet_bytes < PACKET_BYTES:
        mend = f"raise it to {PACKET_BYTES} (`max_packet_size`)"
        found.append(wrong(where, f"the broker takes packets of up to {granted.packet_bytes} bytes only", mend))
    return found


def _reachable(ground: Ground) -> str:
    if ground.is_up:
        return "start `caretaker up` again"
    return "start the broker, or correct `broker` in caretaker.yaml; it has to speak MQTT 5 there"


def _span(seconds: int) -> str:
    return f"{seconds / DAY_S:.3g} days" if seconds >= DAY_S else f"{seconds} s"


async def persistence(ground: Ground) -> Sequence[Remark]:
    """What survives a crash of Mosquitto, by its configuration: that can't be seen from outside."""
    if ground.is_up:
        return [
            left_out(
                address_of(ground.broker),
                "the embedded broker keeps everything in memory",
                "in production: Mosquitto 2.1.2 or newer, or EMQX",
            )
        ]
    path = find(ground)
    if path is None:
        return [
            left_out(
                address_of(ground.broker),
                "its configuration is not on this machine",
                "look there: docs/run-in-production.md",
            )
        ]
    return of_conf(path, Conf.read(path), ground.ingestor.session.session_expiry_s)


def of_conf(path: Path, conf: Conf, asked_s: int) -> Sequence[Remark]:
    """What of a mosquitto.conf loses readings."""
    where, found = str(path), []
    plugin = conf.plugin("persist")
    if plugin is None and not flag(conf.last("persistence")):
        mend = "`persistence true` and `persistence_location`, or the SQLite persistence"
        found.append(wrong(where, "the broker keeps nothing over a restart: what it has acknowledged is lost", mend))
    elif plugin is None:
        found.append(
            warning(
                where,
                "the broker writes its state every so often, and loses what came since when it crashes",
                "Mosquitto 2.1.2 or newer, with the SQLite persistence",
            )
        )
    elif conf.last("plugin_opt_sync") != "full" or conf.last("plugin_opt_flush_period") != "0":
        mend = "`plugin_opt_sync full` and `plugin_opt_flush_period 0`"
        found.append(wrong(where, "the persistence does not write through: a power cut loses messages", mend))
    expiry_s = conf.span_s("persistent_client_expiration")
    if expiry_s is not None and expiry_s < asked_s:
        found.append(
            wrong(
                where,
                f"sessions are thrown away after {_span(expiry_s)}, {_span(asked_s)} are asked for",
                "`persistent_client_expiration 14d`",
            )
        )
    return found or [sound(where, "what the broker has acknowledged survives its crash")]
