"""Grafana: whether it reaches the store, and has the dashboards of this configuration."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alerts.rules.load import load_rules
from deploy.doctor.asked import Answer, AwayError, UntrustedError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import GrafanaLogin, Ground
from grafana.compare import dashboard_differences
from grafana.settings import load_settings
from grafana.sources import Secret, Source, SourceError
from telemetry.document import DocumentError

if TYPE_CHECKING:
    from grafana.page import Dashboard
    from grafana.wanted import Wanted

OK, NOT_THERE = 200, 404
NOT_LET_IN = frozenset({401, 403})
AT_ONCE = 4
INSTALL = "`caretaker grafana install`"
RENDER = "`caretaker grafana render`, into the folder that Grafana reads, or `caretaker grafana install`"


async def look(ground: Ground) -> Sequence[Remark]:
    """Nothing is changed; what is amiss has its uid."""
    login = ground.grafana
    if not isinstance(login, GrafanaLogin):
        return [left_out("", login.why, login.mend)]
    try:
        asked = await asyncio.to_thread(_wanted, ground)
    except SourceError as error:
        return [left_out(login.url, str(error))]
    except DocumentError:
        return [cannot_tell(login.url, "the configuration can't be read: see `configuration`")]
    try:
        refused = await _let_in(login)
        if refused is not None:
            return [refused]
        return [*await _sources(login, asked.sources), *await _dashboards(login, asked)]
    except UntrustedError as error:
        return [cannot_tell(login.url, f"{error}; see `certificates`")]
    except AwayError as error:
        return [wrong(login.url, f"Grafana does not answer: {error}", "start it, or correct `grafana.url`")]


def _wanted(ground: Ground) -> "Wanted":
    # Here, not above: the dashboards are slow to import, and where there is no Grafana nothing is needed of them.
    from grafana.wanted import wanted  # noqa: PLC0415

    rules = load_rules(ground.config, ground.registry)
    return wanted(load_settings(ground.config), ground.registry, rules, _untold)


def _untold(_: Secret) -> str:
    """Nothing secret is compared, so none is read."""
    return ""


async def _let_in(login: GrafanaLogin) -> Remark | None:
    answer = await ask(f"{login.url}/api/org", headers=login.headers, ca=login.ca)
    if answer.status in NOT_LET_IN:
        return wrong(
            login.url,
            f"Grafana does not accept our credentials: {answer.status}",
            "`grafana.token_file` in caretaker.yaml: a token of a service account",
        )
    return None


async def _sources(login: GrafanaLogin, sources: Sequence[Source]) -> Sequence[Remark]:
    found = []
    for source in sources:
        url = f"{login.url}/api/datasources/uid/{source.uid}"
        if (await ask(url, headers=login.headers, ca=login.ca)).status == NOT_THERE:
            found.append(wrong(url, f"Grafana has no data source {source.uid}: every dashboard is empty", INSTALL))
            continue
        answer = await ask(f"{url}/health", headers=login.headers, ca=login.ca)
        if answer.status == OK and answer.field("status") == "OK":
            found.append(sound(url, f"Grafana reaches {source.name}"))
        else:
            said = str(answer.field("message") or answer.status)
            mend = f"{INSTALL} puts address and credentials again; see that Grafana may reach that address"
            found.append(wrong(url, f"Grafana does not reach {source.name}: {said}", mend))
    return found


async def _dashboards(login: GrafanaLogin, asked: "Wanted") -> Sequence[Remark]:
    ours = [one for ones in asked.dashboards.values() for one in ones]
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(dashboard: "Dashboard") -> Answer:
        async with turn:
            url = f"{login.url}/api/dashboards/uid/{dashboard.uid}"
            return await ask(url, headers=login.headers, ca=login.ca)

    answers = list(zip(ours, await asyncio.gather(*map(one, ours)), strict=True))
    missing = [dashboard.uid for dashboard, answer in answers if answer.status == NOT_THERE]
    amiss = [remark for dashboard, answer in answers if (remark := judged(login.url, dashboard, answer)) is not None]
    if missing:
        amiss.insert(0, wrong(login.url, f"Grafana has no dashboard {', '.join(missing)}", INSTALL))
    return amiss or [sound(login.url, f"{len(ours)} dashboards, all as this configuration has them")]


def judged(where: str, dashboard: "Dashboard", answer: Answer) -> Remark | None:
    """One that is there, against what it should be. None: the same, or it is not there."""
    if answer.status == NOT_THERE:
        return None
    if answer.status != OK:
        return cannot_tell(where, f"Grafana answers {answer.status} when asked for {dashboard.uid}")
    stored = answer.field("dashboard") or {}
    differences = dashboard_differences({**dashboard.document, "uid": dashboard.uid}, stored)
    if not differences:
        return None
    from_files = (answer.field("meta") or {}).get("provisioned")
    found = f"the dashboard {dashboard.uid} is not as this configuration has it: {', '.join(differences[:3])}"
    return wrong(where, found, RENDER if from_files else INSTALL)
