"""`python -m grafana`: writes the dashboards of the example city to grafana/generated/."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from alerts.rules.load import load_rules
from grafana.dashboards import dashboards, places_of
from grafana.deployment import Deployment
from grafana.shown import PLACES
from grafana.words import LANGUAGES
from telemetry.registry.load import load_registry

ROOT = Path(__file__).parents[1]
CITY = ROOT / "examples" / "hong-kong"
GENERATED = Path(__file__).parent / "generated"
BOARD_URL = "http://127.0.0.1:8088"
"""Where `caretaker up` has the board."""


def generated() -> Mapping[str, str]:
    """The files, by their path below `GENERATED`."""
    registry = load_registry(CITY)
    rules = load_rules(CITY, registry)
    files: dict[str, str] = {}
    places: dict[str, object] = {}
    for language in LANGUAGES:
        made = dashboards(Deployment(registry, rules, BOARD_URL, language))
        files |= {f"{language}/{one.uid}.json": text_of(one.document) for one in made}
        drawn: dict[str, dict[str, Sequence[str | int]]] = {}
        for (kind, metric), place in places_of(made).items():
            drawn.setdefault(kind, {})[metric] = [place.uid, place.panel]
        places[language] = drawn
    return files | {PLACES: text_of(places)}


def text_of(document: Mapping[str, object]) -> str:
    """JSON as it lies in files: sorted, so that a change of one panel is a change of few lines."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write what has changed, and remove what is made no more."""
    wanted = generated()
    for path in GENERATED.rglob("*.json"):
        if path.relative_to(GENERATED).as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = GENERATED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
