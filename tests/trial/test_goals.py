"""Several goals: scores of trials, the front, reference points and targets."""

import math

import numpy as np
import pytest

from tfbo import InvalidArgument, Trial
from tfbo.trial import Goals

GOALS = Goals.of({"gain": "maximize", "cost": "minimize"})


def trial(number, gain, cost, state="complete", **fields):
    values = {"gain": gain, "cost": cost}
    return Trial(number, {}, state, values=values, **fields)


TRIALS = [
    trial(0, 1.0, 1.0), trial(1, 3.0, 2.0), trial(2, 2.0, 2.0), trial(3, 9.0, 0.0, "stopped"),
    trial(4, 9.0, 0.0, violations={"mb <= 1": 0.5}),
    trial(5, 9.0, 0.0, violations={"mb <= 1": math.nan}),
    Trial(6, {}, "failed", values={"gain": 5.0}), Trial(7, {}, "running"),
]  # fmt: skip


def test_scores_are_larger_where_better_and_nan_where_missing():
    expected = [[1, -1], [3, -2], [2, -2], [np.nan] * 2, [9, 0], [9, 0], [5, np.nan], [np.nan] * 2]
    np.testing.assert_array_equal(GOALS.scores(TRIALS), np.array(expected, float))
    assert GOALS.scores([]).shape == (0, 2)
    assert np.isnan(GOALS.scores([trial(0, math.inf, 1.0)])[0, 0])


def test_the_front_has_feasible_complete_trials_that_none_dominates():
    assert [t.number for t in GOALS.front(TRIALS[::-1])] == [0, 1]


def test_what_improves_a_front_is_on_it_and_not_yet_there():
    best = GOALS.front(TRIALS)
    assert GOALS.improves(trial(8, 2.0, 1.5), best) and GOALS.improves(TRIALS[0], [])
    assert not GOALS.improves(trial(8, 3.0, 2.0), best)
    assert not GOALS.improves(trial(8, 2.0, 2.0), best)
    assert not GOALS.improves(TRIALS[4], best)


def test_a_target_is_reached_by_one_trial_in_all_objectives():
    best = GOALS.front(TRIALS)
    assert GOALS.reaches(GOALS.target({"cost": 2, "gain": 3.0}), best)
    assert not GOALS.reaches(GOALS.target({"cost": 1.0, "gain": 3.0}), best)
    assert not GOALS.reaches(GOALS.target({"cost": 9.0, "gain": 0.0}), [])


def test_the_hypervolume_begins_at_the_reference_that_is_given():
    # From gain 0 and cost 4 on: boxes of 1 x 3 and 3 x 2 that share 1 x 2.
    best = GOALS.front(TRIALS)
    assert GOALS.hypervolume(best, {"gain": 0.0, "cost": 4.0}) == 7.0
    known = Goals.of({"gain": "maximize", "cost": "minimize"}, {"cost": 4, "gain": 0})
    assert known.hypervolume(best) == 7.0 and known.hypervolume([]) == 0.0


def test_the_inferred_reference_is_a_tenth_of_the_range_beyond_the_worst_of_the_front():
    np.testing.assert_allclose(GOALS.point(GOALS.front(TRIALS)), [1.0 - 0.2, -2.0 - 0.1])
    np.testing.assert_allclose(GOALS.point([trial(0, 0.0, 5.0)]), [-0.1, -5.5])
    assert GOALS.hypervolume([]) == 0.0


@pytest.mark.parametrize("reference", [None, {"gain": 0.0, "cost": 4.0}])
def test_goals_are_read_as_they_were_written(reference):
    goals = Goals.of({"gain": "maximize", "cost": "minimize"}, reference)
    assert Goals.from_json(goals.to_json()) == goals


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"objectives": {"a": 1}, "reference": null}'])
def test_what_was_not_written_is_refused(text):
    with pytest.raises(InvalidArgument):
        Goals.from_json(text)


@pytest.mark.parametrize(
    ("objectives", "reference", "named"),
    [
        (["a", "b"], None, "objectives: expected a dict"),
        ({}, None, "objectives: expected a dict"),
        ({1: "minimize"}, None, "objectives: expected names"),
        ({"a": "min"}, None, r'objectives\[\'a\'\]: expected "minimize" or "maximize"'),
        ({"a": "minimize", "b": "maximize"}, {"a": 1.0}, "reference: expected a value for each"),
        ({"a": "minimize"}, {"a": math.nan}, r"reference\['a'\]: expected a finite number"),
    ],
)
def test_what_is_wrong_is_named(objectives, reference, named):
    with pytest.raises(InvalidArgument, match=f"^{named}"):
        Goals.of(objectives, reference)


def test_a_target_of_other_names_is_refused():
    with pytest.raises(InvalidArgument, match=r"^target: expected a value for each .*'gain'"):
        GOALS.target(3.0)
