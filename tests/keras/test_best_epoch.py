"""The epoch that a score is of, and the weights that are kept of it."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tfbo.keras as kt
from tfbo.keras import results
from tfbo.keras.objective import MultiObjective, Objective

X, Y = np.ones((8, 2)), np.ones((8, 1))


def build_model(hp):
    hp.Int("units", 1, 64)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


class Marks(keras.callbacks.Callback):
    """Writes the number of the epoch into the weights, and replaces values of a metric."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, dict(values)

    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[-1].bias.assign([float(epoch)])
        if self.name in logs or (self.name == "custom" and epoch in self.values):
            logs[self.name] = self.values[epoch]


def searched(name, values, direction="min", hypermodel=build_model, max_trials=1, **fit):
    settings = {"epochs": 6, "validation_data": (X, Y), "verbose": 0, **fit}
    executions = settings.pop("executions", 1)
    tuner = kt.RandomSearch(
        hypermodel,
        Objective(name, direction),
        max_trials=max_trials,
        executions_per_trial=executions,
    )
    callbacks = [Marks(name, values), *settings.pop("more", [])]
    tuner.search(X, Y, callbacks=callbacks, **settings)
    return tuner


def kept(tuner):
    return float(tuner.get_best_models()[0].layers[-1].bias.numpy()[0])


@pytest.mark.parametrize(
    ("values", "fit", "best"),
    [
        ({1: 3.0, 3: 1.0, 5: 2.0}, {"validation_freq": 2}, 3),
        ({2: 1.0, 5: 2.0}, {"validation_freq": 3}, 2),
        ({0: 3.0, 4: 1.0}, {"validation_freq": [1, 5]}, 4),
        ({3: 2.0, 5: 1.0}, {"validation_freq": 2, "initial_epoch": 3}, 5),
        ({4: 1.0, 5: 2.0}, {"initial_epoch": 4}, 4),
        ({1: math.nan, 3: 1.0, 5: -math.inf}, {"validation_freq": 2}, 3),
    ],
)
def test_weights_score_and_epoch_belong_together(values, fit, best):
    tuner = searched("val_loss", values, **fit)
    (trial,) = tuner.oracle.trials.values()
    assert (trial.score, trial.best_step) == (1.0, best)
    assert kept(tuner) == best
    # The other metrics are those of that epoch, too: the loss is known of all of them.
    assert set(trial.metrics.metrics) == {"loss", "val_loss"}


def test_a_metric_that_a_callback_adds_now_and_then():
    tuner = searched("custom", {1: 0.5, 2: 0.9, 4: 0.7}, "max")
    (trial,) = tuner.oracle.trials.values()
    assert (trial.score, trial.best_step, kept(tuner)) == (0.9, 2, 2.0)


def test_early_stopping_that_restores_and_checkpoints_change_nothing(tmp_path):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    saver = keras.callbacks.ModelCheckpoint(tmp_path / "own.keras", save_best_only=True)
    tuner = searched("val_loss", {0: 2.0, 1: 1.0, 2: 3.0}, more=[stop, saver])
    (trial,) = tuner.oracle.trials.values()
    assert (trial.score, trial.best_step, kept(tuner)) == (1.0, 1, 1.0)
    assert (tmp_path / "own.keras").exists()


class Returns(kt.HyperModel):
    """Trains with the callbacks, and returns what a function makes of the History."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, hp):
        return build_model(hp)

    def fit(self, hp, model, *args, **kwargs):
        return self.function(model, model.fit(*args, **kwargs))


LOSSES = dict(enumerate([4.0, 1.0, 3.0, 2.0, 5.0, 6.0]))


@pytest.mark.parametrize(
    ("function", "score", "weights"),
    [
        (lambda model, history: min(history.history["val_loss"]), 1.0, 1),
        (lambda model, history: {"val_loss": np.float32(1.0), "size": 7}, 1.0, 1),
        (lambda model, history: history.history["val_loss"][-1], 6.0, 5),
        (lambda model, history: float(model.layers[-1].bias.numpy()[0]) + 0.25, 5.25, 5),
    ],
)
def test_a_number_is_the_score_of_the_epoch_that_logged_it_or_of_the_model_at_the_end(
    function, score, weights
):
    tuner = searched("val_loss", LOSSES, hypermodel=Returns(function))
    (trial,) = tuner.oracle.trials.values()
    assert trial.score == score and kept(tuner) == weights


def test_a_model_that_is_trained_again_has_the_weights_of_the_fit_that_counts():
    class Tuned(Returns):
        def fit(self, hp, model, *args, **kwargs):
            model.fit(*args, **{**kwargs, "epochs": 2})
            return self.function(model, model.fit(*args, **kwargs, initial_epoch=2))

    losses = {0: 1.0, 1: 5.0, 2: 4.0, 3: 2.0, 4: 3.0}
    for function, score, epoch in (
        (lambda model, history: history, 2.0, 3),
        (lambda model, history: 1.0, 1.0, 0),
        (lambda model, history: 9.0, 9.0, 4),
    ):
        tuner = searched("val_loss", losses, hypermodel=Tuned(function), epochs=5)
        (trial,) = tuner.oracle.trials.values()
        assert (trial.score, kept(tuner)) == (score, epoch)


def test_a_score_that_no_epoch_logs_is_saved_once_for_each_better_execution():
    scores, saved = iter([3.0, 5.0, 2.0]), []

    class Counts(kt.RandomSearch):
        def save_model(self, trial_id, model, step=0):
            saved.append(step)
            super().save_model(trial_id, model, step)

    def function(model, history):
        score = next(scores)
        model.layers[-1].bias.assign([score])
        return score

    tuner = Counts(Returns(function), max_trials=1, executions_per_trial=3)
    tuner.search(X, Y, epochs=4, verbose=0)
    assert saved == [3, 3], "the second execution was worse than the first"
    assert kept(tuner) == 2.0


def test_the_best_epoch_of_all_executions_is_kept():
    runs = iter([{0: 5.0, 1: 3.0}, {0: 2.0, 1: 4.0}, {0: 6.0, 1: 7.0}])

    class Runs(Marks):
        def __deepcopy__(self, memo):
            return Marks("val_loss", next(runs))

    tuner = kt.RandomSearch(build_model, "val_loss", max_trials=1, executions_per_trial=3)
    fit = {"epochs": 2, "validation_data": (X, Y), "verbose": 0}
    tuner.search(X, Y, callbacks=[Runs("val_loss", {})], **fit)
    (trial,) = tuner.oracle.trials.values()
    assert trial.score == pytest.approx((3.0 + 2.0 + 6.0) / 3)
    assert kept(tuner) == 0.0
    assert int(tuner.get_best_models()[0].optimizer.iterations) == 1


def history(logged, counted=None):
    return SimpleNamespace(history=logged, **({} if counted is None else {"epoch": counted}))


@pytest.mark.parametrize(
    ("logged", "counted", "expected"),
    [
        ({"a": [1, 2, 3], "b": [5]}, [0, 1, 2], {0: {"a"}, 1: {"a", "b"}, 2: {"a"}}),
        ({"a": [1, 2, 3, 4], "b": [5, 6]}, [3, 4, 5, 6], {3: "ab", 4: "a", 5: "ab", 6: "a"}),
        ({"a": [1, 2], "b": [[1, 2], "x"]}, [0, 1], {0: {"a"}, 1: {"a"}}),
        ({"a": [1, 2]}, None, {0: {"a"}, 1: {"a"}}),
        ({"a": [1, 2, 3]}, [0], {0: {"a"}, 1: {"a"}, 2: {"a"}}),
    ],
)
def test_values_find_their_epochs_where_nobody_took_notes(logged, counted, expected):
    found = results.metrics_by_epoch(history(logged, counted))
    assert {epoch: set(metrics) for epoch, metrics in found.items()} == {
        epoch: set(names) for epoch, names in expected.items()
    }


def test_objectives_that_never_come_together_or_are_arrays():
    both = MultiObjective([Objective("a", "min"), Objective("b", "max")])
    told = results.read(history({"a": [3, 1, 2], "b": [4]}, [0, 1, 2]), both, "fit")
    assert told == [results.Result(-3.0, {"a": 1.0, "b": 4.0, "multi_objective": -3.0}, 1)]
    for returned in (history({"a": [np.ones(3)]}, [0]), {"a": np.ones(3)}):
        with pytest.raises(ValueError, match=r"'a' is not a number .*average="):
            results.read(returned, Objective("a", "max"), "fit")
