"""The OpenAPI document is one from which clients are generated: named parts, and one way to refuse."""

import json
import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.access.access import Access
from api.application import application
from api.problem import MEDIA_TYPE
from api.sources import Sources


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    nobody = SimpleNamespace()  # the document is made of types: nothing is asked
    return application(cast("Sources", nobody), cast("Access", nobody)).openapi()


def operations(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (operation for path in document["paths"].values() for operation in path.values())


def test_every_part_that_is_named_is_there(document: Mapping[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert named == named & document["components"]["schemas"].keys()


def test_no_part_has_two_forms(document: Mapping[str, Any]) -> None:
    # Two types of one name become `Kind-Input` and `Kind-Output`, which are no names in any language.
    assert [name for name in document["components"]["schemas"] if not name.isidentifier()] == []


def test_every_operation_has_a_name_of_its_own(document: Mapping[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_every_refusal_is_the_same_part(document: Mapping[str, Any]) -> None:
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            refused = int(status) >= 400 and operation["operationId"] != "get_readiness"  # whose 503 is an answer
            if refused and answer.get("content"):
                assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}, (
                    operation
                )
