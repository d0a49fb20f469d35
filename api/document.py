"""The OpenAPI document: what is said of the API as a whole, and what FastAPI does not know of it."""

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.problem import Fault, Problem, TooLargeError

SUMMARY = "Readings, alerts and devices of public toilets, building meters and air stations."
DESCRIPTION = """\
Everything that the system knows, one request away.

- **Who asks**: a key as `Authorization: Bearer ck_…` (`caretaker keys create`), or a browser that has signed in. A role
  (viewer, operator, admin) says what a key may; its sites say what exists for it: anything else is answered by 404.
- **Personal data**: values of metrics with `privacy: personal` (occupancy, counts of people) are given to operators.
- **Times** are UTC, as in `2026-11-22T08:00:00Z`. Where a time is given its offset has to be.
- **Lists** come in pages: `next` is the `cursor` of the page after; null: that was the last.
- **Refusals** are problem details (RFC 9457); `detail` says what was found and what to do.
- **429** and **503** say in `Retry-After` when to come back.
- What seldom changes has an `ETag`; sent as `If-None-Match` it saves the way.
"""
TAGS: list[dict[str, Any]] = [
    {"name": "sites", "description": "Toilet blocks, buildings, air stations, and how they stand."},
    {"name": "devices", "description": "Measuring points, what each said last, and what it measured over any range."},
    {"name": "alerts", "description": "What is wrong, and what is done about it."},
    {"name": "silences", "description": "When nobody is told."},
    {"name": "rules", "description": "What is watched. Rules are written in files."},
    {"name": "people", "description": "Who is told."},
    {"name": "events", "description": "What is entered by hand."},
    {"name": "live", "description": "What has just arrived, as it arrives."},
    {"name": "quarantine", "description": "What was refused, and why."},
    {"name": "catalogue", "description": "What can be measured."},
    {"name": "keys", "description": "Who may ask, and who did what."},
    {"name": "health", "description": "Whether it works."},
]
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream, as clients for Server-Sent Events give it.",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
PROBLEM = "#/components/schemas/Problem"
_EVENTS = "text/event-stream"
_UNUSED = ("HTTPValidationError", "ValidationError")


def arrange(app: FastAPI) -> None:
    """Have the document say what is so: what is not understood is 400 with our problem details, never FastAPI's 422."""
    made = app.openapi

    def arranged() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _arranged(made())
        return app.openapi_schema

    app.openapi = arranged  # type: ignore[method-assign]  # FastAPI's own way to change it


def _arranged(schema: dict[str, Any]) -> dict[str, Any]:
    for path in schema["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            if _EVENTS in answers.get("200", {}).get("content", {}):
                answers["200"]["content"][_EVENTS]["schema"] = EVENT
            if "requestBody" in operation:
                answers["413"] = _too_large(answers["400"])
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]
    # FastAPI gathers the parts of what answers as application/json only.
    models: list[tuple[type[BaseModel], Literal["serialization"]]] = [
        (Problem, "serialization"),
        (Fault, "serialization"),
    ]
    _, parts = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schema["components"]["schemas"] |= parts["$defs"]
    for name in _UNUSED:
        schema["components"]["schemas"].pop(name, None)
    return schema


def _too_large(refusal: dict[str, Any]) -> dict[str, Any]:
    """What the guard says of a body, in the same form as every refusal."""
    return {"description": f"{TooLargeError.title}. {TooLargeError.__doc__}", "content": refusal["content"]}
