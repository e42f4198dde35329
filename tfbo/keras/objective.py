"""The objective of a search: the name of a metric, and its direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfbo.errors import InvalidArgument, invalid
from tfbo.trial import Goal

DIRECTIONS = {"min": "minimize", "max": "maximize"}
_OF_DICTS = {**{d: d for d in DIRECTIONS}, **{long: short for short, long in DIRECTIONS.items()}}
# Metrics of which more is better, as Keras names their classes and functions.
_MAXIMISED = {
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryIoU", "CategoricalAccuracy", "ConcordanceCorrelation",
    "CosineSimilarity", "F1Score", "FBetaScore", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU",
    "PearsonCorrelation", "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision",
    "SensitivityAtSpecificity", "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
}  # fmt: skip
# Names that Keras has as functions or aliases, and common ones of metrics that it does not have.
_LOW = (
    "loss", "crossentropy", "ce", "bce", "mae", "mse", "mape", "msle", "kld", "rmse", "nll", "error",
    "perplexity", "wer", "cer", "fpr", "fnr",
)  # fmt: skip
_HIGH = (
    "acc", "f1", "f2", "fbeta", "f_score", "fscore", "f_measure", "iou", "miou", "jaccard", "dice_coef",
    "dice_coefficient", "dice_score", "r2", "r_squared", "mcc", "kappa", "auroc", "auprc", "roc_auc",
    "pr_auc", "sensitivity", "specificity", "tpr", "tnr", "psnr", "ssim", "bleu", "ndcg",
)  # fmt: skip
_SHORT = {**dict.fromkeys(_LOW, "min"), **dict.fromkeys(_HIGH, "max")}
# Words that turn what follows into its opposite, or may.
_NEGATED = {"neg", "negative", "minus", "inverse", "inv", "non", "not", "anti", "false"}
_NO_METRICS = {
    "deserialize", "serialize", "get", "metric", "loss", "mean", "sum", "meanmetricwrapper",
}  # fmt: skip


class Objective:
    """A metric, to minimise or to maximise.

    Args:
        name: of the metric, as in `History.history`.
        direction: "min" or "max".

    Raises:
        InvalidArgument: for another direction.

    Example:
        >>> import tfbo.keras as kt
        >>> print(kt.Objective("val_f1", direction="max"))
        Objective(name="val_f1", direction="max")
    """

    def __init__(self, name: str, direction: str) -> None:
        if direction not in DIRECTIONS:
            raise invalid("direction", '"min" or "max"', direction, "Pick one of the two.")
        self.name = name
        self.direction = direction

    @property
    def goal(self) -> Goal:
        """Its direction as a goal of a study."""
        return Goal(DIRECTIONS[self.direction])

    @property
    def names(self) -> list[str]:
        """Names of the metrics that it is made of."""
        return [self.name]

    @property
    def directions(self) -> dict[str, str]:
        """Directions by the names of the objectives of the study, "min" or "max"."""
        return {self.name: self.direction}

    @property
    def leading(self) -> Objective:
        """The objective whose best epoch is that of a trial."""
        return self

    def has_value(self, logs: Mapping[str, Any]) -> bool:
        """Tell if its value follows from these metrics."""
        return all(name in logs for name in self.names)

    def is_in(self, metrics: Mapping[str, Any]) -> bool:
        """Tell if its value is among metrics, by its own name, or follows from them."""
        return self.name in metrics or self.has_value(metrics)

    def get_value(self, logs: Mapping[str, Any]) -> Any:
        """The value, from metrics that it follows from."""
        return logs[self.name]

    def completed(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Add its value to metrics; ValueError where it does not follow from them."""
        if metrics.get(self.name) is not None:
            return dict(metrics)
        if not self.has_value(metrics):
            expected, found = ", ".join(self.names), ", ".join(metrics)
            raise ValueError(f"metrics: expected {expected} among them, found: {found}.")
        return {**metrics, self.name: self.get_value(metrics)}

    def better_than(self, a: Any, b: Any) -> bool:
        """True where the value a is better than b; None, NaN and infinities are worse than any number."""
        return self.goal.better(a, than=b)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objective) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return f'Objective(name="{self.name}", direction="{self.direction}")'

    __repr__ = __str__


class DefaultObjective(Objective):
    """The number that a trial returns, to minimise: the objective where none is given."""

    def __init__(self) -> None:
        super().__init__(name="default_objective", direction="min")


class MultiObjective(Objective):
    """The sum of several objectives to minimise, less the sum of those to maximise."""

    def __init__(self, objectives: list[Objective]) -> None:
        super().__init__(name="multi_objective", direction="min")
        self.objectives = objectives

    @property
    def names(self) -> list[str]:
        """Names of the metrics that it is made of."""
        return [name for objective in self.objectives for name in objective.names]

    def get_value(self, logs: Mapping[str, Any]) -> Any:
        """The value, from metrics that it follows from."""
        values = ((o.get_value(logs), o.direction) for o in self.objectives)
        return sum(value if direction == "min" else -value for value, direction in values)

    def __str__(self) -> str:
        listed = ", ".join(map(str, self.objectives))
        return f"Multi{super().__str__()}: [{listed}]"


class FrontObjective(Objective):
    """Several objectives, between which a Pareto front has the best compromises.

    Where one value is wanted, as for the best epoch of a trial, it is that of the first.

    Example:
        >>> front = create_objective({"val_accuracy": "max", "size_mb": "min"})
        >>> front.names, front.get_value({"val_accuracy": 0.9, "size_mb": 3.0})
        (['val_accuracy', 'size_mb'], 0.9)
    """

    def __init__(self, objectives: list[Objective]) -> None:
        super().__init__(objectives[0].name, objectives[0].direction)
        self.objectives = objectives

    @property
    def names(self) -> list[str]:
        """Names of the metrics that it is made of."""
        return [objective.name for objective in self.objectives]

    @property
    def directions(self) -> dict[str, str]:
        """Directions by the names of the objectives of the study, "min" or "max"."""
        return {objective.name: objective.direction for objective in self.objectives}

    @property
    def leading(self) -> Objective:
        """The objective whose best epoch is that of a trial: the first."""
        return self.objectives[0]

    def is_in(self, metrics: Mapping[str, Any]) -> bool:
        """Tell if the values of all are among metrics."""
        return self.has_value(metrics)

    def completed(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Metrics as they are; ValueError where one of the objectives is missing."""
        missing = [name for name in self.names if name not in metrics]
        if missing:
            expected, found = ", ".join(missing), ", ".join(metrics)
            raise ValueError(f"metrics: expected {expected} among them, found: {found}.")
        return dict(metrics)

    def __str__(self) -> str:
        return f"Front: [{', '.join(map(str, self.objectives))}]"


def create_objective(objective: Any) -> Objective:
    """The objective of a metric's name, an `Objective`, a list or a dict of these, or None.

    None is the number that a trial returns, a list the sum of its entries, and a dict from names of metrics
    to directions has a front.
    """
    if objective is None:
        return DefaultObjective()
    if isinstance(objective, Mapping):
        return _front(objective)
    if isinstance(objective, (list, tuple)):
        return MultiObjective([create_objective(entry) for entry in objective])
    if isinstance(objective, Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(
            "objective: expected a metric's name, an Objective, a list of these (their sum), or a dict of "
            f"names and directions (a front), got {objective!r}."
        )
    direction = infer_metric_direction(objective)
    if direction is None:
        raise InvalidArgument(
            f"objective: whether {objective!r} is to be low or high is not known. "
            f'Write tfbo.keras.Objective({objective!r}, direction="min"), or "max".'
        )
    return Objective(objective, direction)


def _front(directions: Mapping[Any, Any]) -> Objective:
    """The objective of a dict: a front, or the only one that it names."""
    example = 'For example objective={"val_accuracy": "max", "size_mb": "min"}.'
    if not directions:
        raise invalid("objective", "a dict of names and directions", directions, example)
    listed = []
    for name, direction in directions.items():
        if not isinstance(name, str) or not name:
            raise invalid("objective", "names of metrics", name, example)
        if direction not in _OF_DICTS:
            raise invalid(f"objective[{name!r}]", '"min" or "max"', direction, example)
        listed.append(Objective(name, _OF_DICTS[direction]))
    return FrontObjective(listed) if len(listed) > 1 else listed[0]


def infer_metric_direction(metric: str) -> str | None:
    """Direction of a metric by its name: "min", "max", or None where that is not known.

    Known are the metrics and losses of Keras and a few common names, with a number that Keras puts
    after them or the name of an output before.

    Example:
        >>> infer_metric_direction("val_accuracy"), infer_metric_direction("val_mae")
        ('max', 'min')
        >>> infer_metric_direction("val_auc_1"), infer_metric_direction("val_age_mae")
        ('max', 'min')
    """
    name = metric.removeprefix("val_").removeprefix("weighted_").lower()
    words = name.split("_")
    # Keras numbers names that come again (`auc_1`), and puts the name of an output before (`age_mae`).
    while words[-1].isdecimal() and _direction("_".join(words)) is None and len(words) > 1:
        words.pop()
    if _NEGATED & set(words[:-1]):
        return _direction("_".join(words))
    endings = ("_".join(words[i:]) for i in range(len(words)))
    return next((found for found in map(_direction, endings) if found is not None), None)


def _direction(name: str) -> str | None:
    """Of a metric by its whole name."""
    import keras

    if name in _SHORT:
        return _SHORT[name]
    listed = (n for n in (*dir(keras.metrics), *dir(keras.losses)) if not n.startswith("_"))
    if _plain(name) not in set(map(_plain, listed)) - _NO_METRICS:
        return None
    return "max" if _plain(name) in set(map(_plain, _MAXIMISED)) else "min"


def _plain(name: str) -> str:
    """A name without case and underscores: `F1Score` and `f1_score` are one metric."""
    return name.replace("_", "").lower()
