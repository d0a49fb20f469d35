"""Links: good for what they were made for, for as long as they were made for, and for nothing else."""

import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from alerts.message.link import (
    KEY_BYTES,
    WEBHOOK_PREFIX,
    Claim,
    KeyUnusableError,
    LinkProblem,
    Links,
    key_of,
    load_or_make_key,
)

S = 1_000_000_000
NOW_NS = 1_795_334_400 * S
KEY = b"k" * 32
LINKS = Links("https://caretaker.example.org/base/", KEY, hours=48)


def parts(link: str) -> dict[str, str]:
    split = urlsplit(link)
    return {"alert": split.path.rpartition("/")[2]} | {name: value[0] for name, value in parse_qs(split.query).items()}


def check(link: str, now_ns: int = NOW_NS, links: Links = LINKS, changed: Mapping[str, str] = {}) -> object:
    return links.check(**{**parts(link), **changed}, now_ns=now_ns)


def test_a_link_permits_what_it_says() -> None:
    link = LINKS.make("0a1b2c3d4e", "duty-manager", NOW_NS)
    assert link.startswith("https://caretaker.example.org/base/a/0a1b2c3d4e?person=duty-manager&expires=")
    assert check(link) == Claim("0a1b2c3d4e", "duty-manager", NOW_NS // S + 48 * 3600)


def test_a_link_ends() -> None:
    link = LINKS.make("0a1b2c3d4e", "duty-manager", NOW_NS)
    assert isinstance(check(link, NOW_NS + 48 * 3600 * S - 1), Claim)
    assert check(link, NOW_NS + 48 * 3600 * S) is LinkProblem.EXPIRED


LINK = LINKS.make("0a1b2c3d4e", "duty-manager", NOW_NS)
LATER = str(int(parts(LINK)["expires"]) + 1)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"alert": "ffffffffff"}, LinkProblem.FORGED),
        ({"person": "somebody-else"}, LinkProblem.FORGED),
        ({"expires": LATER}, LinkProblem.FORGED),
        ({"signature": "A" * 43}, LinkProblem.FORGED),
        ({"signature": parts(LINK)["signature"] + "="}, LinkProblem.FORGED),
        # What moves a character from one part to the next.
        ({"alert": "0a1b2c3d4ed", "person": "uty-manager"}, LinkProblem.FORGED),
        ({"person": "duty-manager\n1"}, LinkProblem.FORGED),
        ({"person": ""}, LinkProblem.MALFORMED),
        ({"alert": ""}, LinkProblem.MALFORMED),
        ({"signature": ""}, LinkProblem.FORGED),
        ({"signature": "sígnature"}, LinkProblem.MALFORMED),
        ({"expires": "soon"}, LinkProblem.MALFORMED),
        ({"expires": ""}, LinkProblem.MALFORMED),
        ({"expires": "-1"}, LinkProblem.MALFORMED),
        ({"expires": "٣"}, LinkProblem.MALFORMED),
        ({"expires": "0" + parts(LINK)["expires"]}, LinkProblem.MALFORMED),
        ({"expires": "9" * 10_000}, LinkProblem.MALFORMED),
        ({"expires": "1"}, LinkProblem.FORGED),
    ],
)
def test_what_was_changed_opens_nothing(changed: dict[str, str], problem: LinkProblem) -> None:
    assert check(LINK, changed=changed) is problem


def test_every_problem_is_met() -> None:
    met = {check(LINK, changed={"expires": "x"}), check(LINK, changed={"alert": "x"}), check(LINK, NOW_NS * 2)}
    assert met == set(LinkProblem)


def test_another_key_opens_nothing() -> None:
    assert check(LINK, links=Links("https://caretaker.example.org", b"j" * 32, 48)) is LinkProblem.FORGED


def test_a_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "alerts" / "link.key"
    key = load_or_make_key(path)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make_key(path) == key
    assert [one.name for one in path.parent.iterdir()] == ["link.key"]


def test_a_webhook_key_is_in_the_form_that_receivers_take(tmp_path: Path) -> None:
    path = tmp_path / "webhook.key"
    key = load_or_make_key(path, WEBHOOK_PREFIX)
    text = path.read_text().strip()
    assert text.startswith("whsec_")
    assert key_of(text) == key == key_of(text.removeprefix("whsec_"))


def test_two_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def begin() -> None:
        start.wait()
        keys.append(load_or_make_key(path))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("content", [b"", b"short\n", b"whsec_AAAA\n", b"not base64 " * 8, b"\xff" * 40, b"A" * 400])
def test_a_broken_key_is_told_and_never_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "link.key"
    path.write_bytes(content)
    with pytest.raises(KeyUnusableError, match=r"link\.key") as caught:
        load_or_make_key(path)
    assert not content.strip() or content.decode("latin-1").strip() not in str(caught.value)
    assert path.read_bytes() == content, "it may be mended"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("a file")
    with pytest.raises(KeyUnusableError):
        load_or_make_key(tmp_path / "alerts" / "link.key")
