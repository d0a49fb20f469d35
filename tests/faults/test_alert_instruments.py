"""The instruments of the alerts' scenarios: one that sees nothing would let everything hold."""

import random
import smtplib
from collections.abc import Mapping
from email.message import EmailMessage

import pytest

from tests.faults.city import City
from tests.faults.kill_points import KILL_POINTS
from tests.faults.mailroom import Mailroom
from tests.faults.story import Beat, Story, tracks
from tests.faults.transcripts import Difference, compare, until

A, B, C = (("a1", "raised", 2, 10, 5.0, None), ("a1", "rose", 3, 20, 9.0, None), ("a1", "resolved", 3, 30, 1.0, "x"))
KEY = ("odour", "k0-0000")
Rows = tuple[tuple[object, ...], ...]


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        ({KEY: (A, B, C)}, Difference(3, 0, 0, 0, 0)),
        ({KEY: (A, C)}, Difference(3, 1, 0, 0, 0)),
        ({}, Difference(3, 3, 0, 0, 0)),
        ({KEY: (A, B, C), ("odour", "k0-0001"): (A,)}, Difference(3, 0, 1, 0, 0)),
        ({KEY: (A, A, B, C)}, Difference(3, 0, 1, 1, 0)),
        ({KEY: (B, A, C)}, Difference(3, 0, 0, 0, 1)),
        ({KEY: ((*A[:3], 11, *A[4:]), B, C)}, Difference(3, 1, 1, 0, 0)),
    ],
    ids=["the same", "missing", "nothing", "strange", "doubled", "out of order", "another moment"],
)
def test_transcripts_are_compared(found: Mapping[tuple[str, str], Rows], difference: Difference) -> None:
    assert compare({KEY: (A, B, C)}, found) == difference


def test_a_transcript_is_cut_by_event_time() -> None:
    assert until({KEY: (A, B, C)}, 20) == {KEY: [A, B]}
    assert until({KEY: (C,)}, 20) == {}


def test_a_disturbed_story_holds_every_message_and_no_beat_is_moved() -> None:
    city = City.of(20)
    story = Story(tracks(city, 60, random.Random(1)), city.start_ns)
    clean, disturbed = list(story.clean()), list(story.disturbed(random.Random(1)))
    assert {one for one in clean if isinstance(one, Beat)} == {one for one in disturbed if isinstance(one, Beat)}
    told = [(one.device, one.seq) for one in disturbed if not isinstance(one, Beat)]
    assert set(told) == {(one.device, one.seq) for one in clean if not isinstance(one, Beat)}
    assert len(told) > 1.25 * len(set(told))


@pytest.mark.parametrize("name", KILL_POINTS)
def test_kill_points_still_fit_the_source(name: str) -> None:
    place = KILL_POINTS[name].place
    assert callable(getattr(place.owner, place.function))


def test_the_mailroom_replies_as_it_is_told_and_to_nobody_who_is_not_logged_in() -> None:
    mail = EmailMessage()
    mail["Message-ID"] = "<msg_abcdefghijklmnopqrstuvwxyz@example.org>"
    mail.set_content("text")
    with Mailroom("right", {"later@example.org": ["451 not now"]}) as room, smtplib.SMTP("127.0.0.1", room.port) as one:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            one.send_message(mail, "alerts@example.org", ["later@example.org"])
        one.login("caretaker", "right")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            one.send_message(mail, "alerts@example.org", ["later@example.org"])
        one.send_message(mail, "alerts@example.org", ["later@example.org"])
    assert room.ids == {"later@example.org": ["msg_abcdefghijklmnopqrstuvwxyz"]}
