"""HTTP to one Grafana: a request, its JSON, and every refusal as a sentence with what mends it.

No secret is in anything it says. It follows no redirects, and knows nothing of proxies in the environment: the token
goes to the address that was given and nowhere else.
"""

import ssl
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

TIMEOUT_S = 30.0
MESSAGE_LIMIT = 300
"""Characters kept of what Grafana, or a proxy before it, says."""
OLDEST = (9, 3)
"""The oldest Grafana that shows these dashboards as they are meant."""


class Trouble(Enum):
    """Why Grafana did not do what was asked, and what mends it."""

    AWAY = "is it running, and is its address right?"
    UNTRUSTED = "name the authority that signed its certificate, as `grafana: {ca: FILE}`"
    NOT_GRAFANA = "the address is that of Grafana's start page, with the sub-path where it has one"
    UNKNOWN_TOKEN = "give a token of a service account of this Grafana that has not ended: --token or --token-file"  # noqa: S105 - a sentence
    NO_RIGHT = "give the service account the role Admin: an Editor may not make data sources, a Viewer nothing"
    GONE = "somebody has removed it meanwhile: run it again"
    NAME_TAKEN = "rename or remove in Grafana what has this name, or give it the uid named here"
    CHANGED_MEANWHILE = "somebody is saving the same: run it again"
    TOO_LARGE = "a proxy before Grafana limits the size of requests: allow it 10 MB"
    NOT_TAKEN = "the message names what this Grafana does not take; is it 9.3 or newer?"
    TOO_OFTEN = "Grafana, or a proxy before it, limits the rate of requests: wait and run it again"
    BROKEN = "Grafana's own log says more"


class GrafanaError(Exception):
    """Grafana did not do what was asked."""

    def __init__(self, trouble: Trouble, message: str, status: int | None = None) -> None:
        """`status`: of HTTP; None where there was no answer."""
        super().__init__(message)
        self.trouble = trouble
        self.status = status

    @property
    def mend(self) -> str:
        """What to do."""
        return self.trouble.value


def trouble_of(status: int, message: str = "") -> Trouble:
    """What a status means; of what Grafana puts under 409 and 412 its `message` says which it is."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Trouble.UNKNOWN_TOKEN
        case HTTPStatus.FORBIDDEN:
            return Trouble.NO_RIGHT
        case HTTPStatus.NOT_FOUND:
            return Trouble.GONE
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return Trouble.CHANGED_MEANWHILE if "someone else" in message else Trouble.NAME_TAKEN
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Trouble.TOO_LARGE
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Trouble.TOO_OFTEN
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Trouble.NOT_TAKEN
        case _:
            return Trouble.BROKEN


class GrafanaClient:
    """One Grafana, as one service account."""

    def __init__(self, url: str, token: str, ca: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """`ca`: PEM file of the authorities to trust, None: the system's. Raises `GrafanaError` on one of no use."""
        self.url = url.rstrip("/")
        try:
            trust = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except (OSError, ssl.SSLError) as error:
            raise GrafanaError(Trouble.UNTRUSTED, f"{ca} is no file with certificates") from error
        if not token.isascii() or not token.isprintable():
            raise GrafanaError(Trouble.UNKNOWN_TOKEN, "that is no token")
        try:
            self._client = httpx2.Client(
                base_url=self.url,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                verify=trust,
                timeout=timeout_s,
                follow_redirects=False,
                trust_env=False,
            )
        except httpx2.InvalidURL as error:
            raise GrafanaError(Trouble.AWAY, f"{self.url} is no address: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def version(self) -> str | None:
        """Of this Grafana; None: it does not say. Raises `GrafanaError` where something else answers."""
        status, document = self._asked("GET", "/api/health", None, None)
        if status != HTTPStatus.OK or not isinstance(document, dict) or "database" not in document:
            raise GrafanaError(Trouble.NOT_GRAFANA, f"what answers at {self.url} is no Grafana", status)
        version = document.get("version")
        return None if version is None else str(version)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What is there; None: nothing. Raises `GrafanaError`."""
        status, document = self._asked("GET", path, query, None)
        if status == HTTPStatus.NOT_FOUND:
            return None
        return self._good(f"read {path}", status, document)

    def look(self, path: str) -> tuple[int, Mapping[str, Any]]:
        """Status and document, fresh, whatever the status: for what is an answer also when it is bad news."""
        # Grafana keeps a data source in memory for some seconds after it was changed.
        status, document = self._asked("GET", path, None, None, {"X-Grafana-NoCache": "true"})
        return status, document if isinstance(document, dict) else {}

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, doing: str) -> Any:
        """POST, PUT or DELETE; `doing` is how a refusal calls it. Raises `GrafanaError`."""
        status, document = self._asked(method, path, None, body)
        return self._good(doing, status, document)

    def _good(self, doing: str, status: int, document: Any) -> Any:
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return document
        said = document if isinstance(document, dict) else {}
        message = " ".join(str(said.get("message", "")).split())[:MESSAGE_LIMIT]
        text = f"Grafana refuses to {doing}: {status}{f', {message}' if message else ''}"
        raise GrafanaError(trouble_of(status, message), text, status)

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        try:
            answer = self._client.request(method, path, params=query, json=body, headers=headers)
        except httpx2.TimeoutException as error:
            raise GrafanaError(Trouble.AWAY, f"Grafana at {self.url} does not answer in time") from error
        except httpx2.HTTPError as error:
            if "CERTIFICATE" in str(error):
                text = f"Grafana at {self.url} shows a certificate that is not trusted"
                raise GrafanaError(Trouble.UNTRUSTED, text) from error
            raise GrafanaError(Trouble.AWAY, f"Grafana at {self.url} does not answer: {error}") from error
        try:
            return answer.status_code, answer.json()
        except ValueError as error:
            if answer.status_code in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS} or (
                answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            ):
                return answer.status_code, None  # a proxy's own page
            # Grafana's API speaks JSON even when it refuses. A page, or a redirect to one, is something else.
            text = f"what answers at {self.url}{path} is not Grafana's API ({answer.status_code})"
            raise GrafanaError(Trouble.NOT_GRAFANA, text, answer.status_code) from error


def too_old(version: str | None) -> bool:
    """Whether a version is older than what the dashboards need; one that says nothing is not."""
    numbers = [part for part in (version or "").split("-")[0].split(".") if part.isdecimal()]
    return len(numbers) >= len(OLDEST) and tuple(map(int, numbers[: len(OLDEST)])) < OLDEST
