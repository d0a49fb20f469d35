"""Questions about the one device that is chosen at the head of a dashboard. InfluxQL, pure.

Where all are chosen, or several, they have no answer: `.*` and `(a|b)`, taken as they stand, are no device's.
"""

from grafana.queries import TIME, group
from telemetry.catalogue.metric import Metric
from telemetry.stores.influxdb.influxql import identifier, select

# Not `'${device:pipe}'`: a quote in an address would end that text, and a statement could follow.
CHOSEN = r'"device" =~ /^\Q${device:regex}\E$/'


def course_of_one(metric: Metric) -> str:
    """The mean of each window of the plot."""
    name = identifier(metric.name)
    rest = f"WHERE {CHOSEN} AND {TIME} {group((), '$__interval')} fill(null)"
    return select(f"mean({name}) AS {name}", metric.measurement, rest)
