"""The alerts of a deployment as another service finds them: files, links, and rules that are edited."""

import os
from itertools import count
from pathlib import Path

import pytest

from alerts.desk import Claim, Deployment, KeyUnusableError, LinkProblem, RuleBook, deployment, links_of
from telemetry.document import DocumentError
from telemetry.registry.models import Registry
from tests.builders import device, registry

RULE = """\
rules:
  - id: {id}
    names: {{en: One}}
    why: Because.
    where: {{kinds: [toilet_odour]}}
    when: {{metric: nh3_ppm}}
    severities: {{warning: {{above: 3}}}}
"""
CITY = registry(device())
S = 1_000_000_000


def city() -> Registry:
    return CITY


def test_where_the_alerts_are_and_where_links_lead_is_as_the_settings_say(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert deployment(tmp_path, data) == Deployment(data / "alerts" / "alerts.db", None, 48)
    settings = tmp_path / "caretaker.yaml"
    settings.write_text("alerts: {database: /srv/a.db, public_url: 'https://c.example.org/x', link_hours: 2}\n")
    assert deployment(tmp_path, data) == Deployment(Path("/srv/a.db"), "https://c.example.org/x", 2)
    settings.write_text("alerts: {link_hours: 0}\n")
    with pytest.raises(DocumentError):
        deployment(tmp_path, data)


def test_what_the_engine_signs_another_service_checks(tmp_path: Path) -> None:
    engine, api = links_of(tmp_path, "https://c.example.org/", 2), links_of(tmp_path, None, 48)
    now_ns = 1_795_334_400 * S
    link = engine.make("a1", "manager", now_ns)
    assert link.startswith("https://c.example.org/a/a1?")
    expires, signature = (link.split(f"{name}=")[1].split("&")[0] for name in ("expires", "signature"))
    assert api.check("a1", "manager", expires, signature, now_ns) == Claim("a1", "manager", now_ns // S + 7_200)
    assert api.check("a1", "somebody", expires, signature, now_ns) is LinkProblem.FORGED
    assert api.make("a1", "manager", now_ns).startswith("/a/a1?person=manager&")
    (tmp_path / "alerts" / "link.key").write_text("no key")
    with pytest.raises(KeyUnusableError):
        links_of(tmp_path, None, 48)


VERSIONS = count(1)


def write(directory: Path, text: str) -> None:
    """No two versions have the same time, however fast they are written."""
    path = directory / "rules.yaml"
    path.write_text(text)
    written_ns = path.stat().st_mtime_ns + next(VERSIONS) * S
    os.utime(path, ns=(written_ns, written_ns))


def test_rules_are_taken_over_when_they_are_good(tmp_path: Path) -> None:
    write(tmp_path, RULE.format(id="one"))
    book = RuleBook(tmp_path, city)
    assert list(book.by_id) == ["one"]
    assert not book.poll()
    write(tmp_path, RULE.format(id="two"))
    assert book.poll()
    assert [rule.id for rule in book.rules.rules] == list(book.by_id) == ["two"]
    write(tmp_path, RULE.format(id="Wrong Id"))
    assert not book.poll()
    assert list(book.by_id) == ["two"]
    assert book.problems


def test_alerts_are_seen_where_there_are_no_good_rules_yet(tmp_path: Path) -> None:
    write(tmp_path, RULE.format(id="Wrong Id"))
    book = RuleBook(tmp_path, city)
    assert (book.rules.rules, dict(book.by_id)) == ((), {})
    assert book.problems
    assert not book.poll()
    write(tmp_path, RULE.format(id="one"))
    assert book.poll()
    assert list(book.by_id) == ["one"]
    assert not book.problems
