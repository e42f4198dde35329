"""`ReportCallback` in a study whose objective calls `model.fit`."""

import keras
import numpy as np
import pytest

import tfbo
from tfbo.keras import ReportCallback
from tfbo.strategies import Strategy, Suggestion

X, Y = np.ones((8, 2), "float32"), np.ones(8, "float32")
SPACE = tfbo.Space({"rate": tfbo.Float(0.001, 0.1)})


class Run:
    """A run that answers as it is told."""

    start, until = 0, 6

    def __init__(self, last=99):
        self.told, self.last = [], last

    def report(self, step, value):
        self.told.append((step, value))
        return step < self.last


def fit(callback, epochs=6, initial_epoch=0, **settings):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model.fit(
        X,
        Y,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[callback],
        verbose=0,
        **settings,
    )


def test_each_epoch_is_a_step():
    run = Run()
    history = fit(ReportCallback(run, "loss"), initial_epoch=2)
    assert run.told == [
        (i + 3, pytest.approx(loss)) for i, loss in enumerate(history.history["loss"])
    ]


def test_training_ends_where_the_trial_is_hopeless_or_the_run_is_over():
    assert len(fit(ReportCallback(Run(last=3), "loss")).epoch) == 3
    assert len(fit(ReportCallback(Run(), "loss"), epochs=20).epoch) == 6


def test_an_epoch_without_validation_is_no_step():
    run = Run()
    fit(ReportCallback(run, "val_loss"), validation_data=(X, Y), validation_freq=2)
    assert [step for step, _ in run.told] == [2, 4, 6]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("val_loss", "validation_data"),
        ("acuracy", "that is logged: 'loss'"),
        ("los", "nearest: 'loss'"),
    ],
)
def test_a_metric_that_is_not_logged_is_named(metric, text):
    with pytest.raises(tfbo.InvalidArgument, match=f"metric.*{text}"):
        fit(ReportCallback(Run(), metric))


def test_a_trial_of_ask_needs_its_study():
    study = tfbo.Study(SPACE, fidelity=tfbo.Fidelity(1, 6), strategy=tfbo.strategies.Random())
    trial = study.ask()
    with pytest.raises(tfbo.InvalidArgument, match="study"):
        ReportCallback(trial, "loss")
    with pytest.raises(tfbo.InvalidArgument, match="metric"):
        ReportCallback(Run(), None)
    fit(ReportCallback(trial, "loss", study=study), epochs=trial.until)
    assert list(study.trials[0].curve) == [1, 2, 3, 4, 5, 6]


class TwoThenFour(Strategy):
    """A trial to epoch 2, which then goes on to epoch 4."""

    def suggest(self, problem, state, *, pending, number, q):
        paused = [trial for trial in pending if trial.state == "paused"]
        if paused:
            return [Suggestion(paused[0].params, {}, until=4, trial=paused[0].number)]
        return [Suggestion({"rate": 0.01}, {}, until=2)]


def test_an_objective_trains_in_stages():
    stages = []

    def objective(params, run):
        history = fit(ReportCallback(run, "loss"), epochs=run.until, initial_epoch=run.start)
        stages.append((run.start, run.until, len(history.epoch)))
        return history.history["loss"][-1]

    study = tfbo.Study(SPACE, fidelity=tfbo.Fidelity(1, 4), strategy=TwoThenFour())
    study.optimize(objective, n_trials=1)
    assert stages == [(0, 2, 2), (2, 4, 2)]
    assert list(study.trials[0].curve) == [1, 2, 3, 4] and study.trials[0].state == "complete"
