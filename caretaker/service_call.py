"""One request to a service of ours on its own port."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 30.0
EVERY_INTERFACE = {"0.0.0.0", "::"}  # noqa: S104 - addresses to listen on, not to call


class ServiceAwayError(Exception):
    """Nobody answers."""


class ServiceRefusedError(Exception):
    """The service answered, but not with what was asked for."""


def post(host: str, port: int, path: str, body: Mapping[str, object], token: str | None = None) -> Any:
    """The JSON answer of a POST.

    Raises `ServiceAwayError` where nobody listens, and `ServiceRefusedError` with the status and the answer's text.
    """
    connection = http.client.HTTPConnection("127.0.0.1" if host in EVERY_INTERFACE else host, port, timeout=TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise ServiceAwayError(f"nobody answers at {host}:{port} ({error})") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise ServiceRefusedError(f"{answer.status}: {text.strip()}")
    return json.loads(text)
