"""The store: whether it answers to the services' credentials, holds what the catalogue expects, and is written to."""

import asyncio
from collections.abc import Sequence

from deploy.doctor.asked import AwayError, ask
from deploy.doctor.finding import Remark, cannot_tell, sound, wrong
from deploy.doctor.place import Ground, Part
from telemetry.stores.influxdb.client import Answer, InfluxHttp
from telemetry.stores.influxdb.provision import field_types, type_conflicts
from telemetry.stores.open import open_reader, store_file
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError

NOT_LET_IN = frozenset({401, 403})


async def look(ground: Ground) -> Sequence[Remark]:
    """From here, with the services' credentials, and as the ingestor sees it."""
    settings = ground.ingestor.store
    here = await (_influxdb(ground, settings) if isinstance(settings, InfluxSettings) else _sqlite(ground))
    return [*here, *await _as_the_ingestor_sees_it(ground)]


async def _influxdb(ground: Ground, settings: InfluxSettings) -> Sequence[Remark]:
    answer, conflicts = await asyncio.to_thread(_asked, ground, settings)
    if answer is not None and answer.lasting:
        return [cannot_tell(settings.url, f"{answer.message}; see `certificates`")]
    if answer is not None:
        return [wrong(settings.url, _found(answer), _mend(ground, settings, answer))]
    if conflicts:
        return [wrong(settings.url, "a field has another type than the catalogue says", text) for text in conflicts]
    return [sound(settings.url, f"InfluxDB answers; the bucket {settings.bucket} agrees with the catalogue")]


def _asked(ground: Ground, settings: InfluxSettings) -> tuple[Answer | None, list[str]]:
    http = InfluxHttp(settings)
    try:
        answer, results = http.ask("GET", "SHOW FIELD KEYS")
        if results is None:
            return answer, []
        if error := results[0].get("error"):
            return Answer(200, str(error)), []
        return None, list(type_conflicts(field_types(results), ground.registry.metrics))
    finally:
        http.close()


def _found(answer: Answer) -> str:
    if answer.status in NOT_LET_IN:
        return f"InfluxDB does not accept the services' credentials: {answer.message}"
    return f"InfluxDB can't be asked: {answer.message or answer.status}"


def _mend(ground: Ground, settings: InfluxSettings, answer: Answer) -> str:
    if answer.status in NOT_LET_IN:
        again = f"; `caretaker deploy provision {ground.layout.folder}` makes them again" if ground.layout else ""
        return f"correct `store.token`, or `store.username` and `store.password`, in caretaker.yaml{again}"
    if answer.status:
        return f"see that `store.url` leads to InfluxDB, and that the bucket {settings.bucket} exists"
    return "start InfluxDB, or correct `store.url`; until it is back the journal keeps what comes"


async def _sqlite(ground: Ground) -> Sequence[Remark]:
    settings = ground.ingestor.store
    assert not isinstance(settings, InfluxSettings)
    file = store_file(settings, ground.data)
    if not file.exists():
        return [
            wrong(
                str(file),
                "there is no such file: nothing was ever stored here",
                "give --data DIR as the ingestor has it, or start it",
            )
        ]
    reader = open_reader(settings, lambda: ground.registry, data_dir=ground.data)
    try:
        await reader.latest([next(iter(ground.registry.devices), "")])
    except StoreAwayError as error:
        return [wrong(str(file), f"it can't be read: {error}", "run this as the user that the ingestor runs as")]
    finally:
        await reader.close()
    return [sound(str(file), "it can be read")]


async def _as_the_ingestor_sees_it(ground: Ground) -> Sequence[Remark]:
    if Part.INGESTOR not in ground.urls:
        return []
    url = f"{ground.urls[Part.INGESTOR]}/account"
    token = ground.ingestor.http.secret()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        answer = await ask(url, headers=headers, ca=ground.ca)
    except AwayError:
        return [cannot_tell(url, "the ingestor does not answer: see `services`")]
    if answer.status in NOT_LET_IN:
        return [cannot_tell(url, "the ingestor does not take the token of its settings: was it restarted since?")]
    if trouble := answer.field("trouble"):
        waits = answer.field("journal")
        return [
            wrong(
                url,
                f"the ingestor can't write: {trouble}; {waits} readings wait in its journal",
                "mend what it names; the ingestor tries again by itself, and loses nothing meanwhile",
            )
        ]
    if answer.field("balanced") is not True:
        return [wrong(url, "the account does not balance", "a defect: please report it, with this account")]
    return [sound(url, "the ingestor writes; its account balances")]
