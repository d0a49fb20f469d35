"""HTTP to InfluxDB: one request at a time, no retries of its own, no secret in anything it says.

Everything here blocks; it is called from the one thread of the writer or of the reader.
"""

import json
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService
from isal import igzip
from msgspec import Struct

from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError

MESSAGE_LIMIT = 300
"""Characters kept of what the store says: it repeats the lines that it could not parse."""
RETRY_AFTER_LIMIT_S = 600.0
"""No store needs longer; a wrong figure from a proxy must not stop the drain for a day."""
AWAY = 0


class Answer(Struct, frozen=True):
    """What came of one request."""

    status: int
    """Of HTTP; `AWAY` when there was no answer."""
    message: str = ""
    retry_after_s: float | None = None
    lasting: bool = False
    """No answer, and there will be none before somebody mends something: a certificate that cannot be trusted."""


NOT_INFLUXDB = Answer(200, "something else listens at that address")


class InfluxHttp:
    """One InfluxDB and one bucket."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._org = settings.org
        self._bucket = settings.bucket
        database, _, policy = settings.bucket.partition("/")
        self.database = database
        self.policy = policy
        """Empty: the database's default."""
        service: Any = WriteService  # most of the library has no types
        # `retries=False`: what is tried again, and when, is the ingestor's to say. `debug=False`: no bodies in logs.
        self._client: Any = InfluxDBClient(
            url=settings.url,
            token=_credentials(settings),
            # 1.x splits its own form, `Token user:password`, at spaces, which a password may hold.
            auth_basic=settings.username is not None,
            org=settings.org,
            timeout=int(settings.timeout_s * 1000),
            retries=False,
            debug=False,
            verify_ssl=True,
            ssl_ca_cert=None if settings.ca is None else str(settings.ca),
        )
        self._writes = service(self._client.api_client)

    def write(self, lines: Sequence[str]) -> Answer:
        """Send lines. Raises nothing that the network or the store can cause."""
        # Here, not by the client: its own level 9 takes as long as all the rest of the path together.
        body = igzip.compress("\n".join(lines).encode(), compresslevel=1, mtime=0)
        try:
            # Not "preloaded": the client would read an answer that is no UTF-8 as a broken connection.
            response = self._writes.post_write(
                self._org, self._bucket, body, content_encoding="gzip", precision="ns", _preload_content=False
            )
            response.drain_conn()  # gives the connection back
            response.release_conn()
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return self._answer(error)
        return Answer(204)

    def query(self, statements: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The results of InfluxQL that reads, one a statement. Raises `StoreAwayError`."""
        answer, results = self.ask("GET", statements, parameters)
        if results is None:
            raise StoreAwayError(f"InfluxDB does not answer the query: {answer.message or answer.status}")
        return results

    def ask(
        self, method: str, statements: str, parameters: Mapping[str, str] | None = None
    ) -> tuple[Answer, list[dict[str, Any]] | None]:
        """InfluxQL, GET for what reads and POST for what changes; the results, or None and why."""
        fields = {"db": self.database, "rp": self.policy, "epoch": "ns", "q": statements}
        if parameters:
            fields["params"] = json.dumps(parameters)
        answer, document = self.call(method, "/query", {key: text for key, text in fields.items() if text})
        if document is None:
            return answer, None
        results = document.get("results")
        if not isinstance(results, list) or not results:
            return NOT_INFLUXDB, None
        return answer, results

    def call(
        self, method: str, path: str, query: Mapping[str, str], body: object = None
    ) -> tuple[Answer, dict[str, Any] | None]:
        """Any call that answers in JSON; the document, or None and why."""
        try:
            response = self._client.api_client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                _preload_content=False,
                _return_http_data_only=True,
            )
            document = json.loads(response.data)
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return self._answer(error), None
        if not isinstance(document, dict):
            return NOT_INFLUXDB, None
        return Answer(200), document

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, error: Exception) -> Answer:
        if isinstance(error, ApiException) and error.status:
            return Answer(error.status, _message(error), parse_retry_after(error.retry_after, time.time()))
        where = f"InfluxDB at {self._settings.url}"
        if isinstance(error, ApiException):  # without a status: TLS
            reason = " ".join(str(error.reason).split())
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                return Answer(AWAY, f"{where} shows a certificate that cannot be trusted: {reason}", lasting=True)
            return Answer(AWAY, f"{where} does not agree on TLS: {reason}")
        if isinstance(error, urllib3.exceptions.NewConnectionError):  # urllib3 counts it among the timeouts
            return Answer(AWAY, f"{where} cannot be reached: {error.__cause__ or type(error).__name__}")
        if isinstance(error, urllib3.exceptions.TimeoutError):
            return Answer(AWAY, f"{where} did not answer within {self._settings.timeout_s:g} s")
        return Answer(AWAY, f"{where} broke off: {type(error).__name__}")


def _credentials(settings: InfluxSettings) -> str:
    """Empty: none are sent."""
    secret = settings.secret() or ""
    return secret if settings.username is None else f"{settings.username}:{secret}"


def _message(error: ApiException) -> str:
    """What the store said: 1.x under `error`, 2.x under `message`, a proxy as it likes."""
    body = error.body or ""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        document = json.loads(text)
        text = str(document.get("message") or document["error"])
    except (ValueError, KeyError, AttributeError):
        text = text or str(error.reason)
    return " ".join(text.split())[:MESSAGE_LIMIT]


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Seconds from now, of either form of RFC 9110's Retry-After, bounded; None when it is absent or neither."""
    if text is None:
        return None
    try:
        wait_s = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait_s), RETRY_AFTER_LIMIT_S)
