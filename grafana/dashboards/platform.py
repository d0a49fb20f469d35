"""The platform: are readings taken, stored, judged and told, and how long does each take? From Prometheus."""

from collections.abc import Mapping
from typing import TypeVar

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold

from grafana.deployment import Deployment
from grafana.links import PLATFORM
from grafana.page import Dashboard, Page
from grafana.panels import (
    NEUTRAL,
    bars,
    by_value,
    figure,
    fixed_steps,
    legend,
    named,
    plot,
    with_lines,
    with_states,
)
from grafana.prometheus import PROMETHEUS, PromQuery, Span, asked, rate
from grafana.reasons import reasons
from grafana.thresholds import AMBER, FINE, RED
from telemetry.message import Reason

Asking = TypeVar("Asking", timeseries.Panel, stat.Panel)
BYTES, SECONDS = "bytes", "s"
PER_SECOND = "suffix:/s"
IGNORED = "|".join(reason for reason in Reason if reason.ignored)
DELIVERIES = 'round(sum by (receiver) (increase(caretaker_alerts_deliveries_total{{result="{}"}}[5m]))) > 0'
COUNTED_MOST = 5
"""An axis of counts reaches so far at least, so that its ticks are whole numbers."""
MEBIBYTE = 1024**2
HALF_A_JOURNAL = 1024 * MEBIBYTE
"""Half of the default of `journal.cap_mb`: where the alert of the platform begins."""


def dashboard(deployment: Deployment) -> Dashboard:
    """What the one who runs it looks at; no readings of devices are on it."""
    words = deployment.words
    page = Page(
        deployment,
        PLATFORM,
        words("Platform"),
        words("Whether readings are taken, stored, judged and told, and how long each takes."),
        sites=deployment.sites(),
        devices=(),
        choose=(),
        start="now-6h",
        marked=False,
    )
    _states(page)
    _alerts(page)
    _taken(page)
    _stored(page)
    _judged(page)
    _shown(page)
    return page.build()


def _states(page: Page) -> None:
    words = page.deployment.words
    ready: Mapping[float, tuple[str, str]] = {0: (words("not ready"), RED), 1: (words("ready"), NEUTRAL)}
    services: Mapping[str, tuple[str, str]] = {
        "ingestor": (words("Ingestor"), words("Whether readings are accepted. If not, /health/ready says why.")),
        "alerts": (words("Alert service"), words("Whether readings are judged. If not, /health/ready says why.")),
        "api": (words("API and board"), words("Whether what the board shows is the present.")),
    }
    for place, (service, (title, said)) in enumerate(services.items()):
        panel = _asking(figure(title, said, []), (f"min(caretaker_{service}_ready)", ""))
        shaded = by_value(with_states(panel, ready), [Threshold(None, RED), Threshold(1, FINE)])
        page.add(10 + place, shaded.no_value(words("not asked")), width=4, height=4)
    balanced: Mapping[float, tuple[str, str]] = {0: (words("does not balance"), RED), 1: (words("balances"), NEUTRAL)}
    panel = _asking(
        figure(
            words("Account"),
            words("Received = written + quarantined + ignored + journal. Where it does not balance there is a defect."),
            [],
        ),
        ("min(caretaker_ingestor_account_balanced)", ""),
    )
    page.add(13, by_value(with_states(panel, balanced), [Threshold(None, RED), Threshold(1, FINE)]), width=4, height=4)
    trouble: Mapping[float, tuple[str, str]] = {
        0: (words("takes readings"), NEUTRAL),
        1: (words("takes nothing"), AMBER),
    }
    panel = _asking(
        figure(
            words("Store"),
            words("Whether the store takes what is written. If not, readings wait in the journal and nothing is lost."),
            [],
        ),
        ("max(caretaker_ingestor_store_trouble)", ""),
    )
    page.add(14, by_value(with_states(panel, trouble), [Threshold(None, FINE), Threshold(1, AMBER)]), width=4, height=4)
    panel = _asking(
        figure(
            words("Problems of the configuration"),
            words(
                "Errors in sites, devices, rules and routes as the files are now. What was good before is in force; "
                "caretaker check names file and line."
            ),
            [],
        ),
        ("sum(caretaker_ingestor_registry_problems) + sum(caretaker_alerts_configuration_problems)", ""),
    )
    page.add(15, by_value(panel, [Threshold(None, FINE), Threshold(1, AMBER)]).decimals(0), width=4, height=4)


def _alerts(page: Page) -> None:
    words = page.deployment.words
    fires = 'max by (alertname) (ALERTS{{alertname=~"Caretaker.*", alertstate="firing", severity{}"critical"}}) * {}'
    panel = figure(
        words("Alerts of the platform"),
        words(
            "What Prometheus says is wrong with the services themselves; red ones at once. Each is explained, with "
            "what to do, in docs/platform-alerts.md under its name."
        ),
        [],
    )
    panel.datasource(PROMETHEUS).text_mode(shown.BigValueTextMode.VALUE_AND_NAME)
    for target in (
        PromQuery(fires.format("=", 2), "{{alertname}}", "A", Span.NOW),
        PromQuery(fires.format("!=", 1), "{{alertname}}", "B", Span.NOW),
    ):
        panel.with_target(target)
    with_states(panel, {1: (words("warning"), AMBER), 2: (words("critical"), RED)})
    by_value(panel, [Threshold(None, FINE), Threshold(1, AMBER), Threshold(2, RED)])
    page.add(16, panel.no_value(words("No alert of the platform fires.")), width=24, height=3)


def _taken(page: Page) -> None:
    words = page.deployment.words
    page.row(100, words("Taking"))
    panel = _asking(
        plot(
            words("Messages"),
            words("Messages a second: delivered by the broker, and acknowledged once they are durable."),
            [],
        ),
        (rate("caretaker_ingestor_messages_received_total"), words("received")),
        (rate("caretaker_ingestor_messages_acknowledged_total"), words("acknowledged")),
    )
    page.add(110, panel.unit(PER_SECOND).decimals(1).min(0), width=8, height=8)
    panel = _asking(
        plot(
            words("Received and not durable yet"),
            words(
                "Messages between the broker and the journal. They are not acknowledged, so the broker still has them."
            ),
            [],
        ),
        ("sum(caretaker_ingestor_unacknowledged)", words("not durable yet")),
    )
    page.add(111, panel.min(0).decimals(0).axis_soft_max(COUNTED_MOST), width=8, height=8)
    panel = _asking(
        bars(
            words("Refused, by reason"),
            words(
                "Messages and values in each five minutes that went to quarantine, by reason: an unknown device, a "
                "value that cannot be, a wrong clock. caretaker quarantine shows them, and the board."
            ),
            [],
        ),
        (
            f'round(sum by (reason) (increase(caretaker_ingestor_rejections_total{{reason!~"{IGNORED}"}}[5m]))) > 0',
            "{{reason}}",
        ),
    )
    named(panel, reasons(words)).legend(legend(len(reasons(words)), ["max"]))
    panel.interval("5m").axis_soft_max(COUNTED_MOST).no_value(words("None was refused."))
    page.add(112, panel, width=8, height=8)
    panel = _asking(
        plot(
            words("Connections, and what the broker did"),
            words(
                "Within an hour: connections made, sessions that the broker had lost, messages at QoS 0, and pauses "
                "because the broker sent more than it was asked to. All but the first ought to be 0."
            ),
            [],
        ),
        ("sum(increase(caretaker_ingestor_connections_total[1h]))", words("connections")),
        ("sum(increase(caretaker_ingestor_sessions_lost_total[1h]))", words("sessions lost")),
        ("sum(increase(caretaker_ingestor_messages_qos0_total[1h]))", words("at QoS 0")),
        ("sum(increase(caretaker_ingestor_pauses_total[1h]))", words("pauses")),
    )
    page.add(113, panel.min(0).decimals(0).axis_soft_max(COUNTED_MOST), width=12, height=7)
    panel = _asking(
        plot(
            words("In quarantine"),
            words("Messages that are kept because they were refused, until they are replayed."),
            [],
        ),
        ("sum(caretaker_ingestor_quarantine_messages)", words("messages")),
    )
    page.add(114, panel.min(0).decimals(0).axis_soft_max(COUNTED_MOST), width=12, height=7)


def _stored(page: Page) -> None:
    words = page.deployment.words
    page.row(200, words("Storing"))
    panel = _asking(
        plot(
            words("Readings"),
            words("Readings a second: received, written to the store, put into quarantine."),
            [],
        ),
        (rate("caretaker_ingestor_readings_received_total"), words("received")),
        (rate("caretaker_ingestor_readings_written_total"), words("written")),
        (rate("caretaker_ingestor_readings_quarantined_total"), words("quarantined")),
    )
    page.add(210, panel.unit(PER_SECOND).decimals(1).min(0), width=8, height=8)
    panel = _asking(
        plot(
            words("Waiting in the journal"),
            words(
                "What readings that wait for the store take. The line is half of 2 GiB, the usual cap: a full journal "
                "stops acknowledging, and the broker holds what comes then."
            ),
            [],
        ),
        ("sum(caretaker_ingestor_journal_bytes)", words("journal")),
    )
    lines = [Threshold(None, FINE), Threshold(HALF_A_JOURNAL, RED)]
    page.add(211, with_lines(panel.unit(BYTES).min(0).axis_soft_max(MEBIBYTE), lines), width=8, height=8)
    panel = _asking(
        plot(words("Time of a write"), words("How long the last request to the store took."), []),
        ("max(caretaker_ingestor_store_write_seconds)", words("last write")),
    )
    page.add(212, panel.unit(SECONDS).min(0), width=8, height=8)


def _judged(page: Page) -> None:
    words = page.deployment.words
    page.row(300, words("Judging and telling"))
    panel = _asking(
        plot(
            words("Behind the clock"),
            words(
                "How far the alert clock is behind. It grows while a backlog is worked through; for longer than two "
                "minutes above the line the machine is too small."
            ),
            [],
        ),
        ("max(caretaker_alerts_evaluation_lag_seconds)", words("behind")),
    )
    lines = [Threshold(None, FINE), Threshold(30, AMBER)]
    page.add(310, with_lines(panel.unit(SECONDS).min(0), lines), width=8, height=8)
    panel = _asking(
        plot(words("Readings judged"), words("Readings a second of devices that some rule watches."), []),
        (rate("caretaker_alerts_readings_evaluated_total"), words("judged")),
    )
    page.add(311, panel.unit(PER_SECOND).decimals(1).min(0), width=8, height=8)
    panel = _asking(
        plot(
            words("Messages to people that wait"),
            words("How long the oldest message to a person has waited. Above the line somebody cannot be reached."),
            [],
        ),
        ("max(caretaker_alerts_outbox_age_seconds)", words("oldest")),
    )
    lines = [Threshold(None, FINE), Threshold(300, AMBER)]
    page.add(312, with_lines(panel.unit(SECONDS).min(0), lines), width=8, height=8)
    results = {
        "delivered": (words("delivered"), NEUTRAL),
        "later": (words("to be tried again"), AMBER),
        "refused": (words("refused"), RED),
    }
    panel = _asking(
        bars(
            words("Deliveries"),
            words("Attempts to deliver in each five minutes, by the kind of receiver and what became of them."),
            [],
        ),
        *((DELIVERIES.format(result), f"{{{{receiver}}}} · {said}") for result, (said, _) in results.items()),
    ).legend(legend(3, ["max"]))
    for said, colour in results.values():
        fixed = DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        panel.override_by_regexp(f"/ · {said}$/", [fixed])
    panel.interval("5m").axis_soft_max(COUNTED_MOST).no_value(words("Nothing was delivered."))
    page.add(313, panel, width=12, height=8)
    count = _asking(
        figure(
            words("Cannot be delivered"),
            words("Messages that nobody will get: caretaker alerts dead shows them, with the reason."),
            [],
        ),
        ("sum(caretaker_alerts_dead_letters)", ""),
    )
    page.add(314, by_value(count.decimals(0), [Threshold(None, FINE), Threshold(1, AMBER)]), width=6, height=8)
    count = _asking(
        figure(
            words("Defects"),
            words("Messages and attempts lost to an error of our own since the start. Please report them."),
            [],
        ),
        ("sum(caretaker_alerts_defects_total) + sum(caretaker_alerts_receiver_defects_total)", ""),
    )
    page.add(315, by_value(count.decimals(0), [Threshold(None, FINE), Threshold(1, RED)]), width=6, height=8)


def _shown(page: Page) -> None:
    words = page.deployment.words
    page.row(400, words("Showing, and what the services take"))
    jobs = {"ingestor": words("Ingestor"), "alerts": words("Alert service"), "api": words("API and board")}
    panel = _asking(
        plot(words("Listeners"), words("Programs and boards that follow the live stream."), []),
        ("sum(caretaker_api_live_listeners)", words("listeners")),
    )
    page.add(410, panel.min(0).decimals(0).axis_soft_max(COUNTED_MOST), width=8, height=7)
    panel = _asking(
        plot(
            words("Processor time"),
            words("How much of one core each service takes."),
            [],
        ),
        ('sum by (job) (rate(process_cpu_seconds_total{job=~"ingestor|alerts|api"}[$__rate_interval]))', "{{job}}"),
    )
    named(panel, jobs)
    page.add(412, panel.unit("percentunit").min(0), width=8, height=7)
    panel = _asking(
        plot(
            words("Memory of the services"),
            words("Resident memory of each service."),
            [],
        ),
        ('process_resident_memory_bytes{job=~"ingestor|alerts|api"}', "{{job}}"),
    )
    named(panel, jobs)
    page.add(411, panel.unit(BYTES).min(0), width=8, height=7)


def _asking(panel: Asking, *queries: tuple[str, str]) -> Asking:
    """From Prometheus; series that a legend names in words have a colour of their own."""
    panel.datasource(PROMETHEUS)
    for query in asked(*queries):
        panel.with_target(query)
    if isinstance(panel, stat.Panel):
        panel.thresholds(fixed_steps([Threshold(None, NEUTRAL)]))
    if isinstance(panel, timeseries.Panel):
        named(panel, {said: said for _, said in queries if said and "{{" not in said})
    return panel
