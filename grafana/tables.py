"""Tables: rows of the store under titles, with names for ids and colours for severities."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from alerts.alert import Severity
from grafana.links import Link
from grafana.panels import Queries, begun
from grafana.thresholds import SEVERITIES
from grafana.words import Words


def rows(title: str, description: str, queries: Queries) -> table.Panel:
    """A table. Its queries have the shape `TABLE`."""
    return begun(table.Panel().show_header(True), title, description, queries)


def column(
    panel: table.Panel, name: str, title: str, *properties: DynamicConfigValue, width_px: int | None = None
) -> table.Panel:
    """A table's column under its title."""
    width = [] if width_px is None else [DynamicConfigValue(id_val="custom.width", value=width_px)]
    return panel.override_by_name(name, [DynamicConfigValue(id_val="displayName", value=title), *width, *properties])


def in_order(panel: table.Panel, names: Sequence[str]) -> table.Panel:
    """The columns in this order: InfluxDB gives the tags by the alphabet. Those not named are left out."""
    return panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
    ).with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(names)},
                "renameByName": {},
            },
        )
    )


def severities(words: Words) -> Sequence[DynamicConfigValue]:
    """Properties of a column of severities: words on their colours."""
    said = {
        Severity.CRITICAL: words("critical"),
        Severity.WARNING: words("warning"),
        Severity.INFORMATION: words("information"),
    }
    options = {
        str(severity.value): ValueMappingResult(text=text, color=SEVERITIES[severity], index=index)
        for index, (severity, text) in enumerate(said.items())
    }
    mappings: list[ValueMapping] = [ValueMap(options=options)]
    return [
        DynamicConfigValue(id_val="mappings", value=mappings),
        DynamicConfigValue(id_val="custom.displayMode", value="color-background-solid"),
    ]


def names_in_cells(names: Mapping[str, str]) -> DynamicConfigValue:
    """A column's property: the names of the ids in its cells."""
    options = {key: ValueMappingResult(text=text, index=index) for index, (key, text) in enumerate(names.items())}
    mappings: list[ValueMapping] = [ValueMap(options=options)]
    return DynamicConfigValue(id_val="mappings", value=mappings)


def links_in_cells(links: Sequence[Link]) -> DynamicConfigValue:
    """A column's property: where a click on its cells leads."""
    return DynamicConfigValue(id_val="links", value=list(links))
