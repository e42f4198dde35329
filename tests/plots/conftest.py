"""Studies whose surrogate is a known function, so that pictures of it can be held against it."""

import types

import numpy as np
import pytest

from tfbo import Boolean, Categorical, Constant, Float, Int, Ordinal, Space, Study, TooFewTrials
from tfbo.importance import Estimate, Importance
from tfbo.space import encoding
from tfbo.storage import Record, SQLiteStorage
from tfbo.strategies import LeaveOneOut, Prediction
from tfbo.trial import Trial

SPACE = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "units": Int(32, 512, step=32),
        "batch": Ordinal([16, 64, 256]),
        "optimizer": Categorical(["adam", "sgd $1$", None]),
        "use_dropout": Boolean(),
        "dropout": Float(0.0, 0.6, when={"use_dropout": True}),
        "kind": Constant("mlp"),
    }
)


def mean(params):
    """The known function: of the rate alone, but for dropout."""
    return float(np.log10(params["rate"]) ** 2 + params.get("dropout", 1.0))


class Known(Study):
    """A study with a surrogate that is known: mean as above, standard deviation 0.5."""

    @property
    def best_trial(self):
        return self.best_observed

    def predict(self, configurations, *, outcome=None):
        legal = [self.space.validate(params) for params in configurations]
        return Prediction(np.array([mean(p) for p in legal]), np.full(len(legal), 0.5))

    def forecast(self, trial, steps):
        raise TooFewTrials("nothing is known of curves")

    def importance(self, *, outcome=None):
        names = ["dropout", "rate"] + [
            n for n in self.space if n not in ("dropout", "rate", "kind")
        ]
        return {
            name: Importance(
                Estimate(0.5 / i, 0.4 / i, 0.6 / i), Estimate(0.6 / i, 0.5 / i, 0.7 / i)
            )
            for i, name in enumerate(names, start=1)
        }

    def leave_one_out(self, *, outcome=None):
        done = [trial for trial in self.trials if trial.state == "complete"]
        value = np.array([trial.value for trial in done])
        # Of every four, one is in the 50 % interval, one more in the 80 %, one more in the 95 %.
        shift = np.resize([0.0, 1.0, 1.5, 3.0], len(value))
        numbers = np.array([trial.number for trial in done])
        return LeaveOneOut(numbers, value, value + shift, np.ones(len(value)), -shift)


class Flat(Known):
    """A study whose surrogate expects 0 everywhere."""

    def predict(self, configurations, *, outcome=None):
        return Prediction(np.zeros(len(configurations)), np.ones(len(configurations)))


class Forecasting(Known):
    """A study that expects each curve to stay at its last value, with a standard deviation of 0.1."""

    def forecast(self, trial, steps):
        last = trial.curve[max(trial.curve)]
        return Prediction(np.full(len(steps), last), np.full(len(steps), 0.1))


def study_of(trials, *, space=SPACE, direction="minimize", kind=Known, fidelity=None):
    """A study that holds these trials as they are."""
    storage = SQLiteStorage(":memory:")
    stored = None if fidelity is None else fidelity.to_json()
    storage.create(Record("runs", space.to_json(), direction, 0, 0.0, fidelity=stored))
    assert storage.append("runs", trials, None)
    return kind.load(storage=storage)


def trials_of(count, *, seed=0, space=SPACE, value=mean, fails=0.2):
    """Random trials, a few of them failed, each a minute long and one after the other."""
    rng = np.random.default_rng(seed)
    code = encoding(space)
    rows = code.decode(rng.uniform(size=(count, len(code.names))))
    trials = []
    for i, (params, bad) in enumerate(zip(rows, rng.uniform(size=count) < fails, strict=True)):
        times = {"started": 1e9 + 60.0 * i, "finished": 1e9 + 60.0 * (i + 1)}
        if bad:
            trials.append(Trial(i, params, "failed", kind="error", reason="no", **times))
        else:
            trials.append(Trial(i, params, "complete", value=value(params), **times))
    return trials


def trained(number, state, curve, *, resumed=0, **others):
    """A trial of a flag with this curve from its first step on, or from another one after a pause."""
    fields = {"started": 1e9 + 60.0 * number, "start": resumed, "until": max(curve), "curve": curve}
    if state == "failed":
        fields |= {"kind": "error", "reason": "no"}
    elif state != "running":
        fields |= {"value": curve[max(curve)]}
    fields |= {"spent": resumed} if state == "running" else {"spent": max(curve)}
    if state != "running":
        fields |= {"finished": fields["started"] + 50.0}
    return Trial(number, {"flag": True}, state, **(fields | others))


@pytest.fixture(scope="session")
def known():
    """The helpers of this file."""
    return types.SimpleNamespace(
        mean=mean, Flat=Flat, Forecasting=Forecasting, study_of=study_of, trials_of=trials_of,
        trained=trained,
    )  # fmt: skip


@pytest.fixture(scope="session")
def thirty():
    return study_of(trials_of(30))


@pytest.fixture(scope="session")
def thousands():
    return study_of(trials_of(3000))
