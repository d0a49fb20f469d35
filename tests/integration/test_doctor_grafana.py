"""What the doctor asks through a Grafana, of a real one where there is one: its double can only play what is known."""

import time
import urllib.request

from deploy.doctor.place import GrafanaLogin
from deploy.doctor.through_grafana import queried, values_of
from grafana.install import install
from telemetry.stores.settings import InfluxSettings
from tests.components import influxdb_answers
from tests.integration.grafana_ground import a_dashboard, a_house, a_source, wanting

MS_PER_S = 1_000
QUERY = 'SELECT "uptime_s" FROM "device" WHERE "device" = \'caretaker-check\''


def write(settings: InfluxSettings, database: str, line: str) -> None:
    """A line, past all of our code."""
    for path, body in (("query?q=CREATE+DATABASE+" + database, ""), (f"write?db={database}", line)):
        urllib.request.urlopen(f"{settings.url}/{path}", body.encode(), timeout=10).close()  # noqa: S310  # loopback


async def test_a_value_comes_through_the_data_source_of_the_dashboards(influxdb: InfluxSettings) -> None:
    assert influxdb_answers(influxdb.url)
    database, now_ms = influxdb.bucket.partition("/")[0], round(time.time() * MS_PER_S)
    write(influxdb, database, f"device,site=caretaker-check,device=caretaker-check uptime_s=4711 {now_ms}000000")
    with a_house("real") as house:
        source = a_source(influxdb.url, "", database=database, jsonData={"dbName": database, "httpMode": "POST"})
        with house.client() as client:
            install(client, wanting(a_dashboard("toilets"), source=source))
        login = GrafanaLogin(house.url, f"Bearer {house.token}")
        answer = await queried(login, f"{QUERY} AND time = {now_ms}ms", now_ms)
        assert answer.status == 200
        assert 4711 in values_of(answer)
        assert values_of(await queried(login, f"{QUERY} AND time = {now_ms + 1}ms", now_ms)) == []
