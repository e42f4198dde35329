"""A search in stages: trials pause, go on, are stopped, and take no more steps than there are."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import stages

from tfbo import InvalidArgument, Study
from tfbo.strategies import Sobol

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
