"""What the doctor finds out about a real InfluxDB 2.x: its release, its bucket's retention, a token without rights."""

import json
from pathlib import Path

from deploy.doctor import retention, store, versions
from deploy.doctor.finding import Remark, Verdict
from deploy.doctor.place import Ground, Part
from deploy.doctor.survey import Wishes, survey
from telemetry.stores.settings import InfluxSettings
from tests.components import free_port
from tests.influxdb2 import ORG, ask

SITES = "sites:\n  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}\n"
DAY_S = 86_400


def ground(folder: Path, settings: InfluxSettings, token: str | None = None) -> Ground:
    """A configuration with this store, and nothing else that runs."""
    assert settings.token is not None
    given = settings.model_dump(mode="json", exclude_defaults=True)
    given["token"] = token or settings.token.get_secret_value()
    (folder / "sites.yaml").write_text(SITES)
    (folder / "caretaker.yaml").write_text(json.dumps({"store": given, "broker": {"port": free_port()}}))
    found = survey(folder, folder / "data", Wishes())
    del found.urls[Part.INGESTOR]  # type: ignore[attr-defined]  # a dict: there is no ingestor
    return found


def make_bucket(settings: InfluxSettings, days: int) -> None:
    assert settings.token is not None
    token = settings.token.get_secret_value()
    org = ask(settings.url, "GET", f"/api/v2/orgs?org={ORG}", token=token)["orgs"][0]["id"]
    rules = [{"type": "expire", "everySeconds": days * DAY_S}]
    ask(
        settings.url,
        "POST",
        "/api/v2/buckets",
        {"orgID": org, "name": settings.bucket, "retentionRules": rules},
        token=token,
    )


async def kept(ground: Ground) -> Remark:
    return (await retention.look(ground))[0]


async def test_a_bucket_that_is_not_there_is_the_stores_finding(influxdb2: InfluxSettings, tmp_path: Path) -> None:
    nowhere = ground(tmp_path, influxdb2)
    found = await kept(nowhere)
    assert (found.verdict, "see `store`" in found.found) == (Verdict.CANNOT_TELL, True)
    (found,) = await store.look(nowhere)
    assert found.verdict is Verdict.WRONG
    assert f"the bucket {influxdb2.bucket} exists" in found.mend


async def test_a_bucket_that_keeps_too_little(influxdb2: InfluxSettings, tmp_path: Path) -> None:
    make_bucket(influxdb2, 30)
    found = await kept(ground(tmp_path, influxdb2))
    assert found.verdict is Verdict.WRONG
    assert "kept for 30 days, and taken up to 30 days old" in found.found
    assert "influx bucket update" in found.mend


async def test_a_sound_bucket_and_a_token_that_is_not_its_own(influxdb2: InfluxSettings, tmp_path: Path) -> None:
    make_bucket(influxdb2, 31)
    sound = ground(tmp_path, influxdb2)
    assert (await kept(sound)).verdict is Verdict.SOUND
    (found,) = await store.look(sound)
    assert found.verdict is Verdict.SOUND, found
    assert (await versions.look(sound))[1].verdict in {Verdict.SOUND, Verdict.LEFT_OUT}
    stranger = ground(tmp_path, influxdb2, token="another-token")
    (found,) = await store.look(stranger)
    assert found.verdict is Verdict.WRONG
    assert "store.token" in found.mend
    assert "another-token" not in found.found
    assert (await kept(stranger)).verdict is Verdict.CANNOT_TELL
