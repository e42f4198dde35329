"""Brackets of Hyperband, against the table of Li et al. and in a study."""

import collections

import pytest

import tfbo
from tfbo.strategies import Hyperband

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})

# Li et al. 2018 (JMLR 18), table 1: trials and steps by round for R = 81 and eta = 3.
TABLE = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]


def study(high=81, direction="minimize", storage=None, space=SPACE, **settings):
    return tfbo.Study(
        space, direction=direction, fidelity=tfbo.Fidelity(1, high), seed=0, storage=storage,
        strategy=Hyperband(**settings),
    )  # fmt: skip


def loss(trial):
    return abs(trial.params["x"] - 0.3) + 1.0 / trial.until


def rounds(study, index):
    """Trials of a bracket by the step that they got to."""
    there = [trial for trial in study.trials if trial.notes["bracket"] == index]
    counts = collections.Counter(step for trial in there for step in trial.curve)
    return [(counts[step], step) for step in sorted(counts)]


def test_the_brackets_are_those_of_the_paper():
    brackets = Hyperband().brackets(tfbo.Fidelity(1, 81))
    assert [list(zip(each.sizes, each.steps)) for each in brackets] == TABLE


def test_one_worker_runs_the_table():
    ours = study(iterations=1)
    with pytest.raises(tfbo.SpaceExhausted, match="nothing more"):
        while True:
            trial = ours.ask()
            ours.tell(trial, loss(trial))
    assert [rounds(ours, index) for index in range(5)] == TABLE
    assert len(ours.trials) == 81 + 34 + 15 + 8 + 5
    for trial in ours.trials:
        assert trial.spent == trial.until


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_of_a_round_go_on(direction):
    ours = study(9, direction)
    goal = ours.stored_trials.record.direction == "maximize"
    for _ in range(9 + 3 + 1):
        trial = ours.ask()
        ours.tell(trial, trial.params["x"])
    first = ours.trials[:9]
    ranked = sorted(first, key=lambda t: t.params["x"], reverse=goal)
    assert {t.number for t in first if 3 in t.curve} == {t.number for t in ranked[:3]}
    assert [t.number for t in first if 9 in t.curve] == [ranked[0].number]


def test_a_worker_without_work_begins_the_next_bracket():
    ours = study(9)
    running = ours.ask(9)
    assert {trial.notes["bracket"] for trial in running} == {0}
    further = ours.ask()
    assert (further.notes["bracket"], further.until) == (1, 3)
    for trial in running[:7]:
        ours.tell(trial, float(trial.number))
    # Of nine three go on: the best of seven is one of these whatever the other two return.
    going_on = ours.ask()
    assert (going_on.number, going_on.start, going_on.until) == (0, 1, 3)
    assert ours.ask().notes["bracket"] == 1


def test_workers_do_what_one_does():
    """The trials that go on in a bracket depend on values alone, not on who is first."""
    found = []
    for workers in (1, 4):
        ours = study(27, iterations=1)
        running = []
        while True:
            try:
                while len(running) < workers:
                    running.append(ours.ask())
            except tfbo.SpaceExhausted:
                if not running:
                    break
            trial = running.pop(0 if len(running) % 2 else -1)
            ours.tell(trial, loss(trial))
        found.append([rounds(ours, index) for index in range(4)])
    assert found[0] == found[1]


def test_those_that_cannot_go_on_are_hopeless():
    ours = study(9)
    asked = ours.ask(9)
    for trial in asked[:5]:
        ours.tell(trial, float(trial.number))
    assert ours.advisor.hopeless(ours.trials) == {3, 4}


def test_a_study_that_is_opened_again_goes_on_as_if_it_had_not_been_closed(tmp_path):
    paths = []
    for reopened in (False, True):
        path = tmp_path / f"{reopened}.db"
        ours, asked = study(9, storage=path), []
        for _ in range(25):
            trial = ours.ask()
            asked.append((trial.number, trial.until, trial.notes["bracket"], trial.params["x"]))
            ours.tell(trial, loss(trial))
            if reopened:
                ours = tfbo.Study.load(storage=path, strategy=Hyperband())
        paths.append(asked)
    assert paths[0] == paths[1]


def test_failed_trials_do_not_hold_up_a_bracket():
    ours = study(9, iterations=1)
    with pytest.raises(tfbo.SpaceExhausted):
        for i in range(100):
            trial = ours.ask()
            if i % 2:
                ours.tell(trial, state="failed", reason="test")
            else:
                ours.tell(trial, loss(trial))
    assert rounds(ours, 0)[0] == (5, 1) and len(ours.trials) == 9 + 5 + 3


def test_a_small_space_is_searched_to_the_end():
    space = tfbo.Space({"k": tfbo.Int(0, 4)})
    ours = study(27, space=space)
    asked = []
    with pytest.raises(tfbo.SpaceExhausted, match="5 configurations"):
        while True:
            trial = ours.ask()
            asked.append(trial.until)
            ours.tell(trial, trial.params["k"] + 1.0 / trial.until)
    assert asked == [1, 1, 1, 1, 1, 3, 9, 27]
    assert ours.best_params == {"k": 0}
