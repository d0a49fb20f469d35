"""What Grafana's data source gives for a query: the way that a dashboard's figures take."""

from deploy.doctor.asked import Answer, ask
from deploy.doctor.place import GrafanaLogin
from grafana.sources import INFLUXDB_UID

AROUND_MS = 60_000
"""The range that a query has to be given, on both sides of its moment."""


async def queried(login: GrafanaLogin, text: str, moment_ms: int) -> Answer:
    """Ask InfluxQL through the data source of the dashboards. Raises `AwayError`.

    By `/api/ds/query`, which knows data sources by uid from 9.3 to the newest. The proxy by uid does not do: 9.3 cuts a
    uid at its hyphen.
    """
    query = {
        "refId": "A",
        "datasource": {"type": "influxdb", "uid": INFLUXDB_UID},
        "query": text,
        "rawQuery": True,
        "resultFormat": "table",
    }
    body = {"from": str(moment_ms - AROUND_MS), "to": str(moment_ms + AROUND_MS), "queries": [query]}
    return await ask(f"{login.url}/api/ds/query", headers=login.headers, body=body, ca=login.ca)


def values_of(answer: Answer) -> list[object]:
    """All values of all columns in it."""
    results = answer.field("results") or {}
    frames = [frame for result in results.values() for frame in result.get("frames") or []]
    return [value for frame in frames for column in frame["data"]["values"] for value in column]
