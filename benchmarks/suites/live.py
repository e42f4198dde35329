"""Live training: scikit-learn's models on the data sets that it ships, in mixed conditional spaces.

A value is the mean loss over the folds of a cross-validation whose shuffle and whose models' seeds are
fixed, so it is deterministic; it is NaN where training fails or diverges. Losses are smooth, not error
rates, which would tie too many configurations. Nobody knows the optima, and all seeds share the problem.

Trials are kept to some hundredths of a second by small data sets and few trees and epochs. scikit-learn
is needed only when a problem is evaluated.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from suites.base import Cell, Parameter, Params, Problem, choice, real, whole

FOLDS = 3
# A probability is taken to be no less, as otherwise a single sure mistake of a forest makes the loss.
LEAST_PROBABILITY = 1e-3


@dataclasses.dataclass(frozen=True)
class Training:
    """A model, what is tuned of it, and how well it does.

    Args:
        parameters: what is tuned.
        model: an estimator that has not been fitted, of the active parameters.
        loss: of a fitted estimator on the held-out rows and their targets.
    """

    parameters: tuple[Parameter, ...]
    model: Callable[[Params], Any]
    loss: Callable[[Any, np.ndarray, np.ndarray], float]


SCALING = choice("scaling", ["none", "standard", "minmax"])


def _scaled(scaling: str, model: Any) -> Any:
    """The model behind a scaler."""
    from sklearn import pipeline, preprocessing

    scalers = {
        "none": lambda: "passthrough",
        "standard": preprocessing.StandardScaler,
        "minmax": preprocessing.MinMaxScaler,
    }
    return pipeline.make_pipeline(scalers[scaling](), model)


# Losses


def log_loss(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Mean negative log probability of the true class; the classes are 0, 1, ..."""
    probability = model.predict_proba(x)[np.arange(len(y)), y]
    # `np.maximum` passes NaN on, as it should: training has failed then.
    return float(-np.mean(np.log(np.maximum(probability, LEAST_PROBABILITY))))


def margin_loss(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Mean of `log(1 + exp(-m))` over the pairwise margins `m` of the true class against each other.

    For machines that decide pair by pair: their probabilities would take a second cross-validation.
    """
    decision = model.decision_function(x)
    classes = int(np.max(model.classes_)) + 1
    # One column a pair, positive for the first of the two; with two classes, positive for the second.
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    if classes == 2:
        decision = -decision[:, None]
    losses = np.zeros(len(y))
    for column, (first, second) in zip(decision.T, pairs, strict=True):
        margin = np.where(y == first, column, -column)
        loss = np.minimum(np.logaddexp(0.0, -margin), -math.log(LEAST_PROBABILITY))
        losses += np.where((y == first) | (y == second), loss, 0.0)
    return float(np.mean(losses) / (classes - 1))


def rmse(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((model.predict(x) - y) ** 2)))


# Models


def _svm(params: Params) -> Any:
    from sklearn import svm

    options = {name: value for name, value in params.items() if name not in ("scaling", "weighted")}
    # A poor scaling makes the solver crawl: 3,000 of its steps are some milliseconds.
    machine = svm.SVC(
        class_weight="balanced" if params["weighted"] == "yes" else None,
        decision_function_shape="ovo",
        max_iter=3000,
        **options,
    )
    return _scaled(params["scaling"], machine)


CURVED = {"kernel": ["rbf", "poly", "sigmoid"]}
SVM = Training(
    (
        SCALING,
        choice("kernel", ["linear", "rbf", "poly", "sigmoid"]),
        real("C", 1e-3, 1e3, log=True),
        real("gamma", 1e-5, 1e1, log=True, when=CURVED),
        whole("degree", 2, 5, when={"kernel": ["poly"]}),
        real("coef0", -1.0, 1.0, when={"kernel": ["poly", "sigmoid"]}),
        choice("weighted", ["no", "yes"]),
        real("tol", 1e-5, 1e-1, log=True),
    ),
    _svm,
    margin_loss,
)


def _boosting(params: Params) -> Any:
    from sklearn import ensemble

    limits = {"max_depth": params.get("depth"), "max_leaf_nodes": params.get("leaves")}
    alpha = {"alpha": params["alpha"]} if "alpha" in params else {}
    return ensemble.GradientBoostingRegressor(
        loss=params["loss"],
        learning_rate=params["rate"],
        n_estimators=params["trees"],
        subsample=params["subsample"],
        max_features=params["features"],
        min_samples_leaf=params["samples"],
        random_state=0,
        **limits,
        **alpha,
    )


BOOSTING = Training(
    (
        choice("loss", ["squared_error", "absolute_error", "huber"]),
        real("alpha", 0.5, 0.99, when={"loss": ["huber"]}),
        real("rate", 1e-3, 1.0, log=True),
        whole("trees", 3, 60, log=True),
        choice("limit", ["depth", "leaves"]),
        whole("depth", 1, 6, when={"limit": ["depth"]}),
        whole("leaves", 2, 32, log=True, when={"limit": ["leaves"]}),
        whole("samples", 1, 40, log=True),
        real("subsample", 0.2, 1.0),
        real("features", 0.1, 1.0),
    ),
    _boosting,
    rmse,
)


def _mlp(params: Params) -> Any:
    from sklearn import neural_network

    layers = [params[f"units{i + 1}"] for i in range(params["layers"])]
    names = ("activation", "solver", "alpha", "learning_rate_init", "batch_size", "momentum")
    options = {name: params[name] for name in names if name in params}
    network = neural_network.MLPClassifier(layers, max_iter=EPOCHS, random_state=0, **options)
    return _scaled(params["scaling"], network)


EPOCHS = 15
STOCHASTIC = {"solver": ["sgd", "adam"]}
MLP = Training(
    (
        SCALING,
        whole("layers", 1, 3),
        whole("units1", 2, 64, log=True),
        whole("units2", 2, 64, log=True, when={"layers": [2, 3]}),
        whole("units3", 2, 64, log=True, when={"layers": [3]}),
        choice("activation", ["relu", "tanh", "logistic"]),
        choice("solver", ["lbfgs", "sgd", "adam"]),
        real("alpha", 1e-6, 1e1, log=True),
        real("learning_rate_init", 1e-4, 1.0, log=True, when=STOCHASTIC),
        whole("batch_size", 16, 100, log=True, when=STOCHASTIC),
        real("momentum", 0.0, 0.99, when={"solver": ["sgd"]}),
    ),
    _mlp,
    log_loss,
)


def _forest(params: Params) -> Any:
    from sklearn import ensemble

    kinds = {
        "random": ensemble.RandomForestClassifier,
        "extra": ensemble.ExtraTreesClassifier,
    }
    return kinds[params["kind"]](
        n_estimators=params["trees"],
        criterion=params["criterion"],
        max_features=params["features"],
        max_depth=params.get("depth"),
        max_leaf_nodes=params.get("leaves"),
        min_samples_leaf=params["samples"],
        bootstrap=params["bootstrap"] == "yes",
        max_samples=params.get("share"),
        random_state=0,
    )


FOREST = Training(
    (
        choice("kind", ["random", "extra"]),
        whole("trees", 2, 30, log=True),
        choice("criterion", ["gini", "entropy"]),
        real("features", 0.05, 1.0),
        choice("limit", ["none", "depth", "leaves"]),
        whole("depth", 1, 12, when={"limit": ["depth"]}),
        whole("leaves", 2, 64, log=True, when={"limit": ["leaves"]}),
        whole("samples", 1, 20, log=True),
        choice("bootstrap", ["no", "yes"]),
        real("share", 0.1, 1.0, when={"bootstrap": ["yes"]}),
    ),
    _forest,
    log_loss,
)


# Evaluation


@functools.cache
def _data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A data set, `[n, d]` and `[n]`, shuffled, at most 500 rows of it."""
    from sklearn import datasets

    load = {
        "digits": datasets.load_digits,
        "breast-cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
        "diabetes": datasets.load_diabetes,
    }
    x, y = load[name](return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:500]
    return x[rows], y[rows]


@functools.cache
def _controller() -> Any:
    """What limits the threads of the libraries of algebra; to look for them takes a millisecond."""
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()


def _value(training: Training, data: str, params: Params) -> float:
    """The mean loss over the folds; NaN where training fails."""
    x, y = _data(data)
    fold = np.arange(len(y)) % FOLDS
    losses = []
    with warnings.catch_warnings(), _controller().limit(limits=1), np.errstate(all="ignore"):
        # Most trials stop before they converge.
        warnings.simplefilter("ignore")
        for held in range(FOLDS):
            try:
                model = training.model(params).fit(x[fold != held], y[fold != held])
                losses.append(training.loss(model, x[fold == held], y[fold == held]))
            except (ValueError, ArithmeticError):
                # How scikit-learn says that weights or scores are no longer finite.
                return math.nan
    mean = float(np.mean(losses))
    return mean if math.isfinite(mean) else math.nan


TRAININGS = {
    "svm-digits": (SVM, "digits"),
    "svm-breast-cancer": (SVM, "breast-cancer"),
    "svm-wine": (SVM, "wine"),
    "boosting-diabetes": (BOOSTING, "diabetes"),
    "mlp-breast-cancer": (MLP, "breast-cancer"),
    "mlp-wine": (MLP, "wine"),
    "mlp-digits": (MLP, "digits"),
    "forest-digits": (FOREST, "digits"),
    "forest-breast-cancer": (FOREST, "breast-cancer"),
    "forest-wine": (FOREST, "wine"),
}


def cells() -> list[Cell]:
    """Each model on some of the data sets."""

    def cell(name: str, training: Training, data: str) -> Cell:
        problem = Problem(training.parameters, lambda params: _value(training, data, params))
        return Cell("live", name, lambda seed: problem)

    return [cell(name, *row) for name, row in TRAININGS.items()]
