"""A search in stages: trials pause, go on, are stopped, and take no more steps than there are."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import stages

from tfbo import InvalidArgument, Study
from tfbo.strategies import Random, Sobol

WAYS = [{}, {"n_jobs": 2}]


@pytest.mark.parametrize("way", WAYS)
def test_good_trials_are_trained_to_the_end_and_others_are_not(way):
    study = stages.study().optimize(stages.train, n_trials=12, **way)
    assert len(study) == 12
    for trial in study.trials:
        x, last = trial.params["x"], 9 if trial.params["x"] < 0.3 else 1
        state = "complete" if x < 0.3 else "paused" if x <= 0.6 else "stopped"
        curve = {step: stages.value(trial.params, step) for step in range(1, last + 1)}
        assert (trial.state, trial.spent, trial.curve) == (state, last, curve)
        assert trial.value == curve[last]
    assert {trial.state for trial in study.trials} == {"complete", "paused", "stopped"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_steps_are_spent_exactly_and_the_last_stage_is_cut(way, steps):
    study = stages.study().optimize(stages.train, total_steps=steps, **way)
    assert sum(trial.spent for trial in study.trials) == steps
    study.optimize(stages.train, total_steps=steps, **way)
    assert sum(trial.spent for trial in study.trials) == steps


def test_steps_belong_to_a_fidelity():
    study = Study(stages.SPACE, seed=0, strategy=Sobol())
    with pytest.raises(InvalidArgument, match=r"total_steps: .*fidelity"):
        study.optimize(lambda params: 1.0, total_steps=9)


def test_an_objective_of_a_study_with_a_fidelity_takes_a_run():
    study = stages.study()
    with pytest.raises(InvalidArgument, match=r"objective: .*and a run.*run.until"):
        study.optimize(lambda params: 1.0, n_trials=2)
    assert len(study) == 0


@pytest.mark.slow
def test_processes_that_are_killed_train_no_stage_twice_and_lose_no_curve(tmp_path):
    path, side = str(tmp_path / "runs.db"), tmp_path / "told.txt"
    script = Path(__file__).parent / "stage_workers.py"
    call = [sys.executable, str(script), path, str(side), "3", "30", "5"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [tuple(map(int, line.split())) for line in side.read_text().splitlines()]
    assert len(told) > 30 and len(set(told)) == len(told)
    assert len({(number, start) for number, start, _ in told}) == len(told)
    study = stages.study(storage=path)
    trials = {trial.number: trial for trial in study.trials}
    for number, _, until in told:
        curve = trials[number].curve
        assert [curve[step] for step in range(1, until + 1)] == [
            stages.value(trials[number].params, step) for step in range(1, until + 1)
        ]
    # What ran is tried again, from where its stage began.
    study.optimize(stages.train, n_trials=1)
    assert not any(trial.state in ("running", "waiting") for trial in study.trials)
    for trial in study.trials:
        last = 9 if trial.params["x"] < 0.3 else 1
        assert (trial.reached, trial.spent) == (last, last)


def test_ctrl_c_puts_trials_back_with_their_stage_and_their_curve():
    study = stages.study(strategy=Random())  # which trains each to the end

    def objective(params, run):
        for step in range(run.start + 1, run.until + 1):
            if run.number == 1 and step == 5 and len(study) < 3:
                study.enqueue({"x": 0.5})
                raise KeyboardInterrupt
            run.report(step, stages.value(params, step))
        return stages.value(params, step)

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    assert [trial.state for trial in study.trials] == ["complete", "waiting", "waiting"]
    back = study.trials[1]
    assert (back.start, back.until, back.reached) == (0, 9, 4)
    # It is no new one, and comes first.
    study.optimize(objective, n_trials=1)
    assert [(t.state, t.spent) for t in study.trials] == [("complete", 9)] * 3


def test_limits_but_those_of_trials_count_complete_ones_only():
    study = stages.study()
    study.optimize(stages.train, n_trials=30, target=10.0)  # which any value reaches
    (done,) = [trial for trial in study.trials if trial.state == "complete"]
    assert done.curve[1] < 10.0 and done.reached == 9  # the first rung ended nothing
    study = stages.study().optimize(stages.train, n_trials=60, patience=3)
    ends = sorted((t for t in study.trials if t.is_finished), key=lambda trial: trial.finished)
    best, stale = None, []
    for trial in ends:
        better = trial.state == "complete" and (best is None or trial.value < best)
        best, stale = (
            (trial.value, [*stale, 0]) if better else (best, [*stale, (stale or [0])[-1] + 1])
        )
    assert stale[-1] == 3 and 3 not in stale[:-1]
    assert len(study) < 60


def test_a_total_counts_configurations_and_paused_ones_go_on():
    study = stages.study()
    for trial in study.ask(8):
        study.tell(trial, stages.value(trial.params, trial.until))
    study.optimize(stages.train, total=8)
    assert len(study) == 8
    assert {t.state for t in study.trials if t.params["x"] < 0.3} == {"complete"}
