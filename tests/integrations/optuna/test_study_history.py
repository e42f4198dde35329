"""What a strategy is told of the trials of an Optuna study."""

import math

import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial  # noqa: E402

from tfbo.integrations.optuna import TFBOSampler, study_history  # noqa: E402
from tfbo.strategies import Bayes, Problem, Random, Sobol  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = {
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "units": IntDistribution(16, 128, step=16),
    "kind": CategoricalDistribution(["a", None, 2, True]),
}


def make_study(sampler=None, **settings):
    return optuna.create_study(sampler=sampler or TFBOSampler(seed=0), **settings)


def objective(trial):
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    units = trial.suggest_int("units", 16, 128, step=16)
    kind = trial.suggest_categorical("kind", ["a", None, 2, True])
    return (math.log10(rate) + 2.3) ** 2 + ((units - 96) / 64) ** 2 + (kind is not None)


def ask(study):
    """A trial that has its parameters."""
    return study.ask(SPACE)


def test_finished_trials_are_folded_once():
    class Counting(Sobol):
        def fold(self, problem, state, told):
            folded.append(len(told))
            return super().fold(problem, state, told)

    folded = []
    study = make_study(TFBOSampler(seed=0, strategy=Counting()))
    study.optimize(objective, n_trials=5)
    assert folded == [1] * 4


def test_trials_of_a_study_that_took_its_place_are_folded_anew():
    history = study_history.StudyHistory()
    history.search(SPACE)
    study = make_study()
    study.optimize(objective, n_trials=3)
    problem = Problem(history.counterparts.space, "minimize", 0)
    frozen = study.get_trials()
    assert len(history.fold(Random(), problem, frozen).keys) == 3
    assert len(history.fold(Random(), problem, frozen[1:]).keys) == 2


def test_a_running_trial_is_known_to_other_workers_before_it_has_its_parameters():
    study = make_study(TFBOSampler(seed=0, strategy=Sobol()))
    study.optimize(objective, n_trials=2)
    trial = study.ask()
    trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    history = study_history.StudyHistory()
    history.search(SPACE)
    (pending,) = history.pending(study.get_trials(), own=-1)
    rest = ask(study)  # sees it
    assert pending.number == trial.number
    assert set(pending.params) == set(SPACE)
    numbers = history.counterparts.write(pending.params)
    assert numbers["units"] == trial.suggest_int("units", 16, 128, step=16)
    assert SPACE["kind"].to_external_repr(numbers["kind"]) == trial.suggest_categorical(
        "kind", ["a", None, 2, True]
    )
    assert rest.params != trial.params
    assert history.pending(study.get_trials(), own=trial.number)[0].number == rest.number


def test_the_next_fit_starts_from_the_notes_of_the_last():
    study = make_study()
    study.optimize(objective, n_trials=7)
    notes = [study_history.recall(trial)[1] for trial in study.get_trials()]
    assert [bool(n) for n in notes] == [False] * 5 + [True] * 2
    history = study_history.StudyHistory()
    history.search(SPACE)
    problem = Problem(history.counterparts.space, "minimize", 0)
    told = history.fold(Bayes(), problem, study.get_trials()).trials
    assert [trial.notes for trial in told] == notes


def test_long_notes_are_stored_in_pieces_and_come_back_whole():
    study = make_study()
    ask(study)
    (frozen,) = study.get_trials()
    notes = {"curvature": [0.125] * 20_000}
    study_history.remember(study, frozen, {"rate": 0.01}, notes)
    stored = study.get_trials()[0]
    assert len(stored.system_attrs) == 5
    assert max(map(len, stored.system_attrs.values())) <= 30_000
    assert study_history.recall(stored) == ({"rate": 0.01}, notes)
    # A trial that tries another one again has the attributes of that one.
    study_history.remember(study, frozen, {"rate": 0.02}, {})
    assert study_history.recall(study.get_trials()[0]) == ({"rate": 0.02}, {})


def told(study):
    """What the strategy of a study is told: states and values by number."""
    history = study_history.StudyHistory()
    history.search(SPACE)
    problem = Problem(history.counterparts.space, study.direction.name.lower(), 0)
    trials = history.fold(Bayes(), problem, study.get_trials()).trials
    return {trial.number: (trial.state, trial.value) for trial in trials}


def made(state=TrialState.COMPLETE, value=None, **fields):
    chosen = {"rate": 0.01, "units": 32, "kind": None}
    return create_trial(state=state, value=value, params=chosen, distributions=SPACE, **fields)


def test_values_that_are_not_finite_are_failures():
    study = make_study()
    study.add_trials([made(value=1.0), made(value=math.inf), made(value=-math.inf)])
    study.tell(ask(study), math.nan)
    assert told(study) == {
        0: ("complete", 1.0),
        1: ("failed", None),
        2: ("failed", None),
        3: ("failed", None),
    }
    ask(study)


def test_a_failure_that_is_tried_again_is_left_out():
    study = make_study()
    study.add_trial(made(TrialState.FAIL))
    study.add_trial(made(TrialState.FAIL, system_attrs={"retry_history": [0]}))
    assert told(study) == {1: ("failed", None)}
    study.add_trial(made(value=2.0, system_attrs={"retry_history": [0, 1]}))
    assert told(study) == {2: ("complete", 2.0)}


def test_trials_may_fail_all():
    study = make_study()
    study.optimize(lambda trial: math.nan * objective(trial), n_trials=7)
    assert {trial.state for trial in study.trials} == {TrialState.FAIL}


def test_a_failure_before_its_parameters_were_asked_for_counts_where_they_are_known():
    study = make_study(TFBOSampler(seed=0, strategy=Sobol()))
    study.optimize(objective, n_trials=1)
    trial = study.ask()
    trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    study.tell(trial, state=TrialState.FAIL)
    study.tell(study.ask(), state=TrialState.FAIL)  # of this one nothing is known
    assert told(study) == {0: ("complete", study.trials[0].value), 1: ("failed", None)}


def test_an_enqueued_value_out_of_range_is_no_evidence():
    study = make_study()
    study.optimize(objective, n_trials=5)
    study.enqueue_trial({"rate": 0.5})
    with pytest.warns(UserWarning, match="out of range"):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=1)
    assert sorted(told(study)) == [0, 1, 2, 3, 4, 6]
