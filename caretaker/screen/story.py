"""What happened, told in sentences that end with whether anything is missing. Pure."""

from dataclasses import dataclass, replace

from caretaker.audit import Verdict
from caretaker.screen.words import clock
from caretaker.supervise import Event, What

KEPT = 50
UNDECIDED = "checking"


@dataclass(frozen=True)
class Story:
    """One thing that happened."""

    time_ns: int
    about: str
    """Who: the name of a child, or what else can go and come back."""
    began: str
    ended: str | None = None
    outcome: str | None = None
    settled_ns: int | None = None
    """What was acknowledged before this decides the outcome; None: not over, or nothing can be missing from it."""

    def sentence(self) -> str:
        """For people."""
        parts = [self.began, self.ended, self.outcome or (UNDECIDED if self.settled_ns is not None else None)]
        return f"{clock(self.time_ns)} " + "; ".join(part for part in parts if part)


class Stories:
    """The last few, newest last."""

    def __init__(self) -> None:
        self._told: list[Story] = []

    def sentences(self) -> tuple[str, ...]:
        """Newest first."""
        return tuple(story.sentence() for story in reversed(self._told))

    def child(self, event: Event) -> None:
        """Something happened to a child."""
        match event.what:
            case What.KILLED:
                self.begin(event.time_ns, event.child, f"{event.child} was killed (kill -9)")
            case What.DIED:
                self.begin(event.time_ns, event.child, f"{event.child} ended unasked (exit code {event.exit_code})")
            case What.BACK:
                self.end(event.time_ns, event.child, f"back after {event.away_s or 0.0:.1f} s")
            case What.DONE:
                self.begin(event.time_ns, event.child, f"{event.child} is done")
            case What.STARTED:
                pass

    def begin(self, time_ns: int, about: str, said: str) -> None:
        """Something begins, or simply happens."""
        self._told = [*self._told, Story(time_ns, about, said)][-KEPT:]

    def end(self, time_ns: int, about: str, said: str) -> None:
        """What began last about this is over; from now on it is checked whether anything went missing."""
        for place in reversed(range(len(self._told))):
            story = self._told[place]
            if story.about == about and story.ended is None:
                self._told[place] = replace(story, ended=said, settled_ns=time_ns)
                return

    def check(self, verdict: Verdict) -> None:
        """Give each story that is over its outcome, as soon as all that it touches was looked for in the store."""
        for place, story in enumerate(self._told):
            if story.outcome is not None or story.settled_ns is None:
                continue
            if verdict.missing:
                self._told[place] = replace(story, outcome=f"{verdict.missing} missing")
            elif verdict.waiting_since_ns is None or verdict.waiting_since_ns > story.settled_ns:
                self._told[place] = replace(story, outcome="nothing missing")
