"""Mosquitto's file of passwords, written by us and read by its own programs."""

import subprocess
from pathlib import Path

import pytest

from deploy.passwords import PasswordFileError, hashed, matches, new_password, read_entries, write_entries
from tests.components import require_program

WRITTEN_BY_MOSQUITTO_PASSWD = (
    "$7$101$BTmNLw0wbL7i0gJc$LMYaPOGxIFCNYhgaDjLg512O9qr63XCR0dz/PFZgZnDkXT+cG3uafW0QIz+ai2Fc4wsJSOheErcxqMI8YywY3w=="
)


def test_what_mosquitto_passwd_wrote_is_understood() -> None:
    assert matches(WRITTEN_BY_MOSQUITTO_PASSWD, "pw one")
    assert not matches(WRITTEN_BY_MOSQUITTO_PASSWD, "pw two")


def test_it_is_what_mosquitto_passwd_writes_with_the_same_salt(tmp_path: Path) -> None:
    program = str(require_program("mosquitto_passwd"))
    file = tmp_path / "passwd"
    subprocess.run([program, "-c", "-b", str(file), "nh3-1", "s3cret ü"], check=True, capture_output=True, timeout=10)
    entry = read_entries(file)["nh3-1"]
    assert matches(entry, "s3cret ü")
    assert not matches(entry, "s3cret u")
    _, kind, rounds, _, _ = entry.split("$")
    assert hashed("x").startswith(f"${kind}${rounds}$")


def test_two_hashes_of_one_password_differ() -> None:
    assert hashed("x") != hashed("x")
    assert hashed("x", b"0" * 12) == hashed("x", b"0" * 12)
    assert matches(hashed("x"), "x")


@pytest.mark.parametrize("entry", ["", "x", "$6$salt$hash", "$7$101$!!$AAAA", "$7$many$AAAA$AAAA", "$argon2id$v=19$x"])
def test_an_entry_of_another_kind_is_said(entry: str) -> None:
    with pytest.raises(PasswordFileError):
        matches(entry, "x")


def test_passwords_are_long_and_never_the_same() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 24 and one.isascii() and " " not in one for one in made)


def test_the_file_is_written_whole_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    write_entries(file, {"b": hashed("2"), "a": hashed("1")})
    assert file.stat().st_mode & 0o777 == 0o600
    assert [line.partition(":")[0] for line in file.read_text().splitlines()] == ["a", "b"]
    assert [*read_entries(file)] == ["a", "b"]
    assert [*tmp_path.iterdir()] == [file]


def test_no_file_has_no_users(tmp_path: Path) -> None:
    assert read_entries(tmp_path / "passwd") == {}


@pytest.mark.parametrize("text", ["nh3-1\n", "nh3-1:plain\n"])
def test_a_file_that_is_none_is_said_without_its_content(text: str, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(f"# users\n\n{text}")
    with pytest.raises(PasswordFileError, match=r"passwd:3: found no") as caught:
        read_entries(tmp_path / "passwd")
    assert "plain" not in str(caught.value)


@pytest.mark.parametrize("user", ["", "a:b", "a\nb"])
def test_names_that_would_be_others_lines_are_refused(user: str, tmp_path: Path) -> None:
    with pytest.raises(PasswordFileError):
        write_entries(tmp_path / "passwd", {user: hashed("x")})
    assert not (tmp_path / "passwd").exists()
