"""`HyperModel`: how a model is built from hyperparameters, and how it is trained."""

from __future__ import annotations

import copy
import math
from typing import Any

from tfbo.keras.errors import FailedTrialError, FatalValueError


class HyperModel:
    """Builds a model from hyperparameters; subclass it and give it a `build`, and a `fit` if needed.

    Args:
        name: for whoever reads it.
        tunable: whether hyperparameters that `build` asks for are searched; without, those that are
            not there already keep their defaults.

    Example:
        >>> import keras
        >>> import tfbo.keras as kt
        >>> class MyHyperModel(kt.HyperModel):
        ...     def build(self, hp):
        ...         model = keras.Sequential([keras.layers.Dense(hp.Int("units", 1, 8))])
        ...         model.compile("adam", "mse")
        ...         return model
        ...     def fit(self, hp, model, *args, **kwargs):
        ...         return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32]), **kwargs)
        >>> isinstance(MyHyperModel().build(kt.HyperParameters()), keras.Model)
        True
    """

    def __init__(self, name: str | None = None, tunable: bool = True) -> None:
        self.name = name
        self.tunable = tunable

        self._build = self.build
        self.build = self._build_tunable  # type: ignore[method-assign]

    def build(self, hp: Any) -> Any:
        """A model; with `hp.Int`, `hp.Choice` and so on it asks for values. A subclass says how."""
        raise NotImplementedError

    def _build_tunable(self, hp: Any, *args: Any, **kwargs: Any) -> Any:
        return self._build(hp if self.tunable else hp.copy(), *args, **kwargs)

    def declare_hyperparameters(self, hp: Any) -> None:
        """Ask for hyperparameters before anything is built."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a model as `build` made it, with the arguments of `search` and `callbacks`.

        Returns:
            A Keras History, a dict of metrics, a number (the objective), or a list of one of these.
        """
        return model.fit(*args, **kwargs)


class _Function(HyperModel):
    """A `build_model(hp)` as a HyperModel."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.build = function  # type: ignore[method-assign]


def as_hypermodel(hypermodel: Any) -> HyperModel | None:
    """The HyperModel that a tuner was given, also as a function; FatalValueError for anything else."""
    if hypermodel is None or isinstance(hypermodel, HyperModel):
        return hypermodel
    if not callable(hypermodel):
        raise FatalValueError(
            f"hypermodel: expected a function build_model(hp) or a HyperModel, got {hypermodel!r}. "
            "Pass the function without calling it."
        )
    return _Function(hypermodel)


def rebuilt(optimizer: Any) -> Any:
    """Another optimiser like that one, which may belong to another model already."""
    import keras

    if isinstance(optimizer, str):
        return optimizer
    return keras.optimizers.deserialize(copy.deepcopy(keras.optimizers.serialize(optimizer)))


def check_size(model: Any, most: int | None) -> None:
    """Raise FailedTrialError for a model of more than `most` trainable scalars, once they are known."""
    if most and model.built:
        size = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        if size > most:
            raise FailedTrialError(
                f"The model has {size} parameters, more than max_model_size={most}."
            )


def no_model(returned: Any) -> str:
    """Describe what a `build_model` returned instead of a model of Keras 3, and why that may be."""
    kind = type(returned)
    text = f"{returned!r} of type {kind.__module__}.{kind.__qualname__}, not a Keras model. "
    roots = {cls.__module__.split(".")[0] for cls in kind.__mro__}
    if "tf_keras" in roots:
        return (
            f"{text}It is one of tf_keras (Keras 2), and tfbo.keras trains models of Keras 3. Import "
            "keras in place of tf_keras, and if it says tf.keras, leave TF_USE_LEGACY_KERAS unset."
        )
    if isinstance(returned, type):
        return f"{text}It is a class: call it."
    if isinstance(returned, (tuple, list)):
        return f"{text}Return the model alone."
    return f"{text}Does it end with `return model`?"
