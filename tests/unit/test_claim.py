"""What is claimed before anything starts."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from caretaker import claim
from caretaker.claim import ClaimedError, Port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_port_in_use_is_named_with_the_option_that_moves_it(taken: int) -> None:
    with pytest.raises(ClaimedError) as refused:
        claim.ports("127.0.0.1", [Port(taken, "--port-5", "MQTT 5")])
    assert f"port {taken}" in str(refused.value)
    assert "MQTT 5" in str(refused.value)
    assert "--port-5" in refused.value.mend


def test_two_uses_of_one_port_are_refused() -> None:
    with pytest.raises(ClaimedError, match="--port and --port-5 are both 2883"):
        claim.ports("127.0.0.1", [Port(2883, "--port", "a"), Port(2883, "--port-5", "b")])


def test_a_port_that_was_in_use_a_moment_ago_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", number)):
            server.accept()[0].close()
    claim.ports("127.0.0.1", [Port(number, "--port", "MQTT")])


def test_a_directory_is_held_by_one_alone_and_free_afterwards(tmp_path: Path) -> None:
    data = tmp_path / "data"
    again = pytest.raises(ClaimedError, match=r"another `caretaker up` \(process \d+\)")
    with claim.directory(data), again, claim.directory(data):
        pass
    with claim.directory(data):
        pass


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusal = pytest.raises(ClaimedError, match=r"cannot write in .*file/data: Not a directory")
    with contextlib.ExitStack() as stack, refusal as refused:
        stack.enter_context(claim.directory(tmp_path / "file" / "data"))
    assert "--data" in refused.value.mend
