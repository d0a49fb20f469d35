"""What the first screen says: is everything all right, and if not, where."""

from api.access.caller import Caller
from api.queries.active import active_alerts
from api.queries.readers import require_reader
from api.sources import Sources


async def count_of_alerts(sources: Sources, caller: Caller) -> int:
    """Active alerts at the sites of the caller; 0 also while the alert database can't be asked."""
    require_reader(caller)
    active = await active_alerts(sources) or {}
    devices = sources.registry.devices
    return sum(len(alerts) for id_, alerts in active.items() if id_ in devices and caller.sees(devices[id_].site))
