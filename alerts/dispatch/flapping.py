"""What flaps is told once: the notice says so, and further changes are only counted, until there are fewer.

Which alerts are one too many is the life cycle's to say; it marks their transitions.
"""

from alerts.dispatch.cases import case_of
from alerts.dispatch.look import Case, Look, Place, Wish
from alerts.dispatch.muting import muted
from alerts.dispatch.state import Ledger, Series, Told
from alerts.dispatch.written import DAY_NS
from alerts.notice import Cause, Muted


def damp(look: Look) -> None:
    """Forget series that have come to rest, and settle what the alerts of the others have to say."""
    for key, series in list(look.memory.series.items()):
        case = look.cases.get(series.alert.id)
        if case is not None:
            series.alert, series.labels = case.alert, dict(case.labels)
        resting = not series.alert.active and look.now_ns >= series.seen_ns + DAY_NS
        if resting or key[0] not in look.world.rules or key[1] not in look.world.registry.devices:
            del look.memory.series[key]
    for case in look.cases.values():
        series_of = look.memory.series.get((case.alert.rule, case.alert.device))
        if series_of is None:
            case.ledger.flapping = False
        elif case.ledger.flapping:
            _settle(look, case, series_of)


def wish_for_notices(look: Look) -> None:
    """One notice for each series and person. It comes even where the alert is over by then: soon there is another."""
    for series in look.memory.series.values():
        case = look.cases.get(series.alert.id) or case_of(look, series.alert, Ledger(), series.labels)
        for person, place in _untold(look, case, series).items():
            mute = muted(look, case, place.route)
            if mute is None:
                look.wishes.append(Wish(case, person, Cause.FLAPPING, place, series=series))
                continue
            look.wake(mute.until_ns)
            if series.alert.id in look.cases:
                look.mute(case.ledger, person, mute.why)


def _untold(look: Look, case: Case, series: Series) -> dict[str, Place]:
    """By person: where they are to be told that it flaps. Who knows this alert already is not."""
    found: dict[str, Place] = {}
    for place in case.places:
        for person in look.audience(place.route.to, case).people:
            if person not in series.told and person not in case.ledger.told:
                found.setdefault(person, place)
    return found


def _settle(look: Look, case: Case, series: Series) -> None:
    """Who knows that it flaps knows this alert too: they are reminded of it if it stays, and not told of its end."""
    alert, ledger = case.alert, case.ledger
    for person, told_ns in series.told.items():
        told = ledger.told.get(person)
        if told is None and alert.active:
            ledger.told[person] = Told(int(alert.severity), look.now_ns, told_ns, messages=0, quietly=True)
            look.mute(ledger, person, Muted.FLAPPING)
        elif told is not None and alert.active and alert.severity > told.severity:
            told.severity = int(alert.severity)
            look.mute(ledger, person, Muted.FLAPPING)
    if alert.active:
        return
    for person, told in list(ledger.told.items()):
        # Who knew it without the notice, and hears its end, is done with the series too.
        series.told.setdefault(person, told.last_ns)
        if told.quietly:
            del ledger.told[person]
