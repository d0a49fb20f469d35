"""The broker's configuration: three listeners, all with TLS, and limits that lose nothing before the disk is full."""

from deploy.layout import EVERYWHERE, BrokerForm, Door, Form, Layout, Secret, Service

PLUGIN = "/usr/lib/mosquitto_persist_sqlite.so"
"""As the image eclipse-mosquitto:2.1 has it."""
QUEUED_NUMBER = 100_000_000
"""So many small messages are more bytes than the next: a number that is never reached."""
QUEUED_BYTES = 2_000_000_000
"""For each client that is away. At 300 bytes a message: more than six million."""
SAVED_EVERY_S = 60
"""Of Mosquitto 2.0: what it has acknowledged since is lost when it crashes. Saving stops it for as long as it takes."""

HEADER = """\
# The broker, as Caretaker needs it. Written by `caretaker deploy init`, which leaves a file that is there as it is.

# Who may connect, and what each may do, is the same on every listener.
per_listener_settings false
allow_anonymous false
password_file {passwords}
acl_file {access}

# Nothing that was acknowledged is dropped for its number: the limit is in bytes, for each client that is away. Not 0,
# "no limit": 2.0 to 2.0.21 then disconnect whoever publishes what it may not, and 2.0.16 keeps nothing at all.
max_queued_messages {queued_number}
max_queued_bytes {queued}
# What a client takes at once it says itself, as Receive Maximum.
max_inflight_messages 0
# What admission takes of one message; larger ones close the connection, so they can't fill the memory.
max_packet_size 65536
# Longer than the seven days for which our sessions are asked to be kept.
persistent_client_expiration 14d

log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
connection_messages true
"""
DEVICES = """
# Devices: user and password.
listener {where}
"""
SERVICES = """
# Our own services: the same, on a port that is not open to others.
listener {where}
"""
CERTIFICATES = """
# Devices with a certificate of ours, whose common name is the user. A listener of its own: one that takes the name from
# the certificate lets nobody in by password.
listener {where}
require_certificate true
use_identity_as_username true
cafile {ca}
crlfile {revoked}
"""
TLS = """\
certfile {certificate}
keyfile {key}
tls_version tlsv1.2
"""
SQLITE = """
# Every message is on the disk before it is acknowledged.
persistence_location {data}/
global_plugin {plugin}
plugin_opt_sync full
plugin_opt_flush_period 0
"""
SNAPSHOTS = """
# Mosquitto 2.0 writes its state every so often, and when it stops in order. What it has acknowledged since the last
# time is lost when it crashes: 2.1.2 and newer can do better.
autosave_interval {saved_every_s}
"""
# Debian's own mosquitto.conf, which includes ours, says these already, and twice is an error.
SNAPSHOTS_WHERE = """\
persistence true
persistence_location {data}/
"""


def configuration(layout: Layout) -> str:
    """mosquitto.conf; for systemd the part of it that lies in conf.d."""
    seen = layout.seen
    values = {
        "passwords": seen.passwords,
        "access": seen.access,
        "revoked": seen.revoked,
        "data": seen.broker_data,
        "ca": seen.secret(Secret.CA, Service.MOSQUITTO),
        "certificate": seen.secret(Secret.MOSQUITTO_CERTIFICATE, Service.MOSQUITTO),
        "key": seen.secret(Secret.MOSQUITTO_KEY, Service.MOSQUITTO),
        "plugin": PLUGIN,
        "queued": QUEUED_BYTES,
        "queued_number": QUEUED_NUMBER,
        "saved_every_s": SAVED_EVERY_S,
    }
    text = "".join([HEADER, *_persistence(layout)]).format(**values)
    doors = {Door.MQTT_DEVICES: DEVICES, Door.MQTT_SERVICES: SERVICES, Door.MQTT_CERTIFICATES: CERTIFICATES}
    for door, part in doors.items():
        # Without an address it listens on those of IPv6 too.
        bound = "" if layout.bound[door] == EVERYWHERE else f" {layout.bound[door]}"
        text += (part + TLS).format(where=f"{layout.inner[door].port}{bound}", **values)
    return text


def _persistence(layout: Layout) -> list[str]:
    match layout.broker:
        case BrokerForm.V2_1:
            return [SQLITE]
        case BrokerForm.V2_0:
            return [SNAPSHOTS] if layout.form is Form.SYSTEMD else [SNAPSHOTS, SNAPSHOTS_WHERE]
