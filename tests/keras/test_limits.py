"""Constraints of a tuner: on hyperparameters, and on what trials return."""

import pytest

import tfbo
import tfbo.keras as kt


def network():
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 8)
    hp.Int("units", 16, 512)
    return hp


def boxed(function, base=kt.RandomSearch, **settings):
    """A tuner of a function of hyperparameters."""

    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            return function(trial.hyperparameters)

    return Box(**{"max_trials": 8, "seed": 0, "hyperparameters": network(), **settings})


def measured(hp):
    weights = hp["layers"] * hp["units"]
    return {"loss": 1.0 / weights, "size_mb": weights / 60.0}


@pytest.mark.parametrize("base", [kt.BayesianOptimization, kt.RandomSearch, kt.GridSearch])
def test_no_trial_breaks_a_constraint_on_hyperparameters(base):
    limits = ["layers * units <= 1024", "layers >= 2"]
    tuner = boxed(measured, base, objective="loss", constraints=limits)
    tuner.search(verbose=0)
    for trial in tuner.study.trials:
        assert trial.params["layers"] * trial.params["units"] <= 1024
        assert trial.params["layers"] >= 2
    assert len(tuner.study.trials) == 8
    assert tuner.study.constraints == ()
    assert tuner.study.objectives == {"value": "minimize"}


@pytest.mark.slow
def test_the_best_trial_meets_constraints_on_metrics():
    tuner = boxed(
        measured, kt.BayesianOptimization, objective="loss", constraints=["size_mb <= 10"],
        max_trials=20,
    )  # fmt: skip
    tuner.search(verbose=0)
    broken = [trial for trial in tuner.study.trials if trial.is_feasible is False]
    assert broken
    best, *others = tuner.oracle.get_best_trials(30)
    assert len(others) == 20 - len(broken) - 1
    assert 9.0 < best.values["size_mb"] <= 10.0
    assert best.score == best.values["loss"] == tuner.study.best_observed.value


def test_where_no_trial_is_feasible_there_is_no_best_one():
    tuner = boxed(measured, objective="loss", constraints=["size_mb <= 0.01"], max_trials=2)
    tuner.search(verbose=0)
    assert tuner.oracle.get_best_trials(5) == []
    with pytest.raises(tfbo.errors.NoCompletedTrial, match="is feasible"):
        tuner.get_best_hyperparameters()


def test_a_search_with_constraints_goes_on_where_it_was(tmp_path):
    limits = ["size_mb <= 10", "layers * units <= 1024"]
    settings = {"objective": "loss", "directory": tmp_path, "project_name": "limits"}
    whole = boxed(measured, objective="loss", constraints=limits)
    whole.search(verbose=0)
    boxed(measured, constraints=limits, max_trials=3, **settings).search(verbose=0)
    again = boxed(measured, constraints=limits, **settings)
    again.search(verbose=0)
    assert [t.params for t in again.study.trials] == [t.params for t in whole.study.trials]
    assert again.study.constraints == ("size_mb <= 10",)
    assert [e.text for e in again.study.space.constraints] == ["layers * units <= 1024"]
    with pytest.raises(tfbo.errors.StudyMismatch, match=r"constraints: \['size_mb <= 9'\] here"):
        boxed(measured, constraints=["size_mb <= 9"], **settings)


def test_the_grid_leaves_out_defaults_that_break_a_constraint():
    tuner = boxed(measured, kt.GridSearch, objective="loss", constraints=["layers >= 8"])
    tuner.search(verbose=0)
    assert {trial.params["layers"] for trial in tuner.study.trials} == {8}


def test_a_hyperparameter_that_is_not_active_drops_out():
    hp = kt.HyperParameters()
    hp.Int("units_1", 1, 100)
    hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        hp.Int("units_2", 60, 100)

    def sizes(hp):
        return hp["units_1"] + (hp["units_2"] if hp["deep"] else 0)

    tuner = boxed(
        lambda hp: float(sizes(hp)), hyperparameters=hp, max_trials=20,
        constraints=["units_1 + units_2 <= 120"],
    )  # fmt: skip
    tuner.search(verbose=0)
    deep = {trial.params["deep"] for trial in tuner.study.trials}
    assert deep == {True, False}
    assert all(sizes(trial.params) <= 120 for trial in tuner.study.trials)


def test_a_metric_of_a_constraint_that_is_missing_is_named():
    with pytest.raises(
        kt.errors.FatalError, match="'sice_mb' is neither a hyperparameter nor among"
    ):
        boxed(measured, objective="loss", constraints=["sice_mb <= 9"]).search(verbose=0)


def test_a_hyperparameter_that_is_found_too_late_for_its_constraint_is_named():
    def late(hp):
        return {"loss": float(hp.Int("heads", 1, 9))}

    tuner = boxed(late, objective="loss", constraints=["heads <= 4"])
    with pytest.raises(kt.errors.FatalError, match="'heads' is a hyperparameter that only a trial"):
        tuner.search(verbose=0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layers * unit <= 9", "'unit' is no hyperparameter"),
        ("layers ! 3", "constraints"),
        ("layers >= 9", "constraint"),
    ],
)
def test_constraints_that_mean_nothing_are_refused(text, said):
    with pytest.raises(tfbo.errors.InvalidArgument, match=said):
        boxed(measured, objective="loss", constraints=[text])


def test_mirrored_hyperparameters_and_several_of_a_name_are_refused():
    hp = kt.HyperParameters()
    hp.Float("rate", 0.1, 0.9, sampling="reverse_log")
    with pytest.raises(tfbo.errors.InvalidArgument, match="reverse_log"):
        boxed(measured, hyperparameters=hp, constraints=["rate <= 0.5"])
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    for kind in ("a", "b"):
        with hp.conditional_scope("kind", [kind]):
            hp.Int("size", 1, 9)
    with pytest.raises(tfbo.errors.InvalidArgument, match="under several conditions"):
        boxed(measured, hyperparameters=hp, constraints=["size <= 5"])


def test_stages_take_constraints_on_hyperparameters_alone():
    settings = {"objective": "loss", "max_epochs": 9}
    with pytest.raises(tfbo.errors.InvalidArgument, match="none on metrics beside max_epochs"):
        boxed(measured, kt.BayesianOptimization, constraints=["size_mb <= 1"], **settings)
    tuner = boxed(
        lambda hp: {"loss": 1.0 / hp["units"]}, kt.BayesianOptimization,
        constraints=["layers * units <= 1024"], **settings,
    )  # fmt: skip
    tuner.search(verbose=0)
    assert all(t.params["layers"] * t.params["units"] <= 1024 for t in tuner.study.trials)


def test_a_populate_space_of_its_own_draws_what_is_legal():
    class Drawn(kt.oracles.RandomSearchOracle):
        def populate_space(self, trial_id):
            return {"status": "RUNNING", "values": self._random_values()}

    class Box(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return float(trial.hyperparameters["units"])

    oracle = Drawn(
        max_trials=8, seed=0, hyperparameters=network(), constraints=["layers * units <= 200"]
    )
    tuner = Box(oracle)
    tuner.search(verbose=0)
    assert all(t.params["layers"] * t.params["units"] <= 200 for t in tuner.study.trials)
