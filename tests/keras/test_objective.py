"""Objectives of a tuner: a list is a sum, a dict has a Pareto front."""

import math

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt

FRONT = {"accuracy": "max", "size_mb": "min"}
POINTS = [(0.8, 3.0), (0.9, 5.0), (0.7, 4.0), (0.85, 4.0), (0.9, 6.0)]


def told(points, base=kt.RandomSearch, **settings):
    """A tuner whose trials return those points, after its search."""
    left = list(points)

    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            trial.hyperparameters.Float("x", 0.0, 1.0)
            point = left.pop(0)
            return dict(zip(FRONT, point)) if isinstance(point, tuple) else point

    given = {"objective": FRONT, "max_trials": len(left), "seed": 0, **settings}
    tuner = Box(**given)
    tuner.search(verbose=0)
    return tuner


def test_the_best_trials_of_a_dict_are_those_on_the_front_in_the_order_of_the_first_metric():
    tuner = told(POINTS)
    best = tuner.oracle.get_best_trials(10)
    assert [int(trial.trial_id) for trial in best] == [1, 3, 0]
    assert [trial.score for trial in best] == [0.9, 0.85, 0.8]
    assert best[0].values == {"accuracy": 0.9, "size_mb": 5.0}
    assert len(tuner.get_best_hyperparameters(2)) == 2
    assert tuner.study.objectives == {"accuracy": "maximize", "size_mb": "minimize"}


def test_directions_may_be_those_of_a_study():
    tuner = told(POINTS, objective={"accuracy": "maximize", "size_mb": "minimize"})
    assert [int(trial.trial_id) for trial in tuner.oracle.get_best_trials(10)] == [1, 3, 0]


def test_a_list_is_a_sum_still():
    listed = [kt.Objective("accuracy", "max"), kt.Objective("size_mb", "min")]
    tuner = told(POINTS, objective=listed)
    assert [trial.value for trial in tuner.study.trials] == [b - a for a, b in POINTS]
    assert tuner.study.objectives == {"value": "minimize"}


def test_a_dict_of_one_metric_is_that_objective():
    tuner = told(POINTS, objective={"accuracy": "max"})
    assert tuner.oracle.objective == kt.Objective("accuracy", "max")
    assert tuner.study.best_value == 0.9


@pytest.mark.slow
def test_the_model_tunes_for_a_front():
    class Box(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Float("x", -2.0, 3.0)
            return {"left": x**2, "right": (x - 1.0) ** 2}

    tuner = Box(objective={"left": "min", "right": "min"}, max_trials=20, seed=0)
    tuner.search(verbose=0)
    front = [trial.params["x"] for trial in tuner.study.best_trials]
    assert len(front) > 8
    assert all(-0.01 < x < 1.01 for x in front)


def test_a_search_for_a_front_goes_on_where_it_was(tmp_path):
    settings = {"directory": tmp_path, "project_name": "front"}
    first = told(POINTS[:3], **settings)
    again = told(POINTS[3:], **settings, max_trials=5)
    assert [int(trial.trial_id) for trial in again.oracle.get_best_trials(10)] == [1, 3, 0]
    assert [trial.values for trial in again.oracle.trials.values()][:3] == [
        dict(zip(FRONT, point)) for point in POINTS[:3]
    ]
    assert again.oracle.trials["0"].score == first.oracle.trials["0"].score == 0.8
    with pytest.raises(tfbo.errors.StudyMismatch, match="objective: "):
        told([], **settings, objective={**FRONT, "size_mb": "max"}, max_trials=5)


def test_the_summary_shows_the_front(capsys):
    told(POINTS).results_summary()
    shown = capsys.readouterr().out
    assert "Showing 3 trials of the front (front 3, hypervolume" in shown
    assert "accuracy = 0.9\nsize_mb = 5.0\n" in shown
    assert "size_mb = 6.0" not in shown


def test_nan_in_one_of_several_is_a_failure_that_keeps_the_others():
    tuner = told([(0.8, 3.0), (0.9, math.nan)])
    failed = tuner.study.trials[1]
    assert (failed.state, failed.kind, failed.values) == ("failed", "nan", {"accuracy": 0.9})
    assert failed.reason == "size_mb was nan"
    assert len(tuner.oracle.get_best_trials(10)) == 1


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (0.5, "there are several objectives. Return a dict of metrics"),
        ({"accuracy": 0.5}, "'size_mb' is not in the dict"),
        ({"accuracy": 0.5, "size_mb": "big"}, "is not a number"),
    ],
)
def test_what_lacks_an_objective_is_refused(point, said):
    with pytest.raises(kt.errors.FatalError, match=said):
        told([point])


def test_repeated_trials_tell_a_standard_error_of_each():
    tuner = told([[{"accuracy": 0.8, "size_mb": 3.0}, {"accuracy": 0.6, "size_mb": 3.0}]])
    (trial,) = tuner.study.trials
    assert trial.values == pytest.approx({"accuracy": 0.7, "size_mb": 3.0})
    assert trial.stds == pytest.approx({"accuracy": 0.1, "size_mb": 0.0})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "a dict of names and directions"),
        ({"accuracy": "up"}, '"min" or "max"'),
        ({1: "max"}, "names of metrics"),
    ],
)
def test_a_dict_of_anything_else_is_refused(given, said):
    with pytest.raises(tfbo.errors.InvalidArgument, match=said):
        kt.RandomSearch(lambda hp: None, given)


def test_a_front_has_no_stages():
    with pytest.raises(tfbo.errors.InvalidArgument, match="max_epochs: expected one objective"):
        kt.BayesianOptimization(lambda hp: None, FRONT, max_epochs=9)
    with pytest.raises(tfbo.errors.InvalidArgument, match="objective: expected one objective"):
        kt.Hyperband(lambda hp: None, FRONT, max_epochs=9)


class Size(keras.callbacks.Callback):
    """Adds the size of a model to what is logged of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        logs["parameters"] = self.model.count_params()


def build_model(hp):
    layers = [keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 64)), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    return model


def test_models_of_the_front_are_kept_as_in_the_best_epoch_of_the_first_metric(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 2)), rng.normal(size=(16, 1))
    tuner = kt.RandomSearch(
        build_model, {"val_loss": "min", "parameters": "min"}, max_trials=3, seed=0,
        directory=tmp_path, constraints=["units <= 32", "parameters <= 120"],
    )  # fmt: skip
    tuner.search(x, y, validation_data=(x, y), epochs=2, callbacks=[Size()], verbose=0)
    best = tuner.oracle.get_best_trials(10)
    models = tuner.get_best_models(len(best))
    assert [model.count_params() for model in models] == [t.values["parameters"] for t in best]
    for model, trial in zip(models, best):
        assert model.evaluate(x, y, verbose=0) == pytest.approx(trial.score, rel=1e-5)
    assert all(trial.params["units"] <= 32 for trial in tuner.study.trials)
    assert all(trial.values["parameters"] <= 120 for trial in best)
