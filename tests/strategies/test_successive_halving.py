"""Asynchronous successive halving in a study."""

import collections
import itertools

import pytest

import tfbo
from tfbo.strategies import SuccessiveHalving

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})


def study(direction="minimize", storage=None, high=27):
    return tfbo.Study(
        SPACE, direction=direction, fidelity=tfbo.Fidelity(1, high), seed=0, storage=storage,
        strategy=SuccessiveHalving(),
    )  # fmt: skip


def loss(trial):
    return abs(trial.params["x"] - 0.3) + 1.0 / trial.until


def rungs_of(study):
    """Number of trials that got to each rung."""
    counts = collections.Counter(step for trial in study.trials for step in trial.curve)
    return [counts[step] for step in study.fidelity.rungs]


def test_where_later_trials_are_worse_a_third_goes_on_at_each_rung():
    ours = study()
    for _ in range(81 + 27 + 9 + 3):
        trial = ours.ask()
        ours.tell(trial, float(trial.number))
    assert rungs_of(ours) == [81, 27, 9, 3]
    for trial in ours.trials:
        assert list(trial.curve) == [step for step in (1, 3, 9, 27) if step <= trial.until]
        assert trial.spent == trial.until
        assert (3 in trial.curve) == (trial.number < 27)


def test_no_trial_waits_that_is_among_the_best_third():
    ours = study()
    for _ in range(100):
        trial = ours.ask()
        ours.tell(trial, loss(trial))
    counts = rungs_of(ours)
    # More of them where an early one went on before a better one came.
    assert all(after >= before // 3 - 1 for before, after in itertools.pairwise(counts))
    assert abs(ours.best_params["x"] - 0.3) < 0.05


def test_maximizing_is_minimizing_the_negative():
    paths = []
    for direction, sign in (("minimize", 1.0), ("maximize", -1.0)):
        ours = study(direction)
        asked = []
        for _ in range(30):
            trial = ours.ask()
            asked.append((trial.number, trial.start, trial.until, trial.params["x"]))
            ours.tell(trial, sign * loss(trial))
        paths.append(asked)
    assert paths[0] == paths[1]


def test_four_workers_never_run_a_trial_twice_at_once():
    ours = study()
    running = ours.ask(4)
    for i in range(60):
        assert len({trial.number for trial in running}) == 4
        trial = running.pop(i % 4)
        ours.tell(trial, loss(trial))
        running.append(ours.ask())
    assert rungs_of(ours)[1] >= rungs_of(ours)[0] // 3 - 4


def test_a_trial_that_fails_counts_at_the_rung_it_was_on_the_way_to():
    ours = study()
    for value in (0.3, 0.2, None):
        trial = ours.ask()
        if value is None:
            ours.tell(trial, state="failed", reason="killed")
        else:
            ours.tell(trial, value)
    going_on = ours.ask()
    assert (going_on.number, going_on.start, going_on.until) == (1, 1, 3)
    ours.tell(going_on, state="failed", reason="killed")
    assert ours.ask().number == 3  # the other one is not among the best third


def test_a_stage_that_lost_its_worker_is_trained_again():
    ours = study()
    for trial in ours.ask(3):
        ours.tell(trial, float(trial.number))
    going_on = ours.ask()
    assert (going_on.number, going_on.start, going_on.until) == (0, 1, 3)
    ours.stored_trials.put_back(going_on)
    again = ours.ask()
    assert (again.number, again.start, again.until) == (0, 1, 3)
    assert ours.ask().number == 3  # it still counts as the one of three that goes on
    ours.tell(again, 0.0)
    assert ours.trials[0].curve == {1: 0.0, 3: 0.0} and ours.trials[0].spent == 3


def test_a_study_that_is_opened_again_goes_on_as_if_it_had_not_been_closed(tmp_path):
    paths = []
    for reopened in (False, True):
        path = tmp_path / f"{reopened}.db"
        ours, asked = study(storage=path), []
        for _ in range(20):
            trial = ours.ask()
            asked.append((trial.number, trial.until, trial.params["x"]))
            ours.tell(trial, loss(trial))
            if reopened:
                ours = tfbo.Study.load(storage=path, strategy=SuccessiveHalving())
        paths.append(asked)
    assert paths[0] == paths[1]


def test_of_a_space_that_is_tried_wholly_the_best_goes_to_the_end():
    space = tfbo.Space({"k": tfbo.Int(0, 1)})
    ours = tfbo.Study(space, fidelity=tfbo.Fidelity(1, 9), seed=0, strategy=SuccessiveHalving())
    asked = []
    for _ in range(4):
        trial = ours.ask()
        asked.append((trial.params["k"], trial.until))
        ours.tell(trial, trial.params["k"] + 1.0 / trial.until)
    assert sorted(asked[:2]) == [(0, 1), (1, 1)] and asked[2:] == [(0, 3), (0, 9)]
    with pytest.raises(tfbo.SpaceExhausted, match="2 configurations"):
        ours.ask()


def test_of_an_exhausted_space_it_is_said_that_others_run():
    space = tfbo.Space({"k": tfbo.Int(0, 1)})
    ours = tfbo.Study(space, fidelity=tfbo.Fidelity(1, 9), seed=0, strategy=SuccessiveHalving())
    ours.ask(2)
    with pytest.raises(tfbo.SpaceExhausted, match="2 trials run"):
        ours.ask()
