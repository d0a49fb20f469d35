"""Alerts: what fires now, what has fired, what fires too often, and how long people take."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from alerts.alert import Severity
from alerts.rules.rule import Rule
from alerts.rules.select import selected
from grafana.alert_panels import count_of, placed, raised_by_day
from grafana.alert_queries import (
    ACKNOWLEDGE,
    RESOLVE,
    changes,
    firing_linked,
    lengths,
    median_by_calendar,
    noisiest,
)
from grafana.cells import CENTRED, HIDDEN, NONE, SPAN, bar, parts
from grafana.dashboards.devices_one import COURSE, shown_of
from grafana.deployment import Deployment
from grafana.links import ALERTS, CELL, DEVICES, Link, Place, Places, cell, device_links, place_of, uid_of
from grafana.page import Dashboard, Page
from grafana.panels import SERIES, TWO_WEEKS, bars, renamed, timeline, with_states
from grafana.queries import Every, InfluxQuery, Scope, Shape
from grafana.silence import SILENCE
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows, severities
from grafana.thresholds import FINE, SEVERITIES
from telemetry.registry.models import Device, Site


def dashboard(deployment: Deployment, places: Places) -> Dashboard:
    """For who answers for alerts; `places` says where each metric is drawn."""
    words = deployment.words
    sites = deployment.sites()
    page = Page(
        deployment,
        ALERTS,
        words("Alerts"),
        words("What fires now, what has fired, what fires too often, and how long people take."),
        sites=sites,
        devices=deployment.devices(sites),
        start="now-7d",
        marked=False,
    )
    scope = page.scope
    page.add(10, _firing(deployment, scope, places), width=19, height=9)
    for place, severity in enumerate((Severity.CRITICAL, Severity.WARNING, Severity.INFORMATION)):
        page.add(11 + place, count_of(deployment, scope, severity), width=5, height=3)
    page.row(100, words("History"))
    page.add(110, _history(deployment, scope, sites), width=24, height=12)
    page.add(111, raised_by_day(deployment, scope, sites), width=24, height=8)
    page.row(200, words("What fires too often"))
    page.add(210, _noisy_rules(deployment, scope), width=12, height=10)
    page.add(211, _noisy_devices(deployment, scope), width=12, height=10)
    page.row(300, words("How long people take"))
    page.add(310, _lengths(deployment, scope), width=24, height=10)
    page.add(311, _acknowledge_by_day(deployment, scope), width=12, height=8)
    page.add(312, _resolve_by_day(deployment, scope), width=12, height=8)
    return page.build()


def _firing(deployment: Deployment, scope: Scope, places: Places) -> table.Panel:
    words = deployment.words
    panel = rows(
        words("Firing now"),
        words(
            "Alerts that fire now, the worst first, and since when each has its severity. A click on the alert leads "
            "to the panel that shows what it is about, and to its rule; one on the device or the site leads there."
        ),
        [InfluxQuery(firing_linked(scope), Shape.TABLE)],
    ).no_value(words("Nothing needs anybody now."))
    chosen = f"var-site={cell('at_site')}&var-device={cell('of_device')}&${{__url_time_range}}"
    about = [
        Link(words("What it is about"), f"/d/{cell('dashboard')}?viewPanel={cell('panel')}&{chosen}"),
        Link(words("The rule on the board"), f"{deployment.board_url}/rules/{CELL}", new_tab=True),
    ]
    column(panel, "severity", words("Severity"), *severities(words), CENTRED, width_px=110)
    column(panel, "rule", words("Alert"), names_in_cells(deployment.rule_names()), links_in_cells(about))
    placed(panel, deployment)
    column(panel, "Time", words("Since"), width_px=170)
    for name in ("at_site", "of_device"):
        column(panel, name, name, HIDDEN)
    drawn = places_of_rules(deployment, places)
    column(panel, "dashboard", "dashboard", *parts({rule: place.uid for rule, place in drawn.items()}))
    column(panel, "panel", "panel", *parts({rule: str(place.panel) for rule, place in drawn.items()}))
    in_order(panel, ["severity", "rule", "site", "device", "Time", "at_site", "of_device", "dashboard", "panel"])
    return panel.sort_by([common.TableSortByFieldState().display_name(words("Severity")).desc(True)])


def places_of_rules(deployment: Deployment, places: Places) -> Mapping[str, Place]:
    """Rule id to the panel that shows what its alerts are about, whichever of its devices they are about.

    The first of the rule's metrics that is drawn in one place for all kinds of sites for which the rule holds. Else the
    courses of the one device; for rules about what is not drawn there either, the table of silent devices.
    """
    by_device = selected(deployment.rules, deployment.registry)
    held: dict[str, list[Device]] = {}
    for device in deployment.devices():
        for rule in by_device.get(device.id, ()):
            held.setdefault(rule.id, []).append(device)
    return {rule.id: _place_of(deployment, rule, held.get(rule.id, ()), places) for rule in deployment.rules.rules}


def _place_of(deployment: Deployment, rule: Rule, devices: Sequence[Device], places: Places) -> Place:
    kinds = {deployment.registry.sites[device.site].kind for device in devices}
    for metric in rule.metrics:
        found = {place_of(places, kind, metric) for kind in kinds}
        place = found.pop() if len(found) == 1 else None
        if place is not None:
            return place
    drawn = {metric.name for metric in shown_of(deployment, devices)}
    return Place(uid_of(deployment, DEVICES), SILENCE if drawn.isdisjoint(rule.metrics) else COURSE)


def _history(deployment: Deployment, scope: Scope, sites: Sequence[Site]) -> statetimeline.Panel:
    words = deployment.words
    panel = timeline(
        words("What fired when"),
        words(
            "A row for each device on which a rule has fired: the severity over time. What was raised up to 30 days "
            "before the range is there from its beginning on. A click leads to the device."
        ),
        [InfluxQuery(changes(scope), alias="$tag_site $tag_rule")],
    ).no_value(words("No alert has fired."))
    states: Mapping[float, tuple[str, str]] = {
        0: (words("none"), FINE),
        Severity.INFORMATION: (words("information"), SEVERITIES[Severity.INFORMATION]),
        Severity.WARNING: (words("warning"), SEVERITIES[Severity.WARNING]),
        Severity.CRITICAL: (words("critical"), SEVERITIES[Severity.CRITICAL]),
    }
    with_states(panel, states)
    short, rules = deployment.short_names(sites), deployment.rule_names()
    names = {
        f"{site.id} {rule.id}": f"{short[site.id]} · {rules[rule.id]}"
        for site in sites
        for rule in deployment.rules_of(deployment.devices([site]))
    }
    panel.data_links([*device_links(deployment)])
    return renamed(panel, names)


def _noisy_rules(deployment: Deployment, scope: Scope) -> table.Panel:
    words = deployment.words
    panel = rows(
        words("Noisiest rules"),
        words(
            "How often each rule raised an alert, or changed its severity, in the range, the most first. A rule that "
            "is often at the top and seldom right needs another limit or a longer wait."
        ),
        [InfluxQuery(noisiest(scope, ("rule",)), Shape.TABLE)],
    ).no_value(words("No alert was raised."))
    rule = Link(words("The rule on the board"), f"{deployment.board_url}/rules/{CELL}", new_tab=True)
    column(panel, "rule", words("Rule"), names_in_cells(deployment.rule_names()), links_in_cells([rule]))
    return _most_first(panel, deployment, ["rule", "alerts"])


def _noisy_devices(deployment: Deployment, scope: Scope) -> table.Panel:
    words = deployment.words
    panel = rows(
        words("Noisiest devices"),
        words(
            "How often alerts of each device were raised, or changed their severity, in the range, the most first. "
            "One that stands out is broken, or badly placed."
        ),
        [InfluxQuery(noisiest(scope, ("site", "device")), Shape.TABLE)],
    ).no_value(words("No alert was raised."))
    names = deployment.device_names(deployment.devices())
    links = device_links(deployment, CELL)
    column(panel, "device", words("Device"), names_in_cells(names), links_in_cells(links))
    return _most_first(panel, deployment, ["device", "alerts"])


def _most_first(panel: table.Panel, deployment: Deployment, names: Sequence[str]) -> table.Panel:
    title = deployment.words("Raised")
    column(panel, "alerts", title, *bar())
    in_order(panel, names)
    return panel.sort_by([common.TableSortByFieldState().display_name(title).desc(True)])


def _lengths(deployment: Deployment, scope: Scope) -> table.Panel:
    words = deployment.words
    panel = rows(
        words("Time to acknowledge and to resolve"),
        words(
            "By rule, in the range. Acknowledged: from the start of an alert until somebody took it on; resolved: "
            "until its end, whatever ended it. Half of them took no longer than the median, nine of ten no longer than "
            "the time beside it. Where fewer were acknowledged than ended, the others ended before anybody took them "
            "on; at the edges of the range one may be counted without the other."
        ),
        [InfluxQuery(lengths(scope), Shape.TABLE)],
    ).no_value(words("No alert was acknowledged or ended."))
    rule = Link(words("The rule on the board"), f"{deployment.board_url}/rules/{CELL}", new_tab=True)
    column(panel, "rule", words("Rule"), names_in_cells(deployment.rule_names()), links_in_cells([rule]))
    count = DynamicConfigValue(id_val="decimals", value=0)
    columns: Sequence[tuple[str, str, DynamicConfigValue]] = (
        ("taken", words("Acknowledged"), count),
        ("acknowledge", words("Median until acknowledged"), SPAN),
        ("acknowledge_90", words("9 of 10 acknowledged within"), SPAN),
        ("ended", words("Ended"), count),
        ("resolve", words("Median until resolved"), SPAN),
        ("resolve_90", words("9 of 10 resolved within"), SPAN),
    )
    for name, title, shown in columns:
        column(panel, name, title, shown, NONE)
    in_order(panel, ["rule", *(name for name, _, _ in columns)])
    slowest = words("Median until acknowledged")
    return panel.sort_by([common.TableSortByFieldState().display_name(slowest).desc(True)])


def _acknowledge_by_day(deployment: Deployment, scope: Scope) -> timeseries.Panel:
    words = deployment.words
    return _by_day(
        deployment,
        scope,
        ACKNOWLEDGE,
        words("Median until acknowledged, by day"),
        words("Of the alerts that were acknowledged on each day: half were within this time. Two weeks."),
        SERIES[0],
    )


def _resolve_by_day(deployment: Deployment, scope: Scope) -> timeseries.Panel:
    words = deployment.words
    return _by_day(
        deployment,
        scope,
        RESOLVE,
        words("Median until resolved, by day"),
        words("Of the alerts that ended on each day: half lasted no longer. Two weeks."),
        SERIES[2],
    )


def _by_day(deployment: Deployment, scope: Scope, length: str, title: str, said: str, colour: str) -> timeseries.Panel:
    """Bars by the days of the dashboard's own time zone: a median cannot be put together from those of several."""
    query = median_by_calendar(scope, length, Every.DAY, deployment.zone)
    panel = bars(title, said, [InfluxQuery(query, alias="length")]).unit("s").time_from(TWO_WEEKS)
    return panel.override_by_name(
        "length",
        [
            DynamicConfigValue(id_val="displayName", value=deployment.words("median")),
            DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour}),
        ],
    )
