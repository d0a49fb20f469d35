"""How the tests find real components: a missing one is a skip by name, or a failure where components are required."""

from pathlib import Path

import pytest

from tests.components import REQUIRE, find_program, free_port, require_program, wait_until


def test_a_missing_program_is_a_skip_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        require_program("no-such-program")


def test_where_components_are_required_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE, "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require_program("no-such-program")


def test_programs_are_found_on_path_and_in_go_s_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("path", "gobin"):
        program = tmp_path / folder / f"only-in-{folder}"
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("GOBIN", str(tmp_path / "gobin"))
    assert find_program("only-in-path") == tmp_path / "path" / "only-in-path"
    assert find_program("only-in-gobin") == tmp_path / "gobin" / "only-in-gobin"
    assert find_program("nowhere") is None


def test_free_ports_differ() -> None:
    assert 1024 <= free_port() < 65_536


def test_waiting_says_for_what() -> None:
    wait_until(lambda: True, "always")
    with pytest.raises(pytest.fail.Exception, match="the impossible"):
        wait_until(lambda: False, "the impossible", limit_s=0.05)
