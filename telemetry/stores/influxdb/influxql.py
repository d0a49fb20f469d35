"""InfluxQL: names are quoted, values are bound, results are unpacked."""

from collections.abc import Iterator
from typing import Any

from telemetry.stores.store import StoreAwayError


def identifier(name: str) -> str:
    """A quoted name. Parameters work in WHERE only, so names are written out; they come from settings and catalogue."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def select(what: str, measurement: str, rest: str) -> str:
    """A query; `what` and `rest` hold quoted names, numbers and the names of parameters."""
    return f"SELECT {what} FROM {identifier(measurement)} {rest}"  # noqa: S608  # see above: quoted or bound


def series(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The series of one statement's result; none when there is no database yet. Raises `StoreAwayError`."""
    if error := result.get("error"):
        if "not found" in error:
            return []
        raise StoreAwayError(f"InfluxDB does not answer the query: {error}")
    found: list[dict[str, Any]] = result.get("series", [])
    return found


def rows(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each row of a statement's result, by column, with the series' tags among them."""
    for one in series(result):
        for values in one["values"]:
            yield {**one.get("tags", {}), **dict(zip(one["columns"], values, strict=True))}
