"""Whether what Grafana has is what is wanted, and if not, where it differs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SETS_ITSELF = {"id", "version"}
"""What Grafana puts into every dashboard."""
WE_MAY_SET = {"httpHeaderName1", "tlsAuthWithCACert", "tlsSkipVerify"}
"""Fields of `jsonData` that are wrong where we do not want them. Others may be some Grafana's own."""
NAMED_MOST = 8
"""So many differences are named; whoever changed more wants to look at it."""


def dashboard_differences(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> Sequence[str]:
    """Fields and panels that differ between two dashboards, in words; empty where there are none."""
    wanted, stored = _said(wanted), _said(stored)
    fields = [
        name for name in _differing(wanted, stored) if name not in SETS_ITSELF and name != "panels"
    ]  # in the order of the document, ours first
    return _shortened([*fields, *_panel_differences(wanted.get("panels", []), stored.get("panels", []))])


def source_differences(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> Sequence[str]:
    """Fields of a data source that differ, in words. What we never set is Grafana's to say."""
    fields = [name for name in wanted if name != "jsonData" and wanted[name] != stored.get(name)]
    ours, theirs = wanted["jsonData"], stored.get("jsonData") or {}
    plain = [name for name in _differing(ours, theirs) if name in ours or name in WE_MAY_SET]
    return _shortened([*fields, *(f"jsonData.{name}" for name in plain)])


def source_as_wanted(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stored data source with ours in it: what we never set stays as it is, as people may have set it."""
    theirs = {name: value for name, value in (stored.get("jsonData") or {}).items() if name not in WE_MAY_SET}
    return {**stored, **wanted, "jsonData": {**theirs, **wanted["jsonData"]}}


def _panel_differences(wanted: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ours, theirs = dict(_panels(wanted)), dict(_panels(stored))
    for key, panel in ours.items():
        if key not in theirs:
            yield f"no panel {_title(panel)}"
        elif fields := _differing(panel, theirs[key]):
            yield f"panel {_title(panel)}: {', '.join(fields)}"
    yield from (f"another panel {_title(panel)}" for key, panel in theirs.items() if key not in ours)
    if list(ours) != list(theirs) and ours.keys() == theirs.keys():
        yield "the order of panels"


def _panels(panels: Sequence[Mapping[str, Any]]) -> Iterator[tuple[object, Mapping[str, Any]]]:
    """Each panel under its id, those of a collapsed row after their row; one without an id under its place."""
    for place, panel in enumerate(panels):
        inner = panel.get("panels", [])
        yield panel.get("id", f"place {place}"), {**panel, "panels": [one.get("id") for one in inner]}
        yield from _panels(inner)


def _title(panel: Mapping[str, Any]) -> str:
    return repr(str(panel.get("title") or f"of type {panel.get('type', '?')}"))


def _differing(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> Sequence[str]:
    return [name for name in dict.fromkeys([*wanted, *stored]) if wanted.get(name) != stored.get(name)]


def _said(value: Any) -> Any:
    """Without what says nothing: a field that is null is as one that is not there."""
    if isinstance(value, Mapping):
        return {name: _said(inner) for name, inner in value.items() if inner is not None}
    return [_said(inner) for inner in value] if isinstance(value, list | tuple) else value


def _shortened(found: Sequence[str]) -> Sequence[str]:
    more = len(found) - NAMED_MOST
    return tuple(found) if more <= 0 else (*found[:NAMED_MOST], f"and {more} more")
