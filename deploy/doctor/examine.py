"""All checks, in the order in which they are told. They run side by side; each has a limit in time.

the machine > the parts > the broker's promises > a reading, end to end > what must be refused > what lies around it
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

import structlog

from deploy.doctor import (
    backups,
    broker,
    certificates,
    configuration,
    dashboards,
    machine,
    queue,
    reading,
    refused,
    refused_http,
    retention,
    secret_files,
    services,
    store,
    versions,
)
from deploy.doctor.asked import AwayError, why_not
from deploy.doctor.finding import Check, Finding, Remark, cannot_tell
from deploy.doctor.place import Ground, address_of
from deploy.doctor.visitor import NoKeyError
from deploy.doctor.wire import NotLetInError, WireError
from telemetry.stores.store import StoreAwayError, StoreUnusableError

log = structlog.get_logger(__name__)

USUAL_S = 15.0
Look = Callable[[Ground], Awaitable[Sequence[Remark]]]
Told = Callable[[Check, Sequence[Finding]], None]


class Step(NamedTuple):
    """One check."""

    check: Check
    look: Look
    limit_s: float = USUAL_S
    """After it the check is given up: nothing may hang here."""


STEPS: tuple[Step, ...] = (
    Step(Check.CONFIGURATION, configuration.look),
    Step(Check.CLOCK, machine.clock),
    Step(Check.DISK, machine.disk),
    Step(Check.VERSIONS, versions.look),
    Step(Check.SERVICES, services.look),
    Step(Check.STORE, store.look),
    Step(Check.RETENTION, retention.look),
    Step(Check.BROKER, broker.terms),
    Step(Check.QUEUE, queue.look, 40.0),
    Step(Check.PERSISTENCE, broker.persistence),
    Step(Check.READING, reading.look, 40.0),
    Step(Check.ANONYMOUS, refused.anonymous),
    Step(Check.PASSWORD, refused.password),
    Step(Check.OTHER_DEVICE, refused.other_device, 20.0),
    Step(Check.PLAIN_TEXT, refused.plain_text),
    Step(Check.KEYS, refused_http.keys),
    Step(Check.PORTS, refused_http.ports),
    Step(Check.CERTIFICATES, certificates.look),
    Step(Check.SECRETS, secret_files.look),
    Step(Check.GRAFANA, dashboards.look, 25.0),
    Step(Check.BACKUP, backups.look),
)


async def examine(ground: Ground, wanted: Collection[Check], told: Told) -> list[Finding]:
    """What the wanted checks found, in their order; `told` hears of each as soon as it is done."""

    async def one(step: Step) -> list[Finding]:
        found = [Finding(step.check, remark) for remark in await _look(step, ground)]
        told(step.check, found)
        return found

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(step), name=step.check) for step in STEPS if step.check in wanted]
    return [finding for task in running for finding in task.result()]


async def _look(step: Step, ground: Ground) -> Sequence[Remark]:
    try:
        async with asyncio.timeout(step.limit_s):
            return await step.look(ground)
    except TimeoutError:
        return [cannot_tell("", f"given up after {step.limit_s:.0f} s")]
    except (AwayError, WireError, NotLetInError, NoKeyError, StoreAwayError, StoreUnusableError) as error:
        # What is away is another check's finding; here it is why nothing can be said.
        where = address_of(ground.broker) if isinstance(error, WireError | NotLetInError) else ""
        return [cannot_tell(where, str(error))]
    except OSError as error:
        return [cannot_tell(str(error.filename or ""), why_not(error) or str(error))]
    except Exception as error:  # told as what it is: one check's defect must not hide what the others have found
        log.exception("a defect in a check", check=step.check)
        return [cannot_tell("", f"a defect of ours in this check: {type(error).__name__}", "please report it")]
