"""The instruments themselves: a judge, a tap or a proxy that sees nothing would let everything hold."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import mqtt5
import pytest

from telemetry.stores.settings import InfluxSettings
from tests.components import wait_until
from tests.faults.judge import Verdict, judge
from tests.faults.load import SITE, Numbers
from tests.faults.proxy import Proxy
from tests.faults.report import Figure, Figures
from tests.faults.wire import Wire

NUMBERS = Numbers(100, devices=10)


@pytest.fixture
def database(influxdb: InfluxSettings) -> str:
    name = influxdb.bucket.partition("/")[0]
    _post(f"{influxdb.url}/query?q=CREATE+DATABASE+{name}", b"")
    return name


def _post(address: str, body: bytes) -> None:
    urllib.request.urlopen(urllib.request.Request(address, body, method="POST"), timeout=10).close()  # noqa: S310


def _lines(numbers: Numbers) -> list[str]:
    return [
        f"{numbers.measurement(index)},device={numbers.device(index)},site={SITE} "
        + ",".join(f"{name}={value}" for name, value in values.items())
        + f" {time_ns}"
        for index in range(numbers.devices)
        for time_ns, values in numbers.expected(index).items()
    ]


def _judged(influxdb: InfluxSettings, database: str, lines: list[str]) -> Verdict:
    _post(f"{influxdb.url}/write?db={database}&precision=ns", "\n".join(lines).encode())
    return judge(NUMBERS, set(range(NUMBERS.count)), influxdb.url, database)


def test_the_judge_finds_all_well(influxdb: InfluxSettings, database: str) -> None:
    assert _judged(influxdb, database, _lines(NUMBERS)) == Verdict(
        sent=100, unknown=0, stored=100, missing=0, extra=0, wrong=0
    )


def test_the_judge_finds_what_is_missing_wrong_or_was_never_sent(influxdb: InfluxSettings, database: str) -> None:
    lines = _lines(NUMBERS)
    wrong = lines[1].replace("humidity_pct=", "humidity_pct=1")
    invented = lines[2].rsplit(" ", 1)[0] + f" {NUMBERS.start_ms + 1}000000"
    found = _judged(influxdb, database, [wrong, invented, *lines[2:]])
    assert found == Verdict(sent=100, unknown=0, stored=100, missing=1, extra=1, wrong=1)


def test_a_publish_without_acknowledgement_is_unknown_not_missing(influxdb: InfluxSettings, database: str) -> None:
    _post(f"{influxdb.url}/write?db={database}&precision=ns", "\n".join(_lines(NUMBERS)[1:]).encode())
    found = judge(NUMBERS, set(range(1, 100)), influxdb.url, database)  # number 0 is the first line
    assert (found.missing, found.unknown, found.stored) == (0, 1, 99)


def test_every_number_has_a_place_of_its_own() -> None:
    places = {(number % 10, NUMBERS.stored_ns(number)) for number in range(NUMBERS.count)}
    assert len(places) == NUMBERS.count


def _publish(packet_id: int, payload: bytes = b"1") -> bytes:
    return mqtt5.PublishPacket("t", payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


def _puback(packet_id: int) -> bytes:
    return mqtt5.PubAckPacket(packet_id).write()


def test_the_tap_counts_what_is_in_flight_however_it_is_cut() -> None:
    wire = Wire()
    tap = wire.tap()
    said = mqtt5.ConnAckPacket().write() + _publish(1) + _publish(2, b"x" * 300)
    for at in range(len(said)):
        tap.from_server(said[at : at + 1])
    assert (wire.connects, wire.publishes, wire.in_flight, wire.duplicates) == (1, 2, 2, 0)
    tap.from_client(_puback(1) + mqtt5.PingReqPacket().write())
    assert (wire.acknowledged, wire.in_flight, wire.strange_acks, wire.pings) == (1, 1, 0, 1)
    tap.closed()
    assert (wire.left_in_flight, wire.in_flight, wire.ended) == (1, 0, 1)


def test_the_tap_knows_a_duplicate_by_its_content() -> None:
    wire = Wire()
    wire.tap().from_server(_publish(1))
    wire.tap().from_server(_publish(7))  # on another connection, under another id, without a flag
    assert wire.duplicates == 1


def test_the_tap_sees_an_acknowledgement_for_what_its_connection_has_not_delivered() -> None:
    wire = Wire()
    wire.tap().from_server(_publish(1))
    wire.tap().from_client(_puback(1))
    assert wire.strange_acks == 1


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says back what it is told, to one client after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _echo(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_say_back, args=(client,), daemon=True).start()


def _say_back(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(100):
                client.sendall(data)
        except OSError:
            return


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=0.5)


def _answers(client: socket.socket) -> bool:
    try:
        client.sendall(b"x")
        return client.recv(1) == b"x"
    except OSError:
        return False


def _reaches(proxy: Proxy) -> bool:
    """Whether a new connection gets through: one that is refused may hear of it while connecting or only after."""
    try:
        with _connect(proxy) as client:
            return _answers(client)
    except ConnectionError:
        return False


def test_the_proxy_cuts_refuses_and_heals(echo: int) -> None:
    with closing(Proxy(echo)) as proxy:
        with _connect(proxy) as client:
            assert _answers(client)
            proxy.cut()
            assert not _answers(client)
        with _connect(proxy) as client:
            assert _answers(client)
            proxy.refuse()
        assert not _reaches(proxy)
        proxy.heal()
        with _connect(proxy) as client:
            assert _answers(client)


def test_connections_of_a_silent_time_stay_dead(echo: int) -> None:
    with closing(Proxy(echo)) as proxy, _connect(proxy) as old:
        assert _answers(old)
        proxy.go_silent()
        wait_until(lambda: not _answers(old), "it is silent", 5)
        with _connect(proxy) as during:
            assert not _answers(during)
            proxy.heal()
            assert not _answers(during)
        with _connect(proxy) as after:
            assert _answers(after)
        assert not _answers(old)


def test_figures_say_whether_they_hold() -> None:
    figures = Figures()
    figures.exactly("R1", "missing", 1, 0)
    figures.at_least("R1", "kills", 20, 20)
    figures.at_most("R4", "memory", 64.1, 64, "MiB")
    figures.says("R5", "reason", "journal: full, of 10", "journal: full")
    assert [figure.holds for figure in figures.all] == [False, True, False, True]
    assert figures.all[2] == Figure("R4", "memory", 64.1, "MiB", "<= 64", holds=False)
