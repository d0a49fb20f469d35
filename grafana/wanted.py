"""All that a deployment wants to have in Grafana."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from alerts.rules.rule import Rules
from grafana.change import Change, Kind, Reason, Thing
from grafana.dashboards import dashboards
from grafana.deployment import Deployment
from grafana.page import Dashboard
from grafana.settings import Settings
from grafana.sources import PROMETHEUS_UID, Source, Telling, sources
from telemetry.registry.models import Registry


class Wanted(Struct, frozen=True):
    """Folders, data sources and dashboards; and what was left out, with its reason."""

    folders: Mapping[str, str]
    """Title by uid."""
    sources: Sequence[Source]
    dashboards: Mapping[str, Sequence[Dashboard]]
    """By language."""
    left_out: Sequence[Change]


def wanted(settings: Settings, registry: Registry, rules: Rules, tell: Telling) -> Wanted:
    """What a deployment wants; `tell` says how secrets are told. Raises `SourceError`."""
    found = sources(settings, tell)
    uids = {source.uid for source in found}
    shown: dict[str, list[Dashboard]] = {}
    left_out: list[Change] = []
    for language in settings.grafana.languages:
        shown[language] = []
        for one in dashboards(Deployment(registry, rules, settings.board_url, language)):
            if PROMETHEUS_UID in uids or not needs_prometheus(one):
                shown[language].append(one)
            else:
                left_out.append(Change(Thing.DASHBOARD, one.uid, Kind.LEFT_OUT, one.title, (), Reason.NO_PROMETHEUS))
    folders = {one.folder_uid: one.folder_title for ones in shown.values() for one in ones}
    return Wanted(folders, found, shown, left_out)


def needs_prometheus(dashboard: Dashboard) -> bool:
    """Whether any panel, variable or annotation reads Prometheus."""
    return _mentions(dashboard.document, PROMETHEUS_UID)


def _mentions(value: object, uid: str) -> bool:
    if isinstance(value, Mapping):
        return value.get("uid") == uid or any(_mentions(inner, uid) for inner in value.values())
    return isinstance(value, list | tuple) and any(_mentions(inner, uid) for inner in value)
