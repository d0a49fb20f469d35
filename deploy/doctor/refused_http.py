"""What must be refused over HTTP: the API without a key or without the role, the services' ports without the token."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from deploy.doctor.asked import AwayError, ask
from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import Ground, Part
from deploy.doctor.visitor import visitor
from telemetry.loopback import is_loopback
from telemetry.service.http import HttpSettings

OK, NOT_KNOWN, NOT_ALLOWED = 200, 401, 403
FOR_ANYBODY_KNOWN = "/api/v1/sites"
FOR_OPERATORS = "/api/v1/quarantine"
FOR_ADMINS = "/api/v1/keys"
GUARDED = {Part.INGESTOR: "/account", Part.ALERTS: "/metrics"}
A_DEFECT = "take the API off the network until this is mended; a defect, please report it"


async def keys(ground: Ground) -> Sequence[Remark]:
    """Whoever has no key gets nothing, and a viewer nothing of operators and admins."""
    if Part.API not in ground.urls:
        return [left_out("", "no address of the API is known", "--url api=ADDRESS")]
    found = [await _without_a_key(ground)]
    with visitor(ground) as asking:
        for path, role in ((FOR_OPERATORS, "operator"), (FOR_ADMINS, "admin")):
            url = f"{ground.urls[Part.API]}{path}"
            answer = await ask(url, headers=asking.headers, ca=ground.ca)
            if answer.status == NOT_ALLOWED:
                found.append(sound(url, f"refuses a viewer: it is for the role {role}"))
            elif answer.status == OK and asking.is_viewer:
                found.append(wrong(url, f"lets a viewer in, though it is for the role {role}", A_DEFECT))
            elif answer.status == OK:
                found.append(cannot_tell(url, "the given key has the role: a viewer's key would show a refusal"))
            else:
                found.append(cannot_tell(url, f"answers {answer.status} to the key"))
    return found


async def _without_a_key(ground: Ground) -> Remark:
    url = f"{ground.urls[Part.API]}{FOR_ANYBODY_KNOWN}"
    answer = await ask(url, ca=ground.ca)
    if answer.status == NOT_KNOWN:
        return sound(url, "refuses whoever has no key")
    if answer.status == OK:
        return wrong(url, "lets anybody in, without a key", A_DEFECT)
    return cannot_tell(url, f"answers {answer.status} to a request without a key")


async def ports(ground: Ground) -> Sequence[Remark]:
    """The ports of ingestor and alert service tell strangers nothing but their health."""
    settings: dict[Part, HttpSettings] = {Part.INGESTOR: ground.ingestor.http, Part.ALERTS: ground.alerts.alerts.http}
    return await asyncio.gather(*(_port(ground, part, one) for part, one in settings.items()))


async def _port(ground: Ground, part: Part, settings: HttpSettings) -> Remark:
    if part not in ground.urls:
        return left_out("", f"no address of {part.called} is known", f"--url {part}=ADDRESS")
    url = f"{ground.urls[part]}{GUARDED[part]}"
    try:
        answer = await ask(url, ca=ground.ca)
    except AwayError:
        return cannot_tell(url, f"{part.called} does not answer: see `services`")
    if answer.status == NOT_KNOWN:
        return sound(url, "refuses whoever has no token")
    if answer.status == OK and settings.secret() is None and is_loopback(urlsplit(url).hostname or ""):
        return left_out(url, "asks for no token, and is reached from this machine only")
    if answer.status == OK:
        section = "http" if part is Part.INGESTOR else "alerts.http"
        return wrong(url, "tells anybody, without a token", f"set `{section}.token_file`, and restart {part.called}")
    return cannot_tell(url, f"answers {answer.status} to a request without a token")
