"""Where the dashboards show something, for who links to them.

From what lies in `generated/`: uids and ids of panels are the same in every deployment.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from grafana.words import ENGLISH, LANGUAGES

PLACES = "places.json"
"""The file below `generated/`: language to kind of site to metric to the dashboard's uid and the panel's id."""
ANY = "*"
"""In place of a kind: of dashboards about all sites."""
PAGES: Mapping[str, str] = {"toilet": "toilets", "building": "buildings", "air": "air"}
"""Kind of site to its dashboard."""
_TAG = "caretaker"


def panel_of(metric: str, kind: str, language: str) -> tuple[str, int] | None:
    """The uid of the dashboard, and the id of the panel in it, that draws the metric of a site of the kind.

    None: none does.
    """
    places = _places().get(language, {})
    place = places.get(kind, {}).get(metric) or places.get(ANY, {}).get(metric)
    return None if place is None else (str(place[0]), int(place[1]))


def site_dashboard(kind: str, language: str) -> str:
    """The uid of the dashboard for sites of a kind; of the city's for kinds that have none."""
    return uid(PAGES.get(kind, "city"), language)


def device_dashboard(language: str) -> str:
    """The uid of the dashboard that says how devices are."""
    return uid("devices", language)


def uid(page: str, language: str) -> str:
    """`caretaker-city`, `caretaker-city-zh`. Raises `ValueError` for a language that has no dashboards."""
    if language not in LANGUAGES:
        raise ValueError(f"no dashboards in {language!r}")
    return f"{_TAG}-{page}" if language == ENGLISH else f"{_TAG}-{page}-{language.partition('-')[0]}"


@cache
def _places() -> Mapping[str, Mapping[str, Mapping[str, Sequence[str | int]]]]:
    text = (resources.files("grafana") / "generated" / PLACES).read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Mapping[str, Sequence[str | int]]]] = json.loads(text)
    return found
