import importlib.util
import math
import pickle
import sys

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

import tfbo  # noqa: E402
from tfbo import InvalidArgument  # noqa: E402
from tfbo.integrations.optuna import TFBOSampler, sampler, study_history  # noqa: E402
from tfbo.strategies import Bayes, Random, Sobol  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Of a choice that is a tuple, and of ranges that their step does not divide.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:optuna.*")

# Most tests search this space, so that one program is traced for all of them.
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


def params(study):
    return [trial.params for trial in study.trials]


def copy_of(study, sampler, **settings):
    """A study of its own with the same trials, as a worker that is started now finds it."""
    other = make_study(sampler, **settings)
    other.add_trials(study.get_trials())
    return other


def test_the_first_trial_is_the_centre():
    study = make_study()
    trial = ask(study)
    assert trial.params["rate"] == pytest.approx(10**-2.5)
    assert trial.params["units"] in (64, 80)
    assert trial.params["kind"] == "a"


def test_suggests_what_a_study_of_tfbo_does():
    space = tfbo.Space(
        {
            "kind": tfbo.Categorical(["a", None, 2, True]),
            "rate": tfbo.Float(1e-4, 1e-1, log=True),
            "units": tfbo.Int(16, 128, step=16),
        }
    )
    study, own = make_study(), tfbo.Study(space, seed=0)
    study.optimize(objective, n_trials=9)
    own.optimize(lambda chosen: objective(optuna.trial.FixedTrial(chosen)), n_trials=9)
    assert params(study) == [trial.params for trial in own.trials]


def test_choices_that_optuna_takes_for_the_same_are_told_apart():
    def spread(trial):
        value = trial.suggest_categorical("x", [1, True, 1.0])
        seen.append(type(value))
        return float(trial.number)

    seen = []
    study = make_study(TFBOSampler(seed=0, strategy=Sobol()))
    study.optimize(spread, n_trials=3)
    assert sorted(seen, key=str) == [bool, float, int]


def test_beats_random_search():
    best = {}
    for name, kind in (("tfbo", TFBOSampler), ("random", optuna.samplers.RandomSampler)):
        studies = [make_study(kind(seed=seed)) for seed in range(4)]
        for study in studies:
            study.optimize(objective, n_trials=25)
        best[name] = [study.best_value for study in studies]
    assert max(best["tfbo"]) < min(best["random"])
    assert max(best["tfbo"]) < 0.1


def test_a_suggestion_depends_on_seed_storage_and_number_only():
    study = make_study()
    study.optimize(objective, n_trials=7)
    running = ask(study)
    again = copy_of(study, TFBOSampler(seed=0))
    other = copy_of(study, TFBOSampler(seed=1))
    expected = ask(study).params
    assert ask(again).params == expected
    assert ask(other).params != expected
    assert running.params != expected


def test_suggestions_are_the_same_with_the_sign_and_the_direction_turned():
    down, up = make_study(), make_study(direction="maximize")
    down.optimize(objective, n_trials=8)
    up.optimize(lambda trial: -objective(trial), n_trials=8)
    assert params(down) == params(up)


def test_a_sampler_that_was_pickled_goes_on_the_same():
    study = make_study()
    study.optimize(objective, n_trials=6)
    sampler = pickle.loads(pickle.dumps(study.sampler))
    again = copy_of(study, sampler)
    assert ask(again).params == ask(study).params


def test_without_a_seed_samplers_differ():
    first, second = make_study(TFBOSampler()), make_study(TFBOSampler())
    for study in (first, second):
        study.optimize(objective, n_trials=2)
    assert params(first)[1] != params(second)[1]


def test_one_sampler_serves_two_studies():
    sampler = TFBOSampler(seed=0)
    first, second = make_study(sampler), make_study(sampler)
    first.optimize(objective, n_trials=3)
    second.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=3)
    first.optimize(objective, n_trials=1)
    alone = make_study()
    alone.optimize(objective, n_trials=4)
    assert params(first) == params(alone)


def test_enqueued_trials_are_tried_as_they_are():
    study = make_study()
    whole = {"rate": 0.02, "units": 48, "kind": True}
    study.optimize(objective, n_trials=6)
    study.enqueue_trial(whole)
    study.enqueue_trial({"units": 112})
    study.optimize(objective, n_trials=2)
    assert study.trials[6].params == whole
    assert study_history.recall(study.get_trials()[6]) == ({}, {})  # no model was asked
    assert study.trials[7].params["units"] == 112
    assert len(study.trials) == 8


def test_threads_do_not_repeat_each_other():
    study = make_study()
    study.optimize(objective, n_trials=12, n_jobs=2)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert len({tuple(chosen.values()) for chosen in params(study)}) == 12


def test_trials_that_are_asked_together_differ():
    study = make_study()
    study.optimize(objective, n_trials=6)
    asked = [ask(study) for _ in range(4)]
    assert len({tuple(trial.params.values()) for trial in asked}) == 4
    for trial in reversed(asked):  # in any order
        study.tell(trial, 1.0)
    assert len(study.trials) == 10


KINDS = ["bad", "good", "worse"]


def branching(trial):
    kind = trial.suggest_categorical("kind", KINDS)
    if kind == "good":
        return trial.suggest_float("x", 0.0, 1.0)
    return 3.0 + trial.suggest_float("y", 0.0, 1.0)


def test_branches_search_what_they_have_in_common(caplog):
    study = make_study()
    study.optimize(branching, n_trials=16)
    later = [chosen["kind"] for chosen in params(study)[6:]]
    assert later.count("good") >= 8
    warned = [record.message for record in caplog.records if "independently" in record.message]
    assert len(warned) == len(set(warned)) == 2
    assert "warn_independent_sampling=False" in warned[0]


def test_the_warning_can_be_left_out(caplog):
    study = make_study(TFBOSampler(seed=0, strategy=Sobol(), warn_independent_sampling=False))
    study.optimize(branching, n_trials=4)
    assert not caplog.records


def test_a_finite_space_is_tried_whole_and_then_again():
    def noisy(trial):
        noise = 0.1 * np.random.default_rng(trial.number).standard_normal()
        return KINDS.index(trial.suggest_categorical("kind", KINDS)) + noise

    study = make_study(direction="maximize")
    study.optimize(noisy, n_trials=12)
    tried = [chosen["kind"] for chosen in params(study)]
    assert sorted(tried[:3]) == KINDS
    assert tried[6:].count("worse") >= 5


def test_a_strategy_without_a_model_repeats_at_random():
    study = make_study(TFBOSampler(seed=0, strategy=Random()))
    study.optimize(lambda trial: float(trial.suggest_int("i", 0, 2)), n_trials=20)
    tried = [chosen["i"] for chosen in params(study)]
    assert sorted(tried[:3]) == [0, 1, 2]
    assert set(tried[3:]) == {0, 1, 2}


def test_startup_trials():
    study = make_study(TFBOSampler(seed=0, n_startup_trials=2))
    study.optimize(objective, n_trials=3)
    assert [bool(study_history.recall(t)[1]) for t in study.get_trials()] == [False, False, True]


def test_the_independent_sampler_draws_what_is_not_suggested():
    class Counting(optuna.samplers.RandomSampler):
        def __getattribute__(self, name):
            if name in ("sample_independent", "before_trial", "after_trial", "reseed_rng"):
                called.append(name)
            return super().__getattribute__(name)

    called = []
    study = make_study(TFBOSampler(seed=0, strategy=Sobol(), independent_sampler=Counting()))
    study.optimize(objective, n_trials=3)
    assert called.count("sample_independent") == len(SPACE)
    assert called.count("before_trial") == called.count("after_trial") == 3
    study.sampler.reseed_rng()
    assert called[-1] == "reseed_rng"


def test_brackets_of_hyperband():
    def stepwise(trial):
        value = objective(trial)
        for step in range(1, 10):
            trial.report(value + 1.0 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    study = make_study(TFBOSampler(seed=0, strategy=Sobol()), pruner=pruner)
    study.optimize(stepwise, n_trials=20)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("strategy", Bayes),
        ("device", "TPU:7"),
        ("n_startup_trials", 0),
    ],
)
def test_a_wrong_argument_is_named(argument, wrong):
    with pytest.raises(InvalidArgument, match=f"^{argument}: expected"):
        TFBOSampler(**{argument: wrong})


def test_startup_trials_beside_a_strategy_are_refused():
    with pytest.raises(InvalidArgument, match=r"strategy=Bayes\(n_initial=10\)"):
        TFBOSampler(strategy=Sobol(), n_startup_trials=10)


def test_without_optuna_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "optuna"]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("without_optuna", sampler.__file__)
    with pytest.raises(ImportError, match=r'pip install "tfbo\[optuna\]"'):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
