"""A dashboard's variables. InfluxDB knows ids only, so their names are written into the dashboard."""

from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.builders.dashboard import CustomVariable
from grafana_foundation_sdk.models.dashboard import VariableOption

from grafana.deployment import Deployment
from grafana.queries import Variable
from telemetry.registry.models import Device, Site

EVERYTHING = ".*"
"""What "All" stands for in a regular expression."""
_ALL = "$__all"


def variables(
    deployment: Deployment, wanted: Iterable[Variable], sites: Sequence[Site], devices: Sequence[Device]
) -> Sequence[CustomVariable]:
    """The wanted ones, with these sites and devices, and the areas that hold any of the devices.

    "All" means every series that the page's queries find; a page about some kinds of sites says so in its scope.
    """
    words = deployment.words
    made = {
        Variable.SITE: lambda: _custom(Variable.SITE, words("Site"), _sites(deployment, sites)),
        Variable.AREA: lambda: _custom(Variable.AREA, words("Area"), _areas(deployment, sites, devices)),
        Variable.DEVICE: lambda: _custom(Variable.DEVICE, words("Device"), [*deployment.device_names(devices).items()]),
    }
    return [made[variable]() for variable in wanted]


def _sites(deployment: Deployment, sites: Iterable[Site]) -> Sequence[tuple[str, str]]:
    return [(site.id, deployment.site_name(site)) for site in sites]


def _areas(deployment: Deployment, sites: Sequence[Site], devices: Iterable[Device]) -> Sequence[tuple[str, str]]:
    """The devices of an area as alternatives, and `Site · Area`: no series knows its area."""
    held: dict[tuple[str, str], list[str]] = {}
    for device in devices:
        if device.area is not None:
            held.setdefault((device.site, device.area), []).append(device.id)
    names = deployment.short_names(sites)
    return [
        ("|".join(held[site.id, area.id]), f"{names[site.id]} · {deployment.words.name(area.names, area.id)}")
        for site in sites
        for area in site.areas.values()
        if (site.id, area.id) in held
    ]


def _custom(variable: Variable, label: str, choices: Sequence[tuple[str, str]]) -> CustomVariable:
    # Grafana reads `text : value, text : value`; a comma within a text is escaped.
    escaped = [(text.replace(",", r"\,"), value) for value, text in choices]
    every = VariableOption(selected=True, text="All", value=_ALL)
    values = ",".join(f"{text} : {value}" for text, value in escaped)
    return (
        CustomVariable(variable.value)
        .id(variable.value)  # the SDK gives all the same, and Grafana 9.3 keeps one of an id
        .label(label)
        .values(values)
        # Grafana 9.3 shows a value that came with an address under its name only where the options are written out.
        .options([every, *(VariableOption(selected=False, text=text, value=value) for value, text in choices)])
        .multi(True)
        .include_all(True)
        .all_value(EVERYTHING)
        .current(VariableOption(selected=True, text=["All"], value=[_ALL]))
    )
