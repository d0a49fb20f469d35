import asyncio
import os
from pathlib import Path

from caretaker.lines_in import lines_from


async def test_lines_come_as_they_are_written_and_in_pieces() -> None:
    read, write = os.pipe()
    found: asyncio.Queue[str] = asyncio.Queue()
    with lines_from(read, found.put_nowait):
        async with asyncio.timeout(5):
            os.write(write, b"leak\nodo")
            assert await found.get() == "leak"
            os.write(write, b"ur\n\n  \n")
            assert await found.get() == "odour"
            os.write(write, b"last")
            os.close(write)
            assert await found.get() == "last"
    assert found.empty()
    os.close(read)


async def test_a_plain_file_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"leak\nodour")
    descriptor = os.open(tmp_path / "lines", os.O_RDONLY)
    found: list[str] = []
    with lines_from(descriptor, found.append):
        assert found == ["leak", "odour"]
    os.close(descriptor)


async def test_after_the_block_nothing_is_taken_any_more() -> None:
    read, write = os.pipe()
    found: list[str] = []
    with lines_from(read, found.append):
        pass
    os.write(write, b"late\n")
    await asyncio.sleep(0)
    assert found == []
    assert os.read(read, 10) == b"late\n"
    os.close(read)
    os.close(write)
