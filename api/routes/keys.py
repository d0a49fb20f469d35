"""Keys over HTTP: for admins."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.access import keyring
from api.access.caller import Role
from api.access.keys import ID_LENGTH, NAME_MOST, Draft, Key, KeyState
from api.problem import ConflictError, ForbiddenError, NotFoundError
from api.queries.answer import Answer, moment, moment_or_none
from api.routes.depends import AccessOf, CallerOf, SourcesOf, refused
from telemetry.reading import NS_PER_S

SITES_MOST = 1_000
_DAY_S = 86_400

router = APIRouter(prefix="/keys", tags=["keys"])

IdPath = Annotated[str, Path(pattern=rf"^[a-z2-7]{{{ID_LENGTH}}}$", description="The eight characters after `ck_`.")]
SiteId = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class RoleWord(StrEnum):
    """What a key may; each may what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class KeyDraft(BaseModel):
    """A key as you wish for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=NAME_MOST,
            pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
            description="Who or what it is for: it stands in the audit log.",
            examples=["wall screen"],
        ),
    ]
    role: RoleWord
    sites: Annotated[
        frozenset[SiteId] | None, Field(min_length=1, max_length=SITES_MOST, description="Null: all sites.")
    ] = None
    expires_days: Annotated[
        int | None, Field(ge=1, le=keyring.LIFE_MOST_S // _DAY_S, description="Null: it does not end.")
    ] = None


class KeyAnswer(Answer):
    """A key, without its secret."""

    id: str
    name: str
    role: RoleWord
    sites: list[str] | None
    """Null: all sites."""
    state: KeyState
    created: datetime
    expires: datetime | None
    """Null: it does not end."""
    revoked: datetime | None
    used: datetime | None
    """When it was last used, to about a minute."""


class NewKey(KeyAnswer):
    """A key that was just made."""

    key: str
    """`ck_…`: shown this once, and known to nobody else."""


@router.get("", responses=refused(ForbiddenError))
async def list_keys(access: AccessOf, sources: SourcesOf, caller: CallerOf) -> list[KeyAnswer]:
    """List all keys, also those that were revoked or have ended, newest first. Needs the role admin."""
    now_ns = sources.clock()
    return [KeyAnswer(**_answer(key, now_ns)) for key in await keyring.list_keys(access, caller)]


@router.post("", status_code=201, responses=refused(ForbiddenError, NotFoundError, ConflictError))
async def create_key(access: AccessOf, sources: SourcesOf, caller: CallerOf, body: KeyDraft) -> NewKey:
    """Make a key. Its text is in the answer to this request and nowhere else. Needs the role admin."""
    for site in sorted(body.sites or ()):
        if site not in sources.registry.sites or not caller.sees(site):
            raise NotFoundError(f"there is no site {site}")
    now_ns = sources.clock()
    expires_ns = None if body.expires_days is None else now_ns + body.expires_days * _DAY_S * NS_PER_S
    draft = Draft(body.name, Role[body.role.name], body.sites, expires_ns)
    key, text = await keyring.make_key(access, caller, draft, now_ns)
    return NewKey(**_answer(key, now_ns), key=text)


@router.delete("/{id}", status_code=204, responses=refused(ForbiddenError, NotFoundError))
async def revoke_key(access: AccessOf, sources: SourcesOf, caller: CallerOf, id: IdPath) -> None:  # noqa: A002 - as it stands in the path
    """Revoke a key: within two seconds it opens nothing more, and browsers that signed in with it are signed out.

    A live stream that is open ends within half a minute. Once more does no harm. Needs the role admin.
    """
    await keyring.revoke_key(access, caller, id, sources.clock())


def _answer(key: Key, now_ns: int) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.word,
        "sites": None if key.sites is None else sorted(key.sites),
        "state": key.state(now_ns),
        "created": moment(key.created_ns),
        "expires": moment_or_none(key.expires_ns),
        "revoked": moment_or_none(key.revoked_ns),
        "used": moment_or_none(key.used_ns),
    }
