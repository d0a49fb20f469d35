"""Chat, paging and text messages by Apprise: the well-known services, each at its own fixed address.

Apprise resolves names and connects by itself, so that `guard` can't hold it to checked addresses. Hence a closed list:
services whose host stands in Apprise's code, over HTTPS. Refused are what reaches this machine (desktop, syslog, files)
and whatever takes a host out of the address (json, xml, form, mailto, ntfy, matrix, gotify and others): a signed
webhook does that, guarded. One family has its host in the address and is known by its ending.
"""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import apprise

from alerts.alert import Severity
from alerts.notice import Attempt, Cause, Delivery, Verdict
from alerts.receivers.receiver import later, refused

TIMEOUT_S = 30.0
"""Apprise's own are 4 s to connect and 4 s to read, some services need several requests."""
THREADS = 4
"""Apprise blocks; a service that hangs must not hold up the threads of others."""
SERVICES = frozenset(
    # Chat
    {"dingtalk", "discord", "feishu", "gchat", "lark", "line", "slack", "tgram", "threema", "viber", "webex"}
    | {"wecombot", "whatsapp", "wxteams"}
    # Paging
    | {"firehydrant", "ilert", "incidentio", "opsgenie", "pagerduty", "pagertree", "signl4", "spike", "splunk"}
    | {"squadcast", "victorops"}
    # Phones
    | {"ifttt", "join", "pbul", "pover", "prowl", "simplepush", "spush"}
    # Text messages
    | {"46elks", "bulksms", "clickatell", "clicksend", "elks", "msgbird", "nexmo", "plivo", "sns", "telnyx", "twilio"}
    | {"vonage"}
    # Mail by a provider
    | {"azure", "brevo", "o365", "postmark", "resend", "sendgrid", "ses"}
)
HOSTED = {"workflow": (".logic.azure.com", ".api.powerplatform.com")}
"""Services whose host stands in the address, and how it has to end. Microsoft Teams is reached by `workflows`."""
HOSTED["workflows"] = HOSTED["workflow"]
FORBIDDEN_OPTIONS = {
    "template": "it would read a file of this machine",
    "verify": "the service's certificate is always checked",
    "optional": "what failed would count as delivered",
    "retry": "what failed is tried again from here",
    "timeout": "how long is waited is set here",
}
_PERMANENT = re.compile(r"\berror=(400|401|403|404|410|422)\b")
"""How Apprise's plugins log a refusal that will not pass: a wrong token, a channel that is gone."""


class AppriseReceiver:
    """Sends to addresses such as `tgram://…`; what they look like stands in Apprise's documentation."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        self._asset = apprise.AppriseAsset(
            app_id="Caretaker", app_desc="Caretaker", storage_mode=apprise.PersistentStoreMode.MEMORY
        )
        # Its lines may hold parts of addresses: they are taken from its results, cleared, and go nowhere else.
        logger = logging.getLogger("apprise")
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logging.getLogger("urllib3").setLevel(logging.WARNING)  # it logs paths, and some hold tokens

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """One try in a thread. A refused request: refused. Everything else that fails: later."""
        problem = problem_of(address)
        if problem is not None:
            return refused(problem, address)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._threads, self._notify, delivery, address)
        except TimeoutError:
            return later("no answer in time", address)

    def close(self) -> None:
        """Let the threads end; what they have under way stays unknown."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _notify(self, delivery: Delivery, address: str) -> Attempt:
        service = apprise.Apprise.instantiate(address, asset=self._asset)
        if not isinstance(service, apprise.NotifyBase):
            return refused("not an address that Apprise understands", address)
        if not _host_fits(address, str(service.host or "")):
            return refused("its host is none of the service's own", address)
        sending = apprise.Apprise(service, asset=self._asset)
        result = sending.notify(
            title=delivery.message.title,
            body=delivery.message.text,
            notify_type=_kind(delivery),
            body_format=apprise.NotifyFormat.TEXT,
        )
        if result:
            return Attempt(Verdict.DELIVERED)
        said = " ".join(entry.message for entry in result.logs())
        detail = said or "the service did not take it"
        return refused(detail, address) if _PERMANENT.search(said) else later(detail, address)


def problem_of(address: str) -> str | None:
    """Why we don't hand an address to Apprise, without a part of it; None: we do. Asks nobody."""
    schema, separator, rest = address.partition("://")
    schema = schema.lower()
    if not separator or schema not in SERVICES | HOSTED.keys():
        return (
            "not one of the services that are reached by Apprise (docs/receivers.md has the list); "
            "for a server of your own use a webhook, https://"
        )
    for name, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True):
        if name.lower() in FORBIDDEN_OPTIONS:
            return f"the option {name.lower()!r} is not for here: {FORBIDDEN_OPTIONS[name.lower()]}"
    return None


def _host_fits(address: str, host: str) -> bool:
    endings = HOSTED.get(address.partition("://")[0].lower())
    return endings is None or host.lower().endswith(endings)


def _kind(delivery: Delivery) -> apprise.NotifyType:
    """Which colour or picture the service shows."""
    if delivery.cause is Cause.RESOLVED:
        return apprise.NotifyType.SUCCESS
    match delivery.message.severity:
        case Severity.CRITICAL:
            return apprise.NotifyType.FAILURE
        case Severity.WARNING:
            return apprise.NotifyType.WARNING
        case _:
            return apprise.NotifyType.INFO
