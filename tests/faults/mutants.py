"""Defects to be brought into a service, each of which must turn its scenario red: or the scenario is blind.

A mutant is a change of the source, as text. One whose text is no longer there fails loudly (`apply`), so that none goes
stale. Only `mutant_launcher` brings it in; the production code knows nothing of it.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Change(NamedTuple):
    """What stands in the source, exactly once, and what shall stand there instead."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defect."""

    name: str
    module: str
    changes: tuple[Change, ...]
    scenario: str
    """The scenario that must see it."""
    figure: str
    """The figure that must turn red."""
    app: str = "ingestor.app"
    """Whose `main` runs with it."""

    def apply(self, source: str) -> str:
        """The source with the defect. An assertion fails where a text is not there exactly once."""
        for old, new in self.changes:
            assert source.count(old) == 1, f"mutant {self.name}: not there once in {self.module}:\n{old}"
            source = source.replace(old, new)
        return source


_APPEND = "        await journal.append([admitted(message) for message in delivery.messages])\n"
_ACKNOWLEDGE = "        delivery.acknowledge()\n"
_LATER = "        await asyncio.sleep(0.05)\n"  # else a kill seldom comes between, on a busy machine
_DUPLICATE = "                    counts.redelivered += 1\n"
_STALE = "            self._counts.stale_acknowledgements += len(packet_ids)\n            return\n"
_CONSTANT = "TAKEN_OVER = "
_SUBSCRIBED = "        assert isinstance(answer, mqtt5.SubAckPacket)\n        return answer\n"
_KEEP = "                await self._keep()\n"
_HEARD = "                if beats:\n                    self.heard_at_s = time.monotonic()\n"
_COMMIT = "                transitions = await self._database.commit(judged)\n"
_SEND = "            return await receiver.send(delivery, address)\n"
_WISHES = "            await asyncio.sleep(WISHES_EVERY_S)\n"

MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            "acknowledged-before-durable",
            "ingestor.app",
            (Change(_APPEND + _ACKNOWLEDGE, _ACKNOWLEDGE + _LATER + _APPEND),),
            "crash",
            "readings missing",
        ),
        Mutant(
            "duplicates-dropped",
            "telemetry.mqtt.connection",
            (
                Change(
                    _DUPLICATE,
                    _DUPLICATE
                    + "                    self._acknowledge([packet.packet_id])\n"
                    + "                    continue\n",
                ),
            ),
            "crash",
            "readings missing",
        ),
        Mutant(
            "acknowledged-on-the-next-connection",
            "telemetry.mqtt.connection",
            (
                Change(_STALE, "            owed.extend(packet_ids)\n            return\n"),
                Change(_CONSTANT, "owed: list[int] = []\n" + _CONSTANT),
                Change(
                    _SUBSCRIBED,
                    _SUBSCRIBED.replace(
                        "        return", "        self._acknowledge(owed)\n        owed.clear()\n        return"
                    ),
                ),
            ),
            "session",
            "acknowledgements for what was not delivered",
        ),
        Mutant(
            "not-synced",
            "ingestor.schema",
            (Change('"pragma synchronous = full"', '"pragma synchronous = off"'),),
            "syscalls",
            "acknowledgements without a sync before them",
        ),
        Mutant(
            "duplicates-judged",
            "alerts.judge.judge",
            (Change("            if key <= last.get(metric, NEVER):\n", "            if key < NEVER:\n"),),
            "reordering",
            "transitions that should not be",
            "alerts.app",
        ),
        Mutant(
            "acknowledged-before-committed",
            "alerts.judging",
            (Change(_KEEP + _HEARD + "    " + _ACKNOWLEDGE, "        " + _ACKNOWLEDGE + _KEEP + _HEARD),),
            "engine-killed",
            "transitions missing",
            "alerts.app",
        ),
        Mutant(
            "state-saved-after-dispatch",
            "alerts.judging",
            (
                Change(
                    _COMMIT,
                    "                told = type(judged)(alerts=judged.alerts, transitions=judged.transitions)\n"
                    "                transitions = await self._database.commit(told)\n"
                    "                self.on_news()\n"
                    "                judged.alerts, judged.transitions = {}, ()\n"
                    "                await self._database.commit(judged)\n",
                ),
            ),
            "engine-killed",
            "of them doubled",
            "alerts.app",
        ),
        Mutant(
            "id-made-anew-for-each-attempt",
            "alerts.deliver",
            (
                Change(
                    _SEND,
                    "            anew = replace(delivery, id=f'msg_{random.getrandbits(100):026x}')\n"
                    "            return await receiver.send(anew, address)\n",
                ),
            ),
            "receivers",
            "received under an id that was never planned",
            "alerts.app",
        ),
        Mutant(
            "clock-on-the-wall",
            "alerts.judging",
            (
                Change(
                    _WISHES,
                    _WISHES + "            async with self._one_at_a_time:\n"
                    "                self.judge.tick(time.time_ns())\n"
                    "                await self._keep()\n",
                ),
            ),
            "broker-away",
            "alerts on devices: the broker is away",
            "alerts.app",
        ),
    )
}
