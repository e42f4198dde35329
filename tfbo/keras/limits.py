"""Constraints of a search by their names: of hyperparameters, or of metrics that trials return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tfbo.errors import InvalidArgument, invalid
from tfbo.keras import dimensions
from tfbo.keras.definitions import HyperParameter
from tfbo.keras.errors import FatalValueError
from tfbo.space import checks
from tfbo.study import Study
from tfbo.trial import OutcomeConstraints


class SearchLimits(NamedTuple):
    """Constraints as they were written, on either side of a trial."""

    inputs: tuple[str, ...]
    """On hyperparameters: no trial breaks one, but where `build_model` asks for what is not known yet."""
    outcomes: tuple[str, ...]
    """On metrics."""


def texts(constraints: Any) -> tuple[str, ...]:
    """The constraints of an argument of that name; InvalidArgument for what is outside of the language."""
    return OutcomeConstraints.of(constraints).texts


def split(constraints: Sequence[str], known: dimensions.Dimensions) -> SearchLimits:
    """Constraints on the hyperparameters that are known, and all others, which are on metrics.

    Raises:
        InvalidArgument: where a constraint names both, or a hyperparameter that stands for several
            parameters, or is searched mirrored.
    """
    names = {dimension.definition.name for dimension in known.values()}
    inputs: list[str] = []
    outcomes: list[str] = []
    for i, expression in enumerate(OutcomeConstraints.of(constraints).expressions):
        argument, text = f"constraints[{i}]", expression.text
        inside = [name for name in expression.names if name in names]
        outside = [name for name in expression.names if name not in names]
        if inside and outside:
            expected = "names of hyperparameters alone, or of metrics alone"
            advice = (
                f"{outside[0]!r} is no hyperparameter that build_model asks for. "
                f"{checks.suggestion(outside[0], names)}"
            )
            raise invalid(argument, expected, text, advice)
        for name in inside:
            _check_single(argument, text, name, known)
        (inputs if inside else outcomes).append(text)
    return SearchLimits(tuple(inputs), tuple(outcomes))


def _check_single(argument: str, text: str, name: str, known: dimensions.Dimensions) -> None:
    meant = [each for each in known.values() if each.definition.name == name]
    if len(meant) > 1:
        advice = f"{name!r} is asked for under several conditions: give each a name of its own."
        raise invalid(argument, "names of one hyperparameter each", text, advice)
    if meant[0].domain.mirrored:
        expected = "hyperparameters that are not sampled by reverse_log"
        raise invalid(argument, expected, text, f'Give {name!r} sampling="log" or "linear".')


def check_new(study: Study, new: Iterable[HyperParameter]) -> None:
    """Raise FatalValueError where a hyperparameter is found too late for a constraint on it."""
    aims = study.stored_trials.aims
    bound = {name for each in study.space.constraints for name in each.names}
    taken = {*bound, *(aims.metrics.names if aims.named is not None else ())}
    for definition in new:
        if definition.name in taken:
            raise too_late(definition.name)


def too_late(name: str) -> FatalValueError:
    """The error of a constrained hyperparameter that is not known before the first trial."""
    return FatalValueError(
        f"constraints: {name!r} is a hyperparameter that only a trial asked for, and a constraint on "
        "hyperparameters has to know them before the first trial. Declare it in hyperparameters=, or "
        "ask for it in build_model whatever the values of others are."
    )


def check_outcomes(study: Study, metrics: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise FatalValueError where a trial, with values it asked for, lacks a metric of a constraint."""
    limited = study.stored_trials.aims.constraints
    for name in () if limited is None else limited.names:
        if name not in metrics and name in asked:
            raise too_late(name)
        if name not in metrics:
            there = ", ".join(map(repr, metrics))
            raise FatalValueError(
                f"constraints: {name!r} is neither a hyperparameter nor among the metrics that the trial "
                f"returned, {there}. Return it in the dict of metrics of run_trial or HyperModel.fit, NaN "
                "where it is not known; or have a Keras callback add it to the logs of each epoch."
            )


def named(study: Study, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Those metrics that the study has objectives or constraints of."""
    names = study.stored_trials.aims.metrics.names
    return {name: metrics[name] for name in names if name in metrics}


def check_fidelity(fidelity: Any, outcomes: Sequence[str]) -> None:
    """Raise InvalidArgument for constraints on metrics in a search that decides on epochs."""
    if fidelity is not None and outcomes:
        raise InvalidArgument(
            f"constraints: expected none on metrics beside max_epochs, got {list(outcomes)}. Leave "
            "out max_epochs, or constrain hyperparameters."
        )
