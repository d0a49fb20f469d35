"""The running API against its own OpenAPI document: asked what it allows and what it forbids, by schemathesis.

In a process of its own, as people use it: its plug-in for pytest lags behind pytest. All its checks; bounded examples,
the same each time. The alert service and the ingestor are there, so that operations come to their end.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.components import wait_until
from tests.integration.api_house import House, running

EXAMPLES = 5
"""Of each operation, besides those that walk along every parameter's limits."""
LIMIT_S = 400
PYTHONS_OWN = "AST constructor recursion depth mismatch"
"""An error of Python before 3.11.8 that comes once in many runs (gh-106905), in schemathesis' own process."""
PROGRAM = Path(sys.executable).with_name("schemathesis")
SENSIBLE = ["2xx", "304", "403", "404", "409", "422", "503"]
"""What a request that the document allows may get: 422 is for what is well formed and still without sense."""
WITH_CURSOR = ("list_devices", "list_alerts", "list_alert_history", "list_quarantine", "read_audit")
"""A cursor is opaque, and a schema can't say which are ours: 400, too."""

HOOKS = """\
from itertools import count
import schemathesis

number = count()

@schemathesis.hook
def before_call(context, case, kwargs):
    one = next(number)
    case.headers = {**(case.headers or {}), "X-Forwarded-For": f"10.{one >> 16}.{one >> 8 & 255}.{one & 255}"}
"""
"""Each request from an address of its own, as a proxy says it: wrong keys from one address are slowed down (429)."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("schema"), api={"proxies": ["127.0.0.1/32"]}) as house:
        house.measure("pier", "nh3-1", nh3_ppm=6.0)
        house.measure("pier", "button-1", assistance=1)
        house.publish("pier", "nh3-1", "not json")
        wait_until(lambda: bool(house.get("/quarantine")["items"]), "the broken message is in quarantine")
        yield house


def settings() -> str:
    """TOML for schemathesis."""
    lines = [
        'hooks = "every_address"',
        "[checks]",
        f"positive_data_acceptance.expected-statuses = {json.dumps(SENSIBLE)}",
    ]
    for name in WITH_CURSOR:
        lines += [
            "[[operations]]",
            f'include-operation-id = "{name}"',
            f"checks.positive_data_acceptance.expected-statuses = {json.dumps([*SENSIBLE, '400'])}",
        ]
    # Streams that end.
    lines += ["[[operations]]", 'include-operation-id = "live"', "parameters = { for_s = 1 }"]
    return "\n".join(lines)


def operations(house: House) -> int:
    """How many the document has."""
    return sum(len(item) for item in httpx2.get(f"{house.url}/openapi.json").json()["paths"].values())


def test_what_the_document_says_is_so(house: House, tmp_path: Path) -> None:
    words = ["--phases", "examples,coverage,fuzzing", "--exclude-operation-id", "live"]
    assert f"Tested: {operations(house) - 1}" in asked(house, tmp_path, words)


def test_what_it_says_of_streams_is_so(house: House, tmp_path: Path) -> None:
    """Each takes a second: fewer of them."""
    words = ["--phases", "examples,fuzzing", "--include-operation-id", "live"]
    assert "Tested: 1" in asked(house, tmp_path, words)


def asked(house: House, folder: Path, words: list[str]) -> str:
    """What schemathesis says after it has asked all, and found nothing."""
    file = folder / "schemathesis.toml"
    file.write_text(settings())
    (folder / "every_address.py").write_text(HOOKS)
    words = [*words, "--max-examples", str(EXAMPLES)]
    words += ["--request-timeout", "30", "--seed", "1", "--no-shrink", "--continue-on-failure"]
    words += ["--generation-database", "none", "--header", f"Authorization: Bearer {house.keys['admin']}"]
    run = partial(
        subprocess.run,
        [PROGRAM, "--config-file", str(file), "run", f"{house.url}/openapi.json", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    found = run()
    if PYTHONS_OWN in found.stdout:
        found = run()
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
