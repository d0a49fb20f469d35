"""The same as files, for a Grafana that reads its data sources and dashboards at the start.

    provisioning/datasources/caretaker.yaml   secrets as references to files, never as themselves
    provisioning/dashboards/caretaker.yaml    a provider for each language's folder
    dashboards/LANGUAGE/UID.json

After Grafana's documentation of provisioning: it replaces `$NAME` and `$__file{…}` in the YAML, `$$` is a dollar, and
it takes the JSON as it is. What it has from files can't be changed in its pages.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from grafana.change import Change, Kind, Thing
from grafana.sources import Source
from grafana.wanted import Wanted

SOURCES = PurePosixPath("provisioning/datasources/caretaker.yaml")
PROVIDERS = PurePosixPath("provisioning/dashboards/caretaker.yaml")
DASHBOARDS = PurePosixPath("dashboards")
OURS = "caretaker-*.json"
"""What of the files in a language's folder is ours."""
LOOK_EVERY_S = 30
"""How often Grafana looks whether a file has changed."""
HEADER = "# Written by `caretaker grafana render`, which overwrites it.\n"


def files(wanted: Wanted, seen_as: PurePosixPath) -> Mapping[PurePosixPath, str]:
    """Text by path below a folder, which Grafana sees as `seen_as`. Secrets have to be references, see `sources`."""
    found = {
        SOURCES: _yaml({"apiVersion": 1, "datasources": [_source(source) for source in wanted.sources]}),
        PROVIDERS: _yaml({"apiVersion": 1, "providers": [*_providers(wanted, seen_as)]}),
    }
    for language, ones in wanted.dashboards.items():
        for one in ones:
            text = json.dumps({**one.document, "uid": one.uid}, ensure_ascii=False, indent=1, allow_nan=False)
            found[DASHBOARDS / language / f"{one.uid}.json"] = text + "\n"
    return found


def write(found: Mapping[PurePosixPath, str], folder: Path) -> Sequence[Change]:
    """Write what differs, remove dashboards of ours that are no more, leave all other files alone; say what changed.

    Each file is replaced whole: Grafana may be reading. Raises `OSError`.
    """
    changes = [_written(folder, path, text) for path, text in found.items()]
    for old in sorted((folder / DASHBOARDS).glob(f"*/{OURS}")):
        path = PurePosixPath(old.relative_to(folder).as_posix())
        if path not in found:
            old.unlink()
            changes.append(Change(Thing.FILE, str(path), Kind.REMOVED))
    return changes


def _written(folder: Path, path: PurePosixPath, text: str) -> Change:
    target = folder / path
    content = text.encode()
    there = target.read_bytes() if target.exists() else None
    if there == content:
        return Change(Thing.FILE, str(path), Kind.UNCHANGED)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(content)
    os.replace(fresh, target)  # noqa: PTH105 - the plain name for it
    return Change(Thing.FILE, str(path), Kind.MADE if there is None else Kind.UPDATED)


def _source(source: Source) -> Mapping[str, Any]:
    document = {"uid": source.uid, **_literal(source.document), "orgId": 1, "editable": False}
    # Not escaped: the references in it are meant.
    return {**document, "secureJsonData": dict(source.secrets)} if source.secrets else document


def _providers(wanted: Wanted, seen_as: PurePosixPath) -> Iterator[Mapping[str, Any]]:
    for language, ones in wanted.dashboards.items():
        for uid in dict.fromkeys(one.folder_uid for one in ones):
            yield {
                "name": uid,
                "orgId": 1,
                "type": "file",
                "folder": _literal(wanted.folders[uid]),
                "folderUid": uid,
                "allowUiUpdates": False,
                "disableDeletion": False,
                "updateIntervalSeconds": LOOK_EVERY_S,
                "options": {"path": _literal(str(seen_as / DASHBOARDS / language))},
            }


def _literal(value: Any) -> Any:
    """As Grafana gives it back after it has replaced variables."""
    if isinstance(value, Mapping):
        return {name: _literal(inner) for name, inner in value.items()}
    return value.replace("$", "$$") if isinstance(value, str) else value


def _yaml(value: object) -> str:
    return HEADER + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1_000)
