"""The deployment of the city: registry, rules, people and routes; and the alert service that runs it."""

import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import Template

from bench.city import METRICS, SITES, SPEAKS_EVERY_S, id_of, kind_of, site_of
from bench.pipelines import HERE, Ends
from tests.components import free_port

BLOCK = Template((HERE / "city_rules.yaml").read_text(encoding="utf-8"))
RULES_A_BLOCK = 10
AT_ONCE = frozenset({"odour", "paper-low", "leak"})
"""Those that an incident raises with its first reading."""


@dataclass(frozen=True)
class Rulebook:
    """How many rules, in blocks of ten, and whom they select."""

    count: int
    elsewhere: bool = False
    """Whether all select only devices that never send."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """The pattern of the sites of each block: together they select each device with one block."""
        patterns = {10: ("*",), 100: tuple(f"{tens}*" for tens in range(10))}
        sites = patterns.get(self.count) or tuple(f"{site:02}" for site in range(self.count // RULES_A_BLOCK))
        return tuple(f"{'far' if self.elsewhere else 'town'}-{pattern}" for pattern in sites)

    def yaml(self) -> str:
        """As `rules.yaml` has it."""
        blocks = (BLOCK.substitute(place=place, sites=sites) for place, sites in enumerate(self.blocks))
        return "".join(("rules:\n", *blocks))


class AlertService:
    """The alert service as users run it: everything on."""

    name = "alerts"
    client_id = "caretaker-alerts"

    def __init__(self, rulebook: Rulebook, hook: str | None = None) -> None:
        """`hook`: a webhook that is called for each alert by itself, at once; None: routes as they are by default."""
        self.http_port = free_port()
        self._rulebook = rulebook
        self._hook = hook

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `bench.pipelines.Pipeline`."""
        config, data = folder / "config", folder / "data"
        config.mkdir(parents=True, exist_ok=True)
        data.mkdir(exist_ok=True)
        self.configure(config, ends.mqtt_port, devices)
        return [
            *(sys.executable, "-m", "caretaker", "run", "alerts"),
            *("--config", str(config), "--data", str(data)),
        ]

    def configure(self, config: Path, mqtt_port: int, devices: int) -> None:
        """Write the deployment."""
        (config / "caretaker.yaml").write_text(
            f"broker: {{port: {mqtt_port}}}\n"
            f"alerts:\n  http: {{port: {self.http_port}}}\n  webhook: {{allow: [127.0.0.0/8]}}\n",
            encoding="utf-8",
        )
        sites = [f"{name}-{number:02}" for name in ("town", "far") for number in range(SITES)]
        (config / "sites.yaml").write_text(
            "sites:\n"
            + "".join(
                f"  - {{id: {site}, kind: toilet, timezone: Asia/Hong_Kong, names: {{en: Site {site}}}}}\n"
                for site in sites
            ),
            encoding="utf-8",
        )
        with (config / "devices.csv").open("w", encoding="utf-8") as sheet:
            sheet.write("id,site,kind,interval_s,metrics,name_en\n")
            for number in range(devices):
                sheet.write(_row(id_of(number), site_of(number), kind_of(number)))
            for number, kind in product(range(SITES), METRICS):
                sheet.write(_row(f"far-{kind}-{number}", f"far-{number:02}", kind))
        (config / "rules.yaml").write_text(self._rulebook.yaml(), encoding="utf-8")
        receivers = "" if self._hook is None else f', receivers: ["{self._hook}"]'
        (config / "people.yaml").write_text(
            f"people:\n  - {{id: duty, name: Duty, language: en{receivers}}}\n", encoding="utf-8"
        )
        if self._hook is not None:
            (config / "routes.yaml").write_text(
                "cap_an_hour: 10000\n"
                "route: {to: [duty], group_by: [device, rule], group_wait: 0s, quiet_hours: false}\n",
                encoding="utf-8",
            )


def _row(device: str, site: str, kind: str) -> str:
    return f"{device},{site},{kind},{SPEAKS_EVERY_S},{' '.join(METRICS[kind])},{kind} {device}\n"
