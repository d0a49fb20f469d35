"""What a command says of a configuration that it can't use."""

from pathlib import Path

import pytest
import typer

from caretaker.deployment import explained
from deploy.record import read_layout
from telemetry.registry.load import load_registry


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_what_is_wrong_in_a_file_is_to_be_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sites.yaml").write_text("sites:\n  - {id: Pier}\n")
    with pytest.raises(typer.Exit), explained():
        load_registry(tmp_path)
    assert "mend: correct the file; `caretaker check DIR`" in said(capsys)


def test_another_folder_than_was_meant_has_no_file_to_correct(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit), explained():
        load_registry(tmp_path)
    assert (
        said(capsys)
        == f"error: {tmp_path}: found no sites*.yaml, expected a file sites.yaml with the deployment's sites\n"
    )
    with pytest.raises(typer.Exit), explained():
        read_layout(tmp_path)
    assert said(capsys).endswith("expected a folder made by `caretaker deploy init`\n")
