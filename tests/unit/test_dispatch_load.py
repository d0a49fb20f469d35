"""`routes.yaml`: what it means, and what is said where it means nothing."""

from datetime import time
from pathlib import Path

import pytest

from alerts.alert import Severity
from alerts.configuration import watch_routing
from alerts.dispatch.branches import branches, covers
from alerts.dispatch.load import default_routing, load_routing
from alerts.dispatch.routing import Digest, QuietHours, Route, Step
from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from telemetry.document import DocumentError
from telemetry.registry.hours import parse_hours
from telemetry.registry.load import load_registry
from tests.builders import device, registry, site
from tests.unit.dispatch_play import person, route, rule

S = 10**9
ROOT = Path(__file__).parents[2]
KNOWN = registry(
    device("a-1", "a", parent="gw", labels={"floor": "2"}),
    device("gw", "a", kind="gateway"),
    sites=[site("a", kind="toilet")],
    people=[person(), person("manager")],
)
RULES = Rules((rule("odour", labels={"team": "cleaning"}), rule("assistance")))

EXAMPLE = """
cap_an_hour: 12
digest: {at: "08:00", to: [manager]}
quiet_hours: [{hours: "22:00-07:00", severities: [information, warning]}, {hours: "sun 00:00-24:00"}]
route:
  to: [manager]
  group_by: [site, team]
  repeat_interval: 2h
  escalate: [{after: 1h, to: [attendant]}]
  routes:
    - match: {rule: assistance}
      to: [attendant]
      group_wait: 0s
      quiet_hours: false
      escalate: [{after: 2m, to: [manager]}, {after: 5m, to: [manager, attendant]}]
    - match: {site: a, severity: critical|warning}
      go_on: true
      routes:
        - {match: {floor: "2"}, escalate: []}
    - group_interval: 10m
"""


def load(tmp_path: Path, text: str, rules: Rules = RULES) -> Route:
    (tmp_path / "routes.yaml").write_text(text)
    return load_routing(tmp_path, KNOWN, rules).root


def test_the_whole_of_it(tmp_path: Path) -> None:
    (tmp_path / "routes.yml").write_text(EXAMPLE)
    routing = load_routing(tmp_path, KNOWN, RULES)
    assert routing.cap_an_hour == 12
    assert routing.digest == Digest(time(8), ("manager",))
    quiet = frozenset({Severity.INFORMATION, Severity.WARNING})
    assert routing.quiet_hours == (
        QuietHours(parse_hours("22:00-07:00"), quiet),
        QuietHours(parse_hours("sun 00:00-24:00"), quiet),
    )
    assistance = routing.root.routes[0]
    assert assistance == route(
        name="root/assistance",
        match={"rule": "assistance"},
        group_by=("site", "team"),
        group_wait_ns=0,
        repeat_interval_ns=7200 * S,
        quiet_hours=False,
        escalate=(Step(120 * S, ("manager",)), Step(300 * S, ("manager", "attendant"))),
    )


def test_a_branch_keeps_what_it_does_not_say(tmp_path: Path) -> None:
    root = load(tmp_path, EXAMPLE)
    here, rest = root.routes[1], root.routes[2]
    assert (here.to, here.group_by, here.escalate) == (root.to, root.group_by, root.escalate)
    assert (here.match, here.go_on, rest.match, rest.go_on) == (
        {"site": "a", "severity": "critical|warning"},
        True,
        {},
        False,
    )
    floor = here.routes[0]
    assert (floor.go_on, floor.escalate, floor.to) == (False, (), root.to)
    assert [one.name for one in (*root.routes, floor)] == [
        "root/assistance",
        "root/a+critical|warning",
        "root/*",
        "root/a+critical|warning/2",
    ]


def test_branches_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    root = load(tmp_path, "route: {to: [manager], routes: [{match: {site: a}, go_on: true}, {match: {site: a}}]}")
    assert [one.name for one in root.routes] == ["root/a", "root/a#2"]


ROUTE = "route: {to: [manager], %s}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cap_an_hour: 3", "routes.yaml:1: route: found nothing, expected a mapping that says at least `to`"),
        ("route: {}", "routes.yaml:1: route.to: found nothing, expected people, by their ids, at least one"),
        ("route: {to: []}", "routes.yaml:1: route.to: found a list, expected people, by their ids, at least one"),
        ("route: {to: [manger]}", "routes.yaml:1: route.to[0]: found 'manger', expected a known person, perhaps 'man"),
        (ROUTE % "match: {site: a}", "routes.yaml:1: route.match: found 'match', expected one of escalate, group_by,"),
        (ROUTE % "group_by: [sight]", "route.group_by[0]: found 'sight', expected a known label, perhaps 'site'"),
        (ROUTE % "group_wait: -5s", "route.group_wait: found '-5s', expected a duration such as 90s"),
        (ROUTE % "group_wait: 30", "route.group_wait: found 30, expected a duration such as 90s"),
        (ROUTE % "group_wait: 61m", "route.group_wait: found '61m', expected at most 1h: nobody is told before"),
        (ROUTE % "group_interval: 2d", "route.group_interval: found '2d', expected at most 1d: news wait so long"),
        (ROUTE % "repeat_interval: 0s", "route.repeat_interval: found '0s', expected from 1m to 30d"),
        (ROUTE % "repeat_interval: 31d", "route.repeat_interval: found '31d', expected from 1m to 30d"),
        (
            ROUTE % "repeat_interval: 1m",
            "route.repeat_interval: found 60s to repeat, expected a `repeat_interval` that",
        ),
        (ROUTE % "group_interval: 5h", "route.group_interval: found 14400s to repeat, expected a `repeat_interval` th"),
        (
            ROUTE % "escalate: [{after: 0s, to: [manager]}]",
            "route.escalate[0].after: found '0s', expected a duration a",
        ),
        (ROUTE % "escalate: [{after: 8d, to: [manager]}]", "route.escalate[0].after: found '8d', expected at most 7d"),
        (ROUTE % "escalate: [{after: 8m, to: []}]", "route.escalate[0].to: found a list, expected people, by their id"),
        (ROUTE % "escalate: [{after: 8m, to: [x]}]", "route.escalate[0].to[0]: found 'x', expected a known person"),
        (
            ROUTE % "escalate: [{after: 8m, to: [manager]}, {after: 8m, to: [attendant]}]",
            "route.escalate[1].after: found 480s, expected a later moment than that of the step before",
        ),
        (ROUTE % "quiet_hours: maybe", "route.quiet_hours: found 'maybe', expected true or false"),
        (
            ROUTE % "routes: [{match: {colour: red}}]",
            "route.routes[0].match.colour: found 'colour', expected a known l",
        ),
        (
            ROUTE % "routes: [{match: {rule: odor}}]",
            "route.routes[0].match.rule: found 'odor', expected a known rule, p",
        ),
        (ROUTE % "routes: [{match: {site: a|b}}]", "route.routes[0].match.site: found 'b', expected a known site"),
        (
            ROUTE % "routes: [{match: {severity: bad}}]",
            "route.routes[0].match.severity: found 'bad', expected a known s",
        ),
        (
            ROUTE % "routes: [{match: {rule: leak*}}]",
            "route.routes[0].match.rule: found 'leak*', expected a known rule",
        ),
        (
            ROUTE % "routes: [{match: {site: a}}, {match: {site: a, rule: odour}}]",
            "route.routes[1]: found a branch that nothing reaches, expected one before that of line 1, which takes all",
        ),
        (
            ROUTE % "routes: [{to: [manager]}, {match: {site: a}}]",
            "route.routes[1]: found a branch that nothing reache",
        ),
        (
            "route: {to: [manager]}\nquiet_hours: [{hours: night}]",
            "routes.yaml:2: quiet_hours[0].hours: found 'night',",
        ),
        (
            'route: {to: [manager]}\nquiet_hours: [{hours: "22:00-06:00", severities: [urgent]}]',
            "quiet_hours[0].severities[0]: found 'urgent', expected one of information, warning, critical",
        ),
        ("route: {to: [manager]}\ncap_an_hour: 0", "routes.yaml:2: cap_an_hour: found 0, expected"),
        (
            "route: {to: [manager]}\ndigest: {at: noon, to: [manager]}",
            "digest.at: found 'noon', expected a time of the",
        ),
        ('route: {to: [manager]}\ndigest: {at: "08:00", to: [x]}', "digest.to[0]: found 'x', expected a known person"),
        ("route: {to: [manager]}\ndigest: {at: 8, to: [manager]}", "digest.at: found 8, expected a time of the day su"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, text)
    assert problem in str(caught.value)


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    for name in ("routes.yaml", "routes-night.yaml"):
        (tmp_path / name).write_text("route: {to: [manager]}")
    with pytest.raises(DocumentError, match=r"routes.yaml: found a second file of routes, expected one: routes-night"):
        load_routing(tmp_path, KNOWN, RULES)


def test_without_rules_a_route_may_wait_for_them(tmp_path: Path) -> None:
    assert load(tmp_path, ROUTE % "routes: [{match: {rule: leak}}]", Rules()).routes[0].match == {"rule": "leak"}


def test_without_a_file_what_is_critical_comes_at_once(tmp_path: Path) -> None:
    routing = load_routing(tmp_path, KNOWN, RULES)
    assert routing == default_routing()
    critical = branches(routing.root, {"severity": "critical"})[0]
    warning = branches(routing.root, {"severity": "warning"})[0]
    assert (critical.group_wait_ns, warning.group_wait_ns) == (0, 30 * S)
    assert (warning.group_interval_ns, warning.repeat_interval_ns, warning.to) == (300 * S, 4 * 3600 * S, ())


@pytest.mark.parametrize("directory", ["examples/hong-kong", "caretaker/starter"])
def test_the_shipped_routes_are_good(directory: str) -> None:
    known = load_registry(ROOT / directory)
    routing = load_routing(ROOT / directory, known, load_rules(ROOT / directory, known))
    assert routing.root.routes
    assert routing.digest is not None


TREE = route(
    route(name="help", match={"rule": "assistance"}),
    route(route(name="both-a", match={"site": "a"}), name="both", match={"severity": "warning|critical"}, go_on=True),
    route(name="site", match={"site": "a*"}),
    name="root",
)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"rule": "assistance", "severity": "critical", "site": "a"}, ["help"]),
        ({"rule": "odour", "severity": "warning", "site": "a"}, ["both-a", "site"]),
        ({"rule": "odour", "severity": "warning", "site": "b"}, ["both"]),
        ({"rule": "odour", "severity": "information", "site": "ab"}, ["site"]),
        ({"rule": "odour", "severity": "information", "site": "b"}, ["root"]),
    ],
)
def test_which_branches_an_alert_takes(labels: dict[str, str], names: list[str]) -> None:
    assert [one.name for one in branches(TREE, labels)] == names


@pytest.mark.parametrize(
    ("earlier", "later", "covered"),
    [
        ({}, {"site": "a"}, True),
        ({"site": "*"}, {}, True),
        ({"site": "a"}, {}, False),
        ({"site": "a|b"}, {"site": "b"}, True),
        ({"site": "a"}, {"site": "a|b"}, False),
        ({"site": "a*"}, {"site": "ab*"}, True),
        ({"site": "ab*"}, {"site": "a*"}, False),
        ({"site": "a?"}, {"site": "a*"}, False),
        ({"site": "a?"}, {"site": "a?", "rule": "x"}, True),
        ({"site": "a", "rule": "x"}, {"site": "a"}, False),
    ],
)
def test_one_takes_all_of_another(*, earlier: dict[str, str], later: dict[str, str], covered: bool) -> None:
    assert covers(earlier, later) is covered


def test_routes_are_read_again_and_the_last_good_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text("route: {to: [manager]}")
    known = KNOWN
    watch = watch_routing(tmp_path, lambda: known, lambda: RULES)
    assert watch.poll() is None

    path.write_text("route: {to: [nobody-known]}")
    assert watch.poll() is None
    assert watch.current.root.to == ("manager",)
    assert (len(watch.problems), watch.failures, watch.reloads) == (1, 1, 0)
    assert watch.poll() is None
    assert watch.failures == 1

    path.write_text("route: {to: [attendant]}")
    found = watch.poll()
    assert found is watch.current
    assert (watch.current.root.to, watch.problems, watch.reloads) == (("attendant",), (), 1)

    # The person is taken out of the registry: the routes are wrong now, and those in force stay.
    known = registry(device("a-1", "a"), people=[person("manager")])
    assert watch.poll() is None
    assert watch.problems[0].found == "'attendant'"
    known = KNOWN
    assert watch.poll() is None
    assert watch.problems == ()

    path.unlink()
    assert watch.poll() == default_routing()


def test_without_good_routes_it_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text("route: [")
    with pytest.raises(DocumentError):
        watch_routing(tmp_path, lambda: KNOWN, lambda: RULES)
