"""What the doctor says of what it can't ask: nothing."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import yaml

from caretaker.commands.init import init
from deploy.doctor import refused, refused_http
from deploy.doctor.finding import Remark, Verdict
from deploy.doctor.place import Ground
from deploy.doctor.survey import Wishes, survey
from deploy.probe import check_files
from telemetry.registry.load import load_registry
from tests.components import free_port

LOOKS = (refused.anonymous, refused.password, refused.plain_text, refused.other_device, refused_http.ports)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """The small configuration of `caretaker init`, which runs nowhere."""
    config = tmp_path / "city"
    init(config)
    for name, text in check_files(load_registry(config)).items():
        (config / name).write_text(text)
    away = {"port": free_port()}
    settings = {"broker": away, "http": away, "alerts": {"http": away}}
    (config / "caretaker.yaml").write_text(yaml.safe_dump(settings))
    return survey(config, tmp_path / "data", Wishes())


@pytest.mark.parametrize("look", LOOKS)
async def test_where_nobody_answers_nothing_is_said_of_what_is_asked_for(
    look: Callable[[Ground], Awaitable[Sequence[Remark]]], ground: Ground
) -> None:
    found = await look(ground)
    assert {remark.verdict for remark in found} == {Verdict.CANNOT_TELL}, found
