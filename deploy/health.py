"""`python -m deploy.health URL [CA]`: whether a service of ours is ready, for the health check of its container.

Nothing but the standard library is imported: it is started every few seconds, and must be quick.
"""

import http.client
import json
import ssl
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

LIMIT_S = 5.0
REASONS_MOST = 500
"""Characters: what Docker keeps of a check's output is short."""


def look(url: str, authority: str | None) -> str | None:
    """Why the address does not answer with 200, in a sentence; None when it does. `authority`: a PEM file for https."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPConnection(host, port, timeout=LIMIT_S)
        if parts.scheme == "http"
        else http.client.HTTPSConnection(
            host, port, timeout=LIMIT_S, context=ssl.create_default_context(cafile=authority)
        )
    )
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{url}: {answer.status}, {_reasons(body)}"


def _reasons(body: bytes) -> str:
    """What a `/health/ready` of ours says; else the beginning of what came."""
    try:
        return "; ".join(json.loads(body)["reasons"])[:REASONS_MOST]
    except (ValueError, KeyError, TypeError):
        return body[:REASONS_MOST].decode(errors="replace")


def main(arguments: Sequence[str]) -> int:
    """0: ready."""
    trouble = look(arguments[0], arguments[1] if len(arguments) > 1 else None)
    if trouble is None:
        return 0
    sys.stdout.write(trouble + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
