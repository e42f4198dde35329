"""Who stands where at a rung, and who goes on."""

import math

import numpy as np
import pytest

from tfbo.strategies import rungs
from tfbo.strategies.rungs import Bracket
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, WAITING, Goal, Trial

LESS, MORE = Goal("minimize"), Goal("maximize")


def trial(number, curve, state=PAUSED, until=None):
    value = curve[max(curve)] if curve and state in (PAUSED, COMPLETE, STOPPED) else None
    until = until or max(curve, default=1)
    return Trial(number, {}, state, value, until=until, curve=curve)


VALUES = [
    # A trial, a step, and what counts there.
    (trial(0, {1: 0.5, 3: 0.4}), 1, 0.5),
    (trial(0, {1: 0.5, 3: 0.4}), 3, 0.4),
    (trial(0, {1: 0.5, 3: 0.4}), 9, None),
    (trial(0, {2: 0.5, 10: 0.2}), 9, 0.5),  # a point every so many steps
    (trial(0, {5: 0.5, 10: 0.2}), 3, 0.5),
    (trial(0, {1: 0.5, 3: math.nan, 4: 0.3}), 3, 0.5),
    (trial(0, {3: math.nan, 4: 0.3}), 3, 0.3),
    (trial(0, {3: math.nan}, RUNNING, 9), 3, math.nan),
    (trial(0, {1: 0.5}, RUNNING, 3), 1, 0.5),
    (trial(0, {1: 0.5}, RUNNING, 3), 3, None),
    (trial(0, {1: 0.5}, WAITING, 3), 3, None),
    (trial(0, {1: 0.5, 2: 0.6}, FAILED, 3), 1, 0.5),
    (trial(0, {1: 0.5, 2: 0.6}, FAILED, 3), 3, math.nan),
    (trial(0, {1: 0.5, 2: 0.6}, FAILED, 3), 9, None),
    (trial(0, {1: 0.5, 5: 0.6}, STOPPED, 9), 3, 0.5),
    (trial(0, {1: 0.5, 5: 0.6}, STOPPED, 9), 9, math.nan),
    (trial(0, {1: 0.5, 3: 0.6}, STOPPED, 3), 9, None),  # paused, then given up
    (trial(0, {1: 0.5, 5: 0.3}, COMPLETE, 9), 27, 0.3),  # nothing more was to be trained
]


@pytest.mark.parametrize(("given", "step", "expected"), VALUES)
def test_the_value_at_a_rung(given, step, expected):
    found = rungs.value(given, step)
    assert found is expected or found == pytest.approx(expected, nan_ok=True)


def test_equal_trials_stand_by_number_and_failed_ones_last():
    trials = [
        trial(3, {1: 0.2}), trial(1, {}, FAILED, 1), trial(2, {1: 0.2}), trial(0, {1: 0.9}),
        trial(4, {}, RUNNING, 1),
    ]  # fmt: skip
    assert [t.number for t in rungs.standings(LESS, trials, 1)] == [2, 3, 0, 1]
    assert [t.number for t in rungs.standings(MORE, trials, 1)] == [0, 2, 3, 1]


def numbers(promotions):
    return [(each.trial.number, each.until) for each in promotions]


def test_the_highest_rung_comes_first_and_those_that_went_on_count():
    trials = [trial(i, {1: float(i)}) for i in range(3, 9)]
    trials += [trial(i, {1: float(i), 3: float(i)}) for i in range(3)]
    assert numbers(rungs.promotable(LESS, (1, 3, 9), trials, 3)) == [(0, 9)]
    trials[-3] = trial(0, {1: 0.0, 3: 0.0}, RUNNING, 9)
    assert numbers(rungs.promotable(LESS, (1, 3, 9), trials, 3)) == []
    trials += [trial(i, {1: float(i)}) for i in (9, 10, 11)]
    assert numbers(rungs.promotable(LESS, (1, 3, 9), trials, 3)) == [(3, 3)]
    assert numbers(rungs.promotable(MORE, (1, 3, 9), trials, 3)) == [
        (2, 9), (11, 3), (10, 3), (9, 3), (8, 3),
    ]  # fmt: skip


def test_what_is_not_paused_does_not_go_on():
    for state in (RUNNING, WAITING, STOPPED, COMPLETE):
        trials = [trial(0, {1: 0.1}, state, 3 if state in (RUNNING, WAITING) else None)]
        trials += [trial(i, {1: 0.5 + i}) for i in range(1, 4)]
        assert rungs.promotable(LESS, (1, 3, 9), trials, 3) == [], state


def test_one_that_was_cut_before_its_rung_goes_on_to_it():
    trials = [trial(0, {1: 0.1, 3: 0.1, 5: 0.1}), trial(1, {1: 0.5, 3: 0.5}), trial(2, {3: 0.6})]
    assert numbers(rungs.promotable(LESS, (1, 3, 9), trials, 3)) == [(0, 9)]
    assert numbers(rungs.promotable(LESS, (2, 6), [trial(4, {1: 0.7})], 3)) == [(4, 2)]


@pytest.mark.parametrize("goal", [LESS, MORE])
@pytest.mark.parametrize("seed", range(5))
def test_early_survivors_are_those_that_all_who_wait_for_the_round_would_choose(goal, seed):
    rng = np.random.default_rng(seed)
    bracket, values = Bracket((1, 3), (9, 3)), rng.random(9)
    trials = [trial(i, {}, RUNNING, 1) for i in range(9)]
    begun = set()
    for i in rng.permutation(9):
        trials[i] = trial(int(i), {1: values[i]})
        for each in bracket.survivors(goal, trials):
            begun.add(each.trial.number)
            trials[each.trial.number] = trial(each.trial.number, dict(each.trial.curve), RUNNING, 3)
    assert begun == set(np.argsort(-goal.sign * values)[:3].tolist())


def test_those_that_cannot_go_on_are_out():
    bracket = Bracket((1, 3, 9), (4, 2, 1))
    trials = [trial(0, {1: 0.4}), trial(1, {1: 0.3}), trial(2, {1: 0.2}), trial(3, {}, RUNNING, 1)]
    assert bracket.are_out(LESS, trials) == {0}
    assert bracket.are_out(MORE, trials) == {2}
    # With the last one better than these, only one of them would go on.
    trials[3] = trial(3, {1: 0.1})
    assert bracket.are_out(LESS, trials) == {0, 1}


def test_failed_trials_are_left_behind():
    bracket = Bracket((1, 3), (4, 2))
    trials = [trial(0, {1: 0.4}), *(trial(i, {}, FAILED, 1) for i in (1, 2, 3))]
    assert numbers(bracket.survivors(LESS, trials)) == [(0, 3)]


def test_a_bracket_of_fewer_trials_has_one_at_the_end():
    assert Bracket((1, 3, 9, 27), (27, 9, 3, 1)).of(10).sizes == (10, 3, 1, 1)
    assert Bracket((1, 3, 9, 27), (27, 9, 3, 1)).of(27).sizes == (27, 9, 3, 1)
