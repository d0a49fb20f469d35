"""Alerts: what is wrong, what became of it, and what people do about it."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.problem import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries import alerts
from api.queries.alert_values import SeverityWord
from api.queries.alerts import AlertDetail, AlertFilter, AlertPage, StepFilter, StepPage
from api.queries.answer import Moment
from api.queries.paging import Page
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.words import (
    AlertInPath,
    AreaInQuery,
    Cursor,
    DeviceInQuery,
    Id,
    Limit,
    RuleInQuery,
    SiteInQuery,
    Text,
)

router = APIRouter(prefix="/alerts", tags=["alerts"])

ACTED = {
    202: {
        "model": AlertDetail,
        "description": "It is kept and will be done; the alert service has not got to it within 3 s.",
    },
    **refused(ForbiddenError, NotFoundError, ConflictError, UnprocessableError),
}


class Which(StrEnum):
    """Which alerts."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ALL = "all"


_ACTIVE = {Which.ACTIVE: True, Which.RESOLVED: False, Which.ALL: None}


class Acknowledgement(BaseModel):
    """Somebody takes care."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    comment: Text | None = None
    until: Moment | None = Field(default=None, description="Reminders go on after it; null: never again.")


class Assignment(BaseModel):
    """Somebody is to take care."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Id = Field(description="Id of a person, see `/people`.")
    comment: Text | None = None


class Comment(BaseModel):
    """Something to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Text


class Resolution(BaseModel):
    """It is over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    comment: Text | None = None


@router.get("", responses=refused(ForbiddenError, NotFoundError))
async def list_alerts(
    sources: SourcesOf,
    caller: CallerOf,
    which: Annotated[Which, Query(description="Active ones, resolved ones, or both.")] = Which.ACTIVE,
    severity: Annotated[SeverityWord | None, Query(description="Only of this severity.")] = None,
    site: SiteInQuery = None,
    area: AreaInQuery = None,
    device: DeviceInQuery = None,
    rule: RuleInQuery = None,
    who: Annotated[
        str | None, Query(max_length=100, description="Only those that this person has acknowledged, or was given.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> AlertPage:
    """Alerts, most severe first, then newest."""
    wanted = AlertFilter(
        active=_ACTIVE[which], severity=severity, site=site, area=area, device=device, rule=rule, who=who
    )
    return await alerts.alerts(sources, caller, wanted, Page(limit=limit, cursor=cursor))


@router.get("/history", responses=refused(ForbiddenError, NotFoundError, UnprocessableError))
async def list_alert_history(
    sources: SourcesOf,
    caller: CallerOf,
    since: Annotated[Moment, Query(description="From then on.", examples=["2026-11-22T00:00:00Z"])],
    until: Annotated[Moment, Query(description="Until before then.", examples=["2026-11-23T00:00:00Z"])],
    site: SiteInQuery = None,
    device: DeviceInQuery = None,
    rule: RuleInQuery = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> StepPage:
    """What alerts went through, oldest first."""
    wanted = StepFilter(since=since, until=until, site=site, device=device, rule=rule)
    return await alerts.history(sources, caller, wanted, Page(limit=limit, cursor=cursor))


@router.get("/{alert}", responses=refused(ForbiddenError, NotFoundError))
async def get_alert(sources: SourcesOf, caller: CallerOf, alert: AlertInPath) -> AlertDetail:
    """An alert with its history, its thresholds, and (for operators) who was told."""
    return await alerts.alert(sources, caller, alert)


@router.post("/{alert}/acknowledge", responses=ACTED)
async def acknowledge_alert(
    sources: SourcesOf, caller: CallerOf, response: Response, alert: AlertInPath, body: Acknowledgement
) -> AlertDetail:
    """The caller takes care of it: nobody is reminded any more. Needs the role operator."""
    after = await alerts.acknowledge(sources, caller, alert, comment=body.comment, until=body.until)
    return _answered(after, response)


@router.post("/{alert}/assign", responses=ACTED)
async def assign_alert(
    sources: SourcesOf, caller: CallerOf, response: Response, alert: AlertInPath, body: Assignment
) -> AlertDetail:
    """Give it to a person, who is told. Needs the role operator."""
    after = await alerts.assign(sources, caller, alert, body.person, comment=body.comment)
    return _answered(after, response)


@router.post("/{alert}/comment", responses=ACTED)
async def comment_alert(
    sources: SourcesOf, caller: CallerOf, response: Response, alert: AlertInPath, body: Comment
) -> AlertDetail:
    """Write something to it. Needs the role operator."""
    return _answered(await alerts.comment(sources, caller, alert, body.text), response)


@router.post("/{alert}/resolve", responses=ACTED)
async def resolve_alert(
    sources: SourcesOf, caller: CallerOf, response: Response, alert: AlertInPath, body: Resolution
) -> AlertDetail:
    """End an alert that latches; others end by themselves. Needs the role operator."""
    return _answered(await alerts.resolve(sources, caller, alert, comment=body.comment), response)


def _answered(after: AlertDetail, response: Response) -> AlertDetail:
    if after.waiting:
        response.status_code = 202
    return after
