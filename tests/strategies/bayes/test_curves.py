"""Learning curves as training data: which points are modelled, and what does not change a suggestion."""

import math

import numpy as np
import pytest

import tfbo
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import curves
from tfbo.strategies.bayes.data import Failed
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, Trial

STEPS = tfbo.Fidelity(1, 27)
PLANE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
STRATEGY = Bayes(n_initial=2, n_candidates=128)
NAN = math.nan


def value(x, y, step):
    """The loss of a training: configurations differ early and late."""
    return (x - 0.3) ** 2 + 0.5 * (y - 0.6) ** 2 + (0.4 + 0.3 * x) / step


def trial(number, curve, state=PAUSED, **fields):
    told = curve[max(curve)] if curve and state in (PAUSED, STOPPED, COMPLETE) else None
    x, y = np.random.default_rng(number).random(2).tolist()
    last = max(curve, default=1)
    fields = {"until": last, "value": told, "start": 0, "spent": last, **fields}
    return Trial(number, {"x": x, "y": y}, state, curve=curve, **fields)


def trained(number, until, state=None, every=1, of=value, **fields):
    """A trial with the curve of `value`, a point every so many steps."""
    made = trial(number, {}, RUNNING)
    steps = sorted({*range(every, until, every), until})
    curve = {step: of(*made.params.values(), step) for step in steps}
    state = state or (COMPLETE if until == STEPS.high else PAUSED)
    return trial(number, curve, state, **fields)


POINTS = {
    "the value at each rung": (trained(0, 27), [1, 3, 9, 27]),
    "the last one between two": (trained(0, 5), [1, 3, 5]),
    "every fourth step": (trained(0, 12, every=4), [8, 12]),
    "every tenth step": (trained(0, 27, every=10), [27]),
    "NaN at a rung": (trial(0, {1: 0.5, 2: 0.4, 3: NAN, 4: 0.3}), [1, 2, 4]),
    "NaN and infinity in the middle": (
        trial(0, {1: 0.5, 3: NAN, 5: math.inf, 9: 0.2}),
        [1, 9],
    ),
    "NaN at the end": (trial(0, {1: 0.5, 3: 0.4, 4: NAN}, RUNNING), [1, 3]),
    "NaN alone": (trial(0, {1: NAN}, RUNNING), []),
    "nothing yet": (trial(0, {}, RUNNING), []),
    "failed on its way": (trial(0, {1: 0.5, 2: 0.6}, FAILED), [1, 2]),
    "stopped": (trained(0, 4, STOPPED), [1, 3, 4]),
}


@pytest.mark.parametrize("name", POINTS)
def test_points_of_a_curve(name):
    given, steps = POINTS[name]
    assert curves.points(STEPS, given) == {step: given.curve[step] for step in steps}


def test_the_outcome_of_a_trial_that_is_complete_early_stands_at_the_last_step():
    early = trial(0, {1: 0.5, 3: 0.4, 5: 0.35}, COMPLETE, value=0.3)
    assert curves.points(STEPS, early) == {1: 0.5, 3: 0.4, 5: 0.35, 27: 0.3}
    without = trial(0, {}, COMPLETE, value=0.3)
    assert curves.points(STEPS, without) == {27: 0.3}


def test_steps_are_logarithmic_from_zero_to_one():
    assert [curves.time(STEPS, step) for step in (1, 3, 9, 27)] == pytest.approx(
        [0.0, 1 / 3, 2 / 3, 1.0]
    )


def modelled(trials, most=400, failed=None, direction="minimize"):
    return curves.modelled(Problem(PLANE, direction, 0, fidelity=STEPS), trials, most, failed)


def test_points_that_are_cut_count_towards_the_next_search():
    trials = [trained(number, 27) for number in range(12)]
    whole = modelled(trials)
    cut = modelled(trials, most=20)
    assert len(whole.data.y) == whole.known == cut.known > 20 >= len(cut.data.y)


def test_rows_are_of_configuration_step_and_trial():
    trials = [trained(4, 5), trained(7, 27), trial(9, {}, RUNNING)]
    data, of, ends, _ = modelled(trials)
    assert data.x.shape == (7, 4) and [t.number for t in of] == data.x[:, -1].tolist()
    for row, y, owner in zip(data.x, data.y, of, strict=True):
        step = round(27 ** row[-2])
        assert -y == owner.curve[step]
        np.testing.assert_allclose(row[:2], list(owner.params.values()), atol=1e-8)
    assert sorted(zip(data.x[:, -1], np.round(27 ** data.x[:, -2]), strict=True)) == [
        (4, 1), (4, 3), (4, 5), (7, 1), (7, 3), (7, 9), (7, 27),
    ]  # fmt: skip
    np.testing.assert_array_equal(np.sort(-ends.y), sorted(t.value for t in trials[:2]))
    assert ends.x.shape == (2, 2)


def test_failed_trials_are_bad_at_the_last_step_and_keep_their_curves():
    trials = [trained(0, 27), trained(1, 9), trial(2, {1: 0.5}, FAILED), trial(3, {}, FAILED)]
    data = modelled(trials, failed=Failed()).data
    known = modelled(trials).data
    assert len(data.y) == len(known.y) + 2
    for number in (2.0, 3.0):
        (bad,) = np.flatnonzero((data.x[:, -1] == number) & (data.x[:, -2] == 1.0))
        assert data.y[bad] == known.y.min()
        assert data.std[bad] == pytest.approx(np.std(known.y), rel=1e-12)
    assert -0.5 in data.y[data.x[:, -1] == 2.0]
    assert not np.isin(3.0, known.x[:, -1])


def test_a_standard_error_is_of_the_step_that_was_told():
    data = modelled([trained(0, 9, std=0.25), trained(1, 27, std=0.5), trained(2, 3)]).data
    told = {(row[-1], round(27 ** row[-2])): std for row, std in zip(data.x, data.std, strict=True)}
    assert {at: std for at, std in told.items() if std} == {(0.0, 9): 0.25, (1.0, 27): 0.5}


def many(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return [trained(i, int(rng.choice([1, 1, 1, 2, 3, 3, 5, 9, 27]))) for i in range(n)]


@pytest.mark.parametrize("most", [1, 3, 5, 10, 23, 40, 41, 80, 500])
@pytest.mark.parametrize("seed", range(4))
def test_a_subset_is_of_whole_trials_that_went_furthest(most, seed):
    data = modelled(many(seed=seed)).data
    kept = curves.subset(data.x, data.y, most)
    chosen, counts = np.unique(data.x[kept, -1], return_counts=True)
    every = dict(zip(*np.unique(data.x[:, -1], return_counts=True), strict=True))
    assert counts.tolist() == [every[number] for number in chosen]
    assert len(kept) >= 1 and (len(kept) <= most or len(chosen) == 1)
    furthest = {n: data.x[data.x[:, -1] == n, -2].max() for n in every}
    left = [furthest[n] for n in every if n not in chosen]
    assert min(furthest[n] for n in chosen) >= max(left, default=0.0)
    assert not left or most - len(kept) < max(every.values()), "there is room for one more"


def test_of_those_that_stand_at_one_step_the_best_are_kept():
    data = modelled([trained(i, 3) for i in range(40)]).data
    kept = curves.subset(data.x, data.y, 20)  # two points each
    ends = {n: y for (*_, time, n), y in zip(data.x, data.y, strict=True) if time > 0.3}
    best = sorted(ends, key=ends.get)[-5:]
    assert len(kept) == 20 and set(best) <= set(data.x[kept, -1])


def asked(trials, direction="minimize", q=1):
    """Suggestions after these trials."""
    problem = Problem(PLANE, direction, 3, fidelity=STEPS)
    state = STRATEGY.fold(problem, None, [t for t in trials if t.is_finished])
    pending = [t for t in trials if not t.is_finished]
    return STRATEGY.suggest(problem, state, pending=pending, number=len(trials), q=q)


def some(of=value):
    """Trials after which one goes on, or where `few` are paused a new one begins."""
    paused = [trained(i, (1, 3, 9)[i % 3], of=of) for i in range(5)]
    finished = [trained(i, (27, 27, 3, 9)[i % 4], COMPLETE if i % 4 < 2 else STOPPED, of=of)
                for i in range(5, 14)]  # fmt: skip
    return paused + finished + [trained(14, 2, RUNNING, of=of)]


def plain(suggestions):
    return [(each.params, each.until, each.trial) for each in suggestions]


def test_the_order_of_trials_changes_nothing():
    trials = some()
    expected = asked(trials, q=3)
    assert {each.trial is None for each in expected} == {True, False}
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(trials))
        assert asked([trials[i] for i in order], q=3) == expected


@pytest.mark.parametrize(
    ("a", "b"), [(1e3, 0.0), (1e-4, 0.0), (2.5, -7.0), (1e30, 0.0), (1e-30, 0.0), (1.0, 100.0)]
)
def test_an_affine_change_of_the_outcomes_changes_nothing(a, b):
    changed = some(lambda x, y, step: a * value(x, y, step) + b)
    assert plain(asked(changed, q=3)) == plain(asked(some(), q=3))


def test_minimizing_is_maximizing_the_negative():
    negative = some(lambda x, y, step: -value(x, y, step))
    assert plain(asked(negative, "maximize", q=3)) == plain(asked(some(), q=3))


def test_curves_of_nothing_but_nan_are_no_data():
    """Trials that run and have reported NaN only: the initial design goes on."""
    trials = [trial(i, {1: NAN}, RUNNING) for i in range(12)]
    (one,) = asked(trials)
    assert one.trial is None and one.until == STEPS.low
