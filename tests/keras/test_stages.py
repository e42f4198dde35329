"""Training that goes on where it stopped: models, optimisers, callbacks and curves."""

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt
from tfbo.keras.stages import Stage, TrainStage, resumable

rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def build(optimizer="adam", dropout=0.0):
    keras.utils.set_random_seed(1)
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(dropout, seed=3),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer() if callable(optimizer) else optimizer, "binary_crossentropy")
    return model


def train(folder, stages, make, callbacks=lambda: []):
    """Weights, learning rate and callbacks after stages, each of a new model."""
    for start, until in stages:
        model, others = make(), callbacks()
        stage = TrainStage(Stage(start, until), folder, 0, others, lambda step, logs: True)
        model.fit(
            X, Y, batch_size=8, shuffle=False, verbose=0, validation_data=(X, Y),
            initial_epoch=start, epochs=until, callbacks=[*others, stage],
        )  # fmt: skip
    return model, others


def decayed():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=4, decay_rate=0.8)
    return keras.optimizers.SGD(schedule, momentum=0.9)


@pytest.mark.parametrize(
    ("optimizer", "dropout"),
    [(lambda: keras.optimizers.Adam(0.01), 0.0), (decayed, 0.0), (lambda: "rmsprop", 0.5)],
    ids=["moments", "schedule", "dropout"],
)
def test_three_epochs_and_six_are_nine(tmp_path, optimizer, dropout):
    def make():
        made = optimizer()
        return build(made, dropout)

    parts, _ = train(tmp_path, [(0, 3), (3, 9)], make)
    whole, _ = train(tmp_path, [(0, 9)], make)
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert int(parts.optimizer.iterations) == int(whole.optimizer.iterations) == 9 * 4


def test_callbacks_know_what_they_knew(tmp_path):
    def callbacks():
        return [
            keras.callbacks.EarlyStopping("val_loss", patience=20, min_delta=1.0),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=4, factor=0.5, min_delta=1.0),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        ]

    parts, ours = train(tmp_path, [(0, 3), (3, 9)], build, callbacks)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    (tmp_path / "log.csv").unlink()
    whole, theirs = train(tmp_path, [(0, 9)], build, callbacks)
    assert ours[0].wait == theirs[0].wait == 8
    assert ours[0].best == pytest.approx(theirs[0].best)
    assert ours[1].wait == theirs[1].wait
    rates = [float(model.optimizer.learning_rate) for model in (parts, whole)]
    assert rates[0] == pytest.approx(rates[1]) and rates[0] == pytest.approx(0.00025)
    assert len(lines) == 1 + 9


def test_early_stopping_counts_across_stages_and_restores_the_best_of_all(tmp_path):
    def callbacks():
        return [
            keras.callbacks.EarlyStopping(
                "val_loss", patience=4, min_delta=1.0, restore_best_weights=True
            )
        ]

    model, (stopping,) = train(tmp_path, [(0, 3), (3, 9)], build, callbacks)
    assert stopping.stopped_epoch == 4  # epoch 0 is the best, and four came after it
    first, _ = train(tmp_path, [(0, 1)], build)
    for one, other in zip(model.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_hopeless_training_ends_and_is_not_kept(tmp_path):
    stage = TrainStage(Stage(0, 9), tmp_path, 0, [], lambda step, logs: step < 3)
    model = build()
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[stage])
    assert stage.is_hopeless and stage.reached == 3
    assert list(tmp_path.iterdir()) == []


def test_another_fit_of_the_same_model_reports_no_epoch_twice(tmp_path):
    steps = []
    stage = TrainStage(Stage(0, 3), tmp_path, 0, [], lambda step, logs: steps.append(step) or True)
    model = build()
    for _ in range(2):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[stage])
    assert steps == [1, 2, 3]


def test_training_for_too_long_is_stopped_with_a_warning(tmp_path):
    stage = TrainStage(Stage(0, 2), tmp_path, 0, [], lambda step, logs: True)
    with pytest.warns(tfbo.TFBOWarning, match="initial_epoch="):
        history = build().fit(X, Y, epochs=9, verbose=0, callbacks=[stage])
    assert len(history.epoch) == 3


def test_without_weights_training_starts_over(tmp_path):
    with pytest.warns(tfbo.TFBOWarning, match="starts over"):
        assert resumable(Stage(3, 9), tmp_path, 1) == Stage(0, 9)
    assert resumable(Stage(0, 9), tmp_path, 1) == Stage(0, 9)


class Scripted(tfbo.strategies.Strategy):
    """Two trials to epoch 2, then the better one to epoch 4."""

    def suggest(self, problem, state, *, pending, number, q):
        if number < 2:
            return [tfbo.strategies.Suggestion({"units": 4 + number}, {}, until=2)]
        paused = [t for t in pending if t.state == "paused"]
        best = max(paused, key=lambda t: problem.goal.score(t.value))
        return [tfbo.strategies.Suggestion(best.params, {}, until=4, trial=best.number)]

    def hopeless(self, problem, state, *, trials, pending):
        done = any(t.state == "complete" for t in state.trials) if hasattr(state, "trials") else 0
        return frozenset(t.number for t in trials if done)


def build_model(hp):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(hp.Int("units", 2, 9)), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def tuner_of(tmp_path, **settings):
    tuner = kt.BayesianOptimization(
        build_model, "val_loss", max_trials=2, max_epochs=4, seed=0, directory=tmp_path,
        project_name="stages", **settings,
    )  # fmt: skip
    tuner.study.advisor.strategy = Scripted()
    return tuner


FIT = {"validation_data": (X, Y), "verbose": 0, "epochs": 77}


def test_a_tuner_trains_in_stages(tmp_path):
    tuner = tuner_of(tmp_path)
    for _ in range(3):
        assert tuner._run_next(X, Y, **FIT)  # noqa: SLF001
    states = sorted(trial.state for trial in tuner.study.trials)
    assert states == ["complete", "paused"]
    (best,) = tuner.oracle.get_best_trials(1)
    stored = tuner.oracle.study_trial(best)
    assert list(stored.curve) == [1, 2, 3, 4] and stored.spent == 4
    assert stored.value == best.score == min(stored.curve.values())
    assert best.hyperparameters.values["tuner/epochs"] == 4
    assert best.hyperparameters.values["tuner/initial_epoch"] == 2
    assert best.hyperparameters.values["tuner/trial_id"] == best.trial_id
    assert [o.step for o in best.metrics.get_history("val_loss")] == [1, 3]
    model = tuner.get_best_models()[0]
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(best.score, rel=1e-4)
    # What training would go on from is there of the paused one alone.
    kept = {path.parent.name for path in (tmp_path / "stages" / "trials").glob("*/stage*")}
    assert kept == {t.trial_id for t in tuner.oracle.trials.values() if t is not best}


def test_a_search_that_is_opened_again_goes_on_in_the_middle_of_a_trial(tmp_path):
    values = []
    for name in ("whole", "parts"):
        keras.utils.set_random_seed(0)
        tuner = tuner_of(tmp_path / name)
        for _ in range(3):
            if name == "parts":
                tuner = tuner_of(tmp_path / name)
            keras.utils.set_random_seed(0)
            tuner._run_next(X, Y, shuffle=False, **FIT)  # noqa: SLF001
        values.append([(t.state, t.curve) for t in tuner.study.trials])
        assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 2
        reopened = tuner_of(tmp_path / name)
        assert len(reopened.oracle.end_order) == 2
        assert [t.score for t in reopened.oracle.get_best_trials(2)] == [
            t.score for t in tuner.oracle.get_best_trials(2)
        ]
    assert values[0] == values[1]


def test_other_epochs_than_before_are_a_mismatch(tmp_path):
    tuner_of(tmp_path)
    with pytest.raises(tfbo.StudyMismatch, match="epochs"):
        kt.BayesianOptimization(
            build_model, "val_loss", max_trials=2, max_epochs=9, directory=tmp_path,
            project_name="stages",
        )  # fmt: skip


def test_a_trial_that_early_stopping_ends_is_complete(tmp_path):
    tuner = tuner_of(tmp_path)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1e9)
    tuner._run_next(X, Y, callbacks=[stop], **FIT)  # noqa: SLF001
    (trial,) = tuner.study.trials
    assert (trial.state, trial.reached) == ("paused", 2)  # that was the last epoch anyway
    tuner = tuner_of(tmp_path / "long")
    tuner.study.advisor.strategy = tfbo.strategies.Random()
    tuner._run_next(X, Y, callbacks=[stop], **FIT)  # noqa: SLF001
    (trial,) = tuner.study.trials
    assert (trial.state, trial.reached, trial.until, trial.spent) == ("complete", 2, 4, 2)


def test_a_hopeless_trial_is_stopped(tmp_path):
    class Strict(tfbo.strategies.Random):
        def hopeless(self, problem, state, *, trials, pending):
            return frozenset(t.number for t in trials if len(t.curve) >= 3)

    tuner = tuner_of(tmp_path)
    tuner.study.advisor.strategy = Strict()
    tuner._run_next(X, Y, **FIT)  # noqa: SLF001
    (trial,) = tuner.study.trials
    assert (trial.state, trial.reached, trial.spent) == ("stopped", 3, 3)
    assert trial.value == min(trial.curve.values())
    assert tuner.oracle.get_best_trials(1)[0].score == trial.value


def test_executions_go_on_each_from_its_own_weights(tmp_path):
    tuner = tuner_of(tmp_path, executions_per_trial=2)
    for _ in range(3):
        tuner._run_next(X, Y, **FIT)  # noqa: SLF001
    finished = [trial for trial in tuner.study.trials if trial.state == "complete"]
    assert [list(trial.curve) for trial in finished] == [[2, 4]]
    assert finished[0].std is not None


def test_a_metric_that_is_not_logged_is_named(tmp_path):
    tuner = tuner_of(tmp_path)
    with pytest.raises(kt.errors.FatalError, match=r"val_loss.*It has: 'loss'"):
        tuner.search(X, Y, verbose=0)


@pytest.mark.parametrize("max_trials", [1, 5, 12])
def test_a_search_of_few_trials_ends_with_one_that_is_complete(max_trials):
    class Parabola(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            return hp.Float("x", -1.0, 1.0) ** 2 + 1.0 / hp["tuner/epochs"]

    hp = kt.HyperParameters()
    hp.Float("x", -1.0, 1.0)
    tuner = Parabola(max_epochs=9, max_trials=max_trials, seed=0, hyperparameters=hp)
    tuner.search(verbose=0)
    assert len(tuner.study.trials) == max_trials
    assert any(trial.state == "complete" for trial in tuner.study.trials)
    assert tuner.get_best_hyperparameters()[0]["tuner/epochs"] == 9


def test_a_first_trial_that_asks_for_nothing_before_it_runs_is_trained_to_the_end():
    class Late(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters.Float("x", -1.0, 1.0) ** 2

    tuner = Late(max_epochs=9, max_trials=3, seed=0)
    tuner.search(verbose=0)
    assert [trial.reached for trial in tuner.study.trials][:1] == [9]
    assert len(tuner.study.trials) == 3
