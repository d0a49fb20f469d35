"""The account holds whatever happens in whatever order, and no reading is lost, doubled or overtaken."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingestor.journal_file import JournalFile
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.reading import Reading
from telemetry.stores.store import Outcome, Refusal


def reading(number: int) -> Reading:
    return Reading("d", number, number, {"uses": float(number)}, {})


class JournalMachine(RuleBasedStateMachine):
    """A journal beside a list of what it must hold."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.journal = JournalFile(self.folder / "journal.db", 400)
        self.waiting: list[int] = []
        self.counter = 0

    @rule(good=st.integers(0, 5), bad=st.lists(st.integers(0, 3), max_size=3), reason=st.sampled_from(list(Reason)))
    def append(self, good: int, bad: list[int], reason: Reason) -> None:
        fresh = list(range(self.counter, self.counter + good))
        self.counter += good
        message = Message("t", b"x" * 50, False, 1)
        rejections = [Rejection(message, reason, readings, "") for readings in bad]
        self.journal.append([Admitted([reading(number) for number in fresh], rejections)])
        self.waiting += fresh

    @rule(limit=st.integers(1, 20), data=st.data())
    def settle(self, limit: int, data: st.DataObject) -> None:
        batch = self.journal.oldest(limit)
        if batch is None:
            assert not self.waiting
            return
        taken = [one.time_ns for one in batch.readings]
        assert taken == self.waiting[: len(taken)]
        fates = {number: data.draw(st.sampled_from(["written", "refused", "kept"])) for number in taken}
        outcome = Outcome(
            refused=[Refusal(reading(number), "") for number in taken if fates[number] == "refused"],
            keep=[reading(number) for number in taken if fates[number] == "kept"],
        )
        self.journal.settle(batch, outcome, lambda refused: Message("t", b"y" * 30, False, refused.time_ns))
        self.waiting = [number for number in taken if fates[number] == "kept"] + self.waiting[len(taken) :]

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = JournalFile(self.folder / "journal.db", 400)

    @rule(row=st.integers(1, 5), admits=st.booleans())
    def replay(self, row: int, admits: bool) -> None:
        number = self.counter
        self.counter += 1

        def admit(message: Message) -> Admitted:
            if admits:
                return Admitted([reading(number)], ())
            return Admitted((), [Rejection(message, Reason.NOT_JSON, 1, "")])

        if self.journal.replay([row], admit)["replayed"]:
            self.waiting.append(number)

    @invariant()
    def account_holds(self) -> None:
        account = self.journal.account()
        assert account.balanced
        assert account.journal == self.journal.readings == len(self.waiting)

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
