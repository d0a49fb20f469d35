"""The running API against its own OpenAPI document: asked what it allows and what it forbids, by schemathesis.

In a process of its own, as people use it: its plug-in for pytest lags behind pytest. All its checks; bounded examples,
the same each time. The alert service and the ingestor are there, so that operations come to their end.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.components import wait_until
from tests.integration.api_house import House, running

EXAMPLES = 5
"""Of each operation, besides those that walk along every parameter's limits."""
LIMIT_S = 400
PROGRAM = Path(sys.executable).with_name("schemathesis")
SENSIBLE = ["2xx", "304", "403", "404", "409", "422", "503"]
"""What a request that the document allows may get: 422 is for what is well formed and still without sense."""
WITH_CURSOR = ("list_devices", "list_alerts", "list_alert_history", "list_quarantine", "read_audit")
"""A cursor is opaque, and a schema can't say which are ours: 400, too."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("schema")) as house:
        house.measure("pier", "nh3-1", nh3_ppm=6.0)
        house.measure("pier", "button-1", assistance=1)
        house.publish("pier", "nh3-1", "not json")
        wait_until(lambda: bool(house.get("/quarantine")["items"]), "the broken message is in quarantine")
        yield house


def settings() -> str:
    """TOML for schemathesis."""
    lines = ["[checks]", f"positive_data_acceptance.expected-statuses = {json.dumps(SENSIBLE)}"]
    for name in WITH_CURSOR:
        lines += [
            "[[operations]]",
            f'include-operation-id = "{name}"',
            f"checks.positive_data_acceptance.expected-statuses = {json.dumps([*SENSIBLE, '400'])}",
        ]
    # Streams that end.
    lines += ["[[operations]]", 'include-operation-id = "live"', "parameters = { for_s = 1 }"]
    return "\n".join(lines)


def test_what_the_document_says_is_so(house: House, tmp_path: Path) -> None:
    file = tmp_path / "schemathesis.toml"
    file.write_text(settings())
    words = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)]
    words += ["--request-timeout", "30", "--seed", "1", "--no-shrink", "--continue-on-failure"]
    words += ["--generation-database", "none", "--header", f"Authorization: Bearer {house.keys['admin']}"]
    found = subprocess.run(
        [PROGRAM, "--config-file", str(file), "run", f"{house.url}/openapi.json", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    operations = sum(len(item) for item in httpx2.get(f"{house.url}/openapi.json").json()["paths"].values())
    assert f"Tested: {operations}" in found.stdout
