"""The journal file: readings on their way to the store, the quarantine, and the account of both.

One file, because a transaction of SQLite in WAL mode is not atomic across files.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from telemetry.reading import Reading

VERSION = 1
_TABLES = """
create table batch (
    id integer primary key,
    readings integer not null,
    body blob not null
) strict;
create table quarantine (
    id integer primary key,
    received_ns integer not null,
    topic blob not null,
    payload blob not null,
    retained integer not null,
    reason text not null,
    readings integer not null,
    detail text not null
) strict;
create index quarantine_by_reason on quarantine (reason, id);
create table account (
    name text primary key,
    count integer not null
) strict, without rowid;
"""
_BODY_VERSION = b"\x01"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Reading])


class JournalUnusableError(Exception):
    """The file can't be used as it is; the message says why and what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """The file for writing; made when it is not there.

    Raises `JournalUnusableError` for a file of a newer version, and `sqlite3.Error`.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        version = connection.execute("pragma user_version").fetchone()[0]
        if version == 0:
            connection.execute("pragma page_size = 16384")  # bodies are large: fewer overflow pages
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")  # a commit is on the disk when it returns
        connection.execute("pragma wal_autocheckpoint = 1000")
        if version == 0:
            connection.executescript(f"begin immediate; {_TABLES} pragma user_version = {VERSION}; commit;")
    except BaseException:
        connection.close()
        raise
    if version not in {0, VERSION}:
        connection.close()
        raise JournalUnusableError(
            f"{path}: written by version {version} of the journal's format, this program knows {VERSION}: "
            "run the newer program until the journal is empty"
        )
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """The file for reading, beside whoever writes it. Raises `sqlite3.OperationalError` where there is none."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0)


def encode(readings: Sequence[Reading]) -> bytes:
    """Readings as the journal keeps them: a version byte and MessagePack."""
    return _BODY_VERSION + _encoder.encode(readings)


def decode(body: bytes) -> list[Reading]:
    """The readings of a body. Raises `JournalUnusableError` for one of another version."""
    if body[:1] != _BODY_VERSION:
        raise JournalUnusableError(f"a journal row of version {body[0] if body else None}: run the newer program")
    return _decoder.decode(memoryview(body)[1:])
