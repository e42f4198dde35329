"""What a trial comes to: scores, weights, hooks, and a space that grows."""

import math
import warnings

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(16, 2)), rng.normal(size=(16, 1))


def small(units=1):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def build_model(hp):
    return small(hp.Int("units", 1, 64))


def boxed(function, base=kt.RandomSearch, **settings):
    """A tuner of a function of hyperparameters."""

    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            return function(trial.hyperparameters)

    return Box(**settings)


def values(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def statuses(tuner):
    return [trial.status for trial in tuner.oracle.trials.values()]


def test_executions_tell_the_mean_with_its_standard_error(tmp_path):
    calls = []

    class Repeated(kt.HyperModel):
        def build(self, hp):
            return build_model(hp)

        def fit(self, hp, model, *args, **kwargs):
            calls.append(len(calls))
            return [1.0, 2.0, 6.0, 3.0][calls[-1] % 4]

    settings = {"directory": tmp_path, "max_trials": 1, "executions_per_trial": 4}
    tuner = kt.BayesianOptimization(Repeated(), **settings)
    tuner.search()
    (trial,) = tuner.study.trials
    assert trial.value == 3.0
    assert trial.std == pytest.approx(np.std([1, 2, 6, 3], ddof=1) / 2)
    again = kt.BayesianOptimization(Repeated(), **settings)
    assert again.oracle.trials["0"].std == trial.std


def test_the_best_epoch_counts_and_its_weights_are_kept():
    class Wanders(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[0].bias.assign([float(epoch)] * 2)
            logs["val_x"] = [math.nan, 3.0, 1.0, 2.0][epoch]

    tuner = kt.RandomSearch(lambda hp: small(2), kt.Objective("val_x", "min"), max_trials=1)
    tuner.search(X, Y, epochs=4, callbacks=[Wanders()], verbose=0)
    (trial,) = tuner.oracle.trials.values()
    assert (trial.score, trial.best_step) == (1.0, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras warns where the state of the optimizer is left out
        model = tuner.get_best_models()[0]
    assert list(model.layers[0].bias.numpy()) == [2.0, 2.0]
    assert int(model.optimizer.iterations) == 3, "training can go on after the best epoch"


def test_only_the_weights_of_the_best_are_kept(tmp_path):
    class Few(kt.GridSearch):
        max_checkpoints = 2

    class Scored(kt.HyperModel):
        def build(self, hp):
            return small(hp.Int("units", 1, 5))

        def fit(self, hp, model, *args, **kwargs):
            model.fit(*args, **kwargs)
            return float(abs(hp.get("units") - 3))

    tuner = Few(Scored(), directory=tmp_path, project_name="few")
    tuner.search(X, Y, verbose=0)
    kept = {path.parent.name for path in tmp_path.rglob("*.weights.h5")}
    assert kept == {t.trial_id for t in tuner.oracle.get_best_trials(2)}
    assert tuner.get_best_models(2)[0].layers[0].units == 3
    with pytest.raises(RuntimeError, match="max_checkpoints"):
        tuner.get_best_models(3)


def test_the_space_grows_with_a_branch_that_is_seen_late():
    def function(hp):
        deep = hp.Choice("deep", ["no", "yes"], default="no")
        return hp.Float("x", 0.0, 1.0, default=0.25) if deep == "yes" else 0.5

    tuner = boxed(function, kt.BayesianOptimization, max_trials=12, seed=3)
    assert "x" not in tuner.study.space
    tuner.search(verbose=0)
    assert "x" in tuner.study.space
    first = next(trial for trial in tuner.study.trials if "x" in trial.params)
    assert first.params["x"] == 0.25 and first.value == 0.25
    assert tuner.study.best_observed.value < 0.25


def test_several_objectives_are_summed():
    def function(hp):
        a = hp.Float("a", 0.0, 1.0)
        return {"cost": a, "gain": 2 * a}

    objectives = [kt.Objective("cost", "min"), kt.Objective("gain", "max")]
    tuner = boxed(function, objective=objectives, max_trials=3, seed=0)
    tuner.search(verbose=0)
    for trial in tuner.oracle.trials.values():
        assert trial.score == pytest.approx(-trial.hyperparameters.get("a"))


def test_a_trial_may_tell_the_oracle_itself():
    class Tells(kt.RandomSearch):
        def run_trial(self, trial, **kwargs):
            x = trial.hyperparameters.Float("x", 0.0, 1.0)
            for epoch, value in enumerate([3.0, x, 2.0]):
                self.oracle.update_trial(trial.trial_id, {"loss": value}, step=epoch)

    tuner = Tells(objective="loss", max_trials=2)
    tuner.search(verbose=0)
    for trial in tuner.oracle.trials.values():
        assert (trial.score, trial.best_step) == (trial.hyperparameters.get("x"), 1)


def test_what_is_printed(capsys):
    tuner = boxed(lambda hp: hp.Int("x", 1, 9), max_trials=2)
    tuner.search(verbose=0)
    assert capsys.readouterr() == ("", "")
    tuner = boxed(lambda hp: hp.Int("x", 1, 9), max_trials=2)
    tuner.search()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 4 and "trial" in printed.err and "x=" in printed.err


def test_callbacks_of_the_study_are_called_for_each_trial_and_epoch():
    class Board:
        def __init__(self):
            self.trials, self.epochs = [], []

        def __call__(self, study, trial):
            self.trials.append((study.name, trial.number, trial.state))

        def epoch(self, study, trial, epoch, logs):
            self.epochs.append((trial.number, epoch, sorted(logs)))

    board = Board()
    tuner = kt.RandomSearch(build_model, "loss", max_trials=2)
    tuner.search(X, Y, epochs=2, callbacks=[board], verbose=0)
    assert board.trials == [("untitled_project", i, "complete") for i in range(2)]
    assert board.epochs == [(i, epoch, ["loss"]) for i in range(2) for epoch in range(2)]


def test_new_entries_that_are_not_tuned_keep_their_defaults():
    known = kt.HyperParameters()
    known.Int("a", 1, 9)

    def function(hp):
        return hp.Int("a", 1, 9) + hp.Int("b", 5, 9)

    tuner = boxed(function, max_trials=4, hyperparameters=known, tune_new_entries=False)
    tuner.search(verbose=0)
    assert list(tuner.study.space) == ["a"]
    assert all(v["b"] == 5 for v in values(tuner))
    assert [d.name for d in known.space] == ["a"]


def test_alpha_beta_and_the_initial_points_reach_the_strategy():
    def strategy(**settings):
        return kt.oracles.BayesianOptimizationOracle("loss", **settings).strategy

    assert strategy() == tfbo.strategies.Bayes()
    assert strategy(num_initial_points=7).n_initial == 7
    assert strategy(alpha=0).noise == "none"
    assert strategy(beta=3.0).acquisition == tfbo.acquisition.UCB(3.0)
    with pytest.raises(ValueError, match="alpha"):
        strategy(alpha=-1)


def test_memory_does_not_grow_with_models(tmp_path):
    import gc
    import weakref

    alive = []

    def build_model(hp):
        model = small(hp.Int("units", 1, 64))
        alive.append(weakref.ref(model))
        return model

    tuner = kt.RandomSearch(build_model, "loss", max_trials=4)
    tuner.search(X, Y, verbose=0)
    keras.utils.clear_session()
    gc.collect()
    assert sum(reference() is not None for reference in alive) <= 1


def test_a_distribution_strategy_and_the_board_of_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    import tensorflow as tf

    from tfbo.integrations.tensorboard import TensorBoardCallback

    scopes = []

    def build_model(hp):
        scopes.append(tf.distribute.get_strategy())
        return small(hp.Int("units", 1, 4))

    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    tuner = kt.RandomSearch(build_model, "loss", max_trials=1, distribution_strategy=strategy)
    early = keras.callbacks.EarlyStopping("loss")
    tuner.search(X, Y, callbacks=[TensorBoardCallback(tmp_path), early], verbose=0)
    assert scopes[-1] is strategy
    assert len(tuner.get_best_models()) == 1
    assert list(tmp_path.rglob("events.out.tfevents.*.epochs"))
