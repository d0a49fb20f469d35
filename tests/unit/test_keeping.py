"""What is kept of windows: written whole now and then only, and yet the whole of it is there at any restart."""

import pytest

from alerts.judge.judge import Judge
from alerts.judge.judged import Remembered
from alerts.rules.rule import Aggregate, Rules, Window
from tests.alerting import T0, M, Played, S, level, reading, rule
from tests.builders import device, registry

PLACE = registry(device(interval_s=10.0))
MEAN = rule(Window("nh3_ppm", Aggregate.MEAN, 10 * M, 10 * S, 0.75), level(3.0, 2.0))
KEY = "odour", "nh3-1"


def test_a_judge_that_begins_at_any_step_knows_the_window_as_the_one_that_goes_on() -> None:
    played = Played(PLACE, MEAN)
    for moment in range(150):
        at_s = moment * 10
        played.read(reading(at_s, nh3_ppm=moment % 7 + 0.25))
        played.tick(at_s + 5)
        follower = Judge(PLACE, Rules((MEAN,)), played.kept)
        assert follower.state(*KEY) == played.judge.state(*KEY)


def test_a_window_is_written_whole_once_in_several_steps() -> None:
    played = Played(PLACE, MEAN)
    whole = 0
    for moment in range(300):
        at_s = moment * 10
        before = played.kept.windows.get(KEY)
        played.read(reading(at_s, nh3_ppm=moment % 7 + 0.25))
        played.tick(at_s + 5)
        whole += played.kept.windows.get(KEY) is not before
    assert 300 / 16 <= whole <= 300 / 8


@pytest.mark.parametrize("silent_s", [30, 95, 700, 5_000], ids=["steps", "many steps", "longer", "far longer"])
def test_a_time_without_readings_is_kept_too(silent_s: int) -> None:
    played = Played(PLACE, MEAN)
    for moment in range(70):
        played.read(reading(moment * 10, nh3_ppm=moment % 7))
        played.tick(moment * 10 + 5)
    played.tick(700 + silent_s)
    played.read(reading(700 + silent_s, nh3_ppm=1.5))
    for after_s in range(15, 200, 10):
        played.tick(700 + silent_s + after_s)
        assert Judge(PLACE, Rules((MEAN,)), played.kept).state(*KEY) == played.judge.state(*KEY)


def test_restarts_between_the_steps_change_nothing() -> None:
    steady, restless = Played(PLACE, MEAN), Played(PLACE, MEAN)
    for moment in range(200):
        for one in (steady, restless):
            one.read(reading(moment * 10, nh3_ppm=6.0 if 80 <= moment < 110 else 0.5))
            one.tick(moment * 10 + 5)
        restless.restart()
    assert restless.judge.state(*KEY) == steady.judge.state(*KEY)
    assert [change for _, _, change, _ in restless.said()] == ["raised", "resolved"]
    assert restless.said() == steady.said()


def test_a_window_of_a_rule_that_is_gone_is_forgotten() -> None:
    played = Played(PLACE, MEAN)
    for moment in range(30):
        played.read(reading(moment * 10, nh3_ppm=1.0))
        played.tick(moment * 10 + 5)
    assert KEY in played.kept.windows
    played.restart()
    played.reload()
    assert not played.kept.windows
    assert not played.kept.states


def test_a_state_without_its_window_begins_anew() -> None:
    played = Played(PLACE, MEAN)
    for moment in range(30):
        played.read(reading(moment * 10, nh3_ppm=1.0))
        played.tick(moment * 10 + 5)
    kept = Remembered(devices=played.kept.devices, states=played.kept.states, figures=played.kept.figures)
    judge = Judge(PLACE, Rules((MEAN,)), kept)
    assert judge.state(*KEY) is None
    assert judge.clock_ns == T0 + 295 * S
