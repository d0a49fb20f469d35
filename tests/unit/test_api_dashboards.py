"""Where the board's links to Grafana lead, and which address of it is taken."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.dashboards import Dashboards, Episode, Panels
from api.settings import load_settings
from telemetry.document import DocumentError
from telemetry.reading import NS_PER_S
from tests.builders import device, registry, site

HOUR_S = 3_600
RAISED_S = 1_795_334_400
NOW_NS = (RAISED_S + 10 * HOUR_S) * NS_PER_S
URL = "https://grafana.example.org/city"
KNOWN = registry(
    device("nh3-1", "pier"),
    device("nh3-2", "hall"),
    device("old-1", "museum"),
    sites=[site("pier", kind="toilet"), site("hall", kind="building"), site("museum", archive=True)],
)


def dashboards(*languages: str) -> Dashboards:
    def panel_of(metric: str, kind: str, language: str) -> tuple[str, int] | None:
        return (f"uid-{language}", 7) if (metric, kind) == ("nh3_ppm", "toilet") else None

    panels = Panels(panel_of, lambda kind, language: f"{kind}-{language}", lambda language: f"devices-{language}")
    return Dashboards(URL, languages or ("en", "zh-Hant"), panels)


def taken_apart(address: str | None) -> tuple[str, dict[str, str]]:
    """The path, and what is asked."""
    assert address is not None
    assert address.startswith(f"{URL}/d/")
    split = urlsplit(address)
    return split.path.removeprefix("/city"), dict(parse_qsl(split.query))


@pytest.mark.parametrize(
    ("metric", "after_s", "language", "path", "shown"),
    [
        pytest.param("nh3_ppm", None, "en", "/d/uid-en", {"viewPanel": "7", "to": "now"}, id="active"),
        pytest.param(
            "nh3_ppm",
            60,
            "zh-Hant",
            "/d/uid-zh-Hant",
            {"viewPanel": "7", "to": f"{RAISED_S + HOUR_S + 60}000"},
            id="over, in Chinese",
        ),
        pytest.param(
            "nh3_ppm", 10 * HOUR_S - 1, "en", "/d/uid-en", {"viewPanel": "7", "to": "now"}, id="over a moment ago"
        ),
        pytest.param("co2_ppm", None, "en", "/d/devices-en", {"to": "now"}, id="no panel draws it"),
        pytest.param(None, None, "zh-Hant", "/d/devices-zh-Hant", {"to": "now"}, id="silence"),
    ],
)
def test_an_alert_leads_to_the_panel_of_its_metric_around_its_time(
    metric: str | None, after_s: int | None, language: str, path: str, shown: dict[str, str]
) -> None:
    resolved_ns = None if after_s is None else (RAISED_S + after_s) * NS_PER_S
    episode = Episode("nh3-1", metric, RAISED_S * NS_PER_S, resolved_ns)
    found = taken_apart(dashboards().alert(episode, KNOWN, language, NOW_NS))
    common = {"var-site": "pier", "var-device": "nh3-1", "from": f"{RAISED_S - HOUR_S}000"}
    assert found == (path, common | shown)


def test_a_panel_about_another_kind_of_site_is_none_of_the_device() -> None:
    episode = Episode("nh3-2", "nh3_ppm", RAISED_S * NS_PER_S, None)
    path, shown = taken_apart(dashboards().alert(episode, KNOWN, "en", NOW_NS))
    assert path == "/d/devices-en"
    assert (shown["var-device"], shown.get("viewPanel")) == ("nh3-2", None)


def test_a_device_and_a_site_lead_to_their_dashboards() -> None:
    found = dashboards()
    assert taken_apart(found.device("nh3-1", KNOWN, "en")) == (
        "/d/devices-en",
        {"var-site": "pier", "var-device": "nh3-1"},
    )
    assert taken_apart(found.site("hall", KNOWN, "zh-Hant")) == ("/d/building-zh-Hant", {"var-site": "hall"})


def test_a_language_without_dashboards_gets_those_that_there_are() -> None:
    episode = Episode("nh3-1", "nh3_ppm", RAISED_S * NS_PER_S, None)
    assert taken_apart(dashboards("en").alert(episode, KNOWN, "zh-Hant", NOW_NS))[0] == "/d/uid-en"
    assert taken_apart(dashboards("zh-Hant").site("pier", KNOWN, "en"))[0] == "/d/toilet-zh-Hant"


@pytest.mark.parametrize(("device_id", "site_id"), [("gone-1", "gone"), ("old-1", "museum")])
def test_nothing_leads_to_what_dashboards_do_not_show(device_id: str, site_id: str) -> None:
    """What is not configured any more, and archives."""
    found = dashboards()
    assert found.device(device_id, KNOWN, "en") is None
    assert found.site(site_id, KNOWN, "en") is None
    assert found.alert(Episode(device_id, "nh3_ppm", RAISED_S * NS_PER_S, None), KNOWN, "en", NOW_NS) is None


def written(folder: Path, section: str) -> Path:
    (folder / "caretaker.yaml").write_text(f"grafana: {section}\n" if section else "")
    return folder


@pytest.mark.parametrize(
    ("section", "url", "languages"),
    [
        ("", None, ("en", "zh-Hant")),
        ("{influxdb: {token: canary-1234}}", None, ("en", "zh-Hant")),
        ("{url: 'http://127.0.0.1:3000/', token: canary-1234}", "http://127.0.0.1:3000", ("en", "zh-Hant")),
        ("{url: 'https://example.org/grafana/', languages: [zh-Hant]}", "https://example.org/grafana", ("zh-Hant",)),
        (
            "{url: 'https://inside:3000', public_url: 'https://example.org/g/'}",
            "https://example.org/g",
            ("en", "zh-Hant"),
        ),
    ],
)
def test_the_address_stands_in_the_section_of_grafana(
    tmp_path: Path, section: str, url: str | None, languages: tuple[str, ...]
) -> None:
    found = load_settings(written(tmp_path, section), tmp_path).grafana
    assert (found.shown_url, found.languages) == (url, languages)
    assert "canary" not in repr(found), "what is none of our business is not even read"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://example.org", "//example.org", "example.org", "https://", "https://x/?a=b"]
)
def test_what_is_no_address_of_a_page_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DocumentError, match=r"caretaker\.yaml:1: grafana\.url: .*https://grafana\.example\.org"):
        load_settings(written(tmp_path, f"{{url: '{url}'}}"), tmp_path)


@pytest.mark.parametrize("languages", ["[]", "[fr]"])
def test_there_are_dashboards_in_languages_that_we_speak(tmp_path: Path, languages: str) -> None:
    with pytest.raises(DocumentError, match=r"grafana\.languages"):
        load_settings(written(tmp_path, f"{{url: 'https://example.org', languages: {languages}}}"), tmp_path)


def test_an_address_with_a_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no user or password") as refused:
        load_settings(written(tmp_path, "{url: 'https://admin:canary-1234@example.org'}"), tmp_path)
    assert "canary" not in str(refused.value)
