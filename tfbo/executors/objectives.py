"""The objective of a search: its checks, its evaluation by a worker, and advice where it is none."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, NamedTuple

from tfbo.errors import InvalidArgument, invalid
from tfbo.executors.pickling import Raised
from tfbo.executors.run import Run
from tfbo.trial import KILLED, PLAIN, Failure, Metrics, Outcome, measure
from tfbo.trial.outcome import NAME_THEM

_GETS = "tfbo calls the objective with one dict of parameters"
_SUGGESTS = frozenset(
    f"suggest_{kind}"
    for kind in ("float", "int", "categorical", "uniform", "loguniform", "discrete_uniform")
)


class Evaluated(NamedTuple):
    """The end of a trial: plain data, which any executor can carry."""

    outcome: Outcome
    seconds: float
    """In the objective."""
    raised: Raised | None
    reports: int | None = None
    """Number of points that the objective reported; None where it has no run."""


def check(objective: Any, *, staged: bool = False) -> bool:
    """Refuse, by InvalidArgument, what no trial could run or what would return no number to any of them.

    In a `staged` search the objective has to take a run, by a second argument; in another one it may, by
    one of the name run.

    Returns:
        True where it takes a run.
    """
    if not callable(objective):
        raise invalid("objective", "a function of a dict", objective, "Pass it without calling it.")
    if inspect.isclass(objective) and any("__call__" in vars(c) for c in objective.__mro__):
        raise invalid("objective", "a function of a dict", objective, "Pass an instance of it.")
    _check_kind(objective)
    return _check_signature(objective, staged)


def outcome(returned: Any, metrics: Metrics = PLAIN) -> Outcome:
    """Outcome of what an objective returned; InvalidArgument, with advice, where that is no result."""
    if not metrics.is_plain:
        return metrics.read(returned, argument="objective", whole=True)
    try:
        return measure(returned)
    except InvalidArgument:
        expected, advice = "a number to be returned", _meant(returned)
        shape = getattr(returned, "shape", None)  # of an array, which would not fit into a line
        got = f"shape {list(shape)}" if isinstance(shape, tuple) and shape else returned
        raise invalid("objective", expected, got, advice) from None


def evaluate(
    objective: Callable[..., Any],
    params: Mapping[str, Any],
    run: Run | None = None,
    metrics: Metrics = PLAIN,
) -> Evaluated:
    """Call an objective; what it raises is part of the result: executors break on what is not pickled.

    Where it returned a dict that is no whole result, the numbers in it are kept with the failure.
    """
    begin, raised, returned = time.perf_counter(), None, None
    found: Outcome
    try:
        returned = objective(dict(params)) if run is None else objective(dict(params), run)
        found = outcome(returned, metrics)
    except BaseException as error:
        kind = None if isinstance(error, Exception) else KILLED  # such as SystemExit
        found, raised = Failure.of(error, kind), Raised(error)
        found = dataclasses.replace(found, values=metrics.rescued(returned))
    seconds = time.perf_counter() - begin
    if run is None:
        return Evaluated(found, seconds, raised)
    return Evaluated(run.end(found), seconds, raised, run.reports)


def hint(reason: str) -> str:
    """The mistake that the text of an exception points to, as the end of a message; else nothing."""
    if "'dict' object has no attribute 'suggest_" in reason:
        advice = "describe the parameters in a tfbo.Space and read them as params['x']"
        return f" ({_GETS}, not with Optuna's trial: {advice})"
    if "'dict'" in reason or reason.startswith("KeyError: 0"):
        return f" ({_GETS}: read them as params['x'])"
    return ""


def _check_kind(objective: Any) -> None:
    function = objective
    while isinstance(function, functools.partial):
        function = function.func
    for way in (function, inspect.getattr_static(function, "__call__", None)):
        if inspect.iscoroutinefunction(way) or inspect.isasyncgenfunction(way):
            advice = "Pass lambda params: asyncio.run(objective(params))."
            raise invalid("objective", "a function that is not async", objective, advice)
        if inspect.isgeneratorfunction(way):
            advice = "Replace yield by return."
            raise invalid("objective", "a function that returns a number", objective, advice)


def _check_signature(objective: Any, staged: bool) -> bool:
    try:
        signature = inspect.signature(objective)
    except (TypeError, ValueError):  # some are written in C
        return staged
    takes = list(signature.parameters.values())
    runs = _takes_run(takes, staged)
    try:
        signature.bind(*([{}, None] if runs else [{}]))
    except TypeError:
        expected = "a function of one dict of parameters"
        advice = "Its only argument is the dict: def objective(params)."
        if staged:
            expected += " and a run, for the study has a fidelity"
            advice = "Its arguments are these two: def objective(params, run)."
        needed = [p for p in takes if p.default is p.empty and p.kind != p.VAR_POSITIONAL]
        if needed and takes[0].name in ("self", "cls"):
            advice = "It is a method: pass it from an instance."
        elif needed:
            advice = "Pass lambda params: objective(**params), or read params['x'] in it."
        raise invalid("objective", expected, f"{_name(objective)}{signature}", advice) from None
    if staged and not runs:
        expected = "a function of parameters and a run, for the study has a fidelity"
        advice = "Take it, def objective(params, run), and train from run.start to run.until."
        raise invalid("objective", expected, f"{_name(objective)}{signature}", advice)
    code = getattr(objective, "__code__", None)
    if code is not None and takes[0].name == "trial" and _SUGGESTS & set(code.co_names):
        advice = (
            'Describe the parameters in the space, as in Space({"x": Float(0.0, 1.0)}), and read them '
            "from the dict: params['x']."
        )
        got = f"{_name(objective)}{signature}, which asks a trial of Optuna"
        raise invalid("objective", "a function of one dict of parameters", got, advice)
    return runs


def _takes_run(takes: Sequence[inspect.Parameter], staged: bool) -> bool:
    """True for a second argument that is a run: of that name, or in a staged search any that is needed."""
    placed = [p for p in takes if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(placed) > 1 and (
        placed[1].name == "run" or (staged and placed[1].default is placed[1].empty)
    ):
        return True
    return staged and len(placed) < 2 and any(p.kind == p.VAR_POSITIONAL for p in takes)


def _name(objective: Any) -> str:
    return str(getattr(objective, "__qualname__", None) or type(objective).__name__)


def _meant(returned: Any) -> str:
    """The advice for an objective that returned this instead of a number."""
    if returned is None:
        return "Is a return missing?"
    if inspect.iscoroutine(returned):
        returned.close()  # or Python warns that nobody awaited it
        return "It is async: pass lambda params: asyncio.run(objective(params))."
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return "It has a yield: replace it by return."
    if hasattr(returned, "history") and hasattr(returned, "epoch"):
        return 'It is the History of fit: return history.history["val_loss"][-1], for example.'
    if isinstance(returned, Mapping):
        keys = ", ".join(map(repr, list(returned)[:5]))
        return f"Return one of its values (it has {keys or 'none'}), or {NAME_THEM}."
    if isinstance(returned, (str, bytes)):
        return "Return float(...) of it."
    if isinstance(returned, bool):
        return "Return 1.0 or 0.0, or better how close it was."
    if isinstance(returned, (tuple, list)) or getattr(returned, "ndim", None):
        count = len(returned) if isinstance(returned, Sized) else 0
        return f"Return one of its {count} values, or their mean, or {NAME_THEM}."
    if callable(returned):
        return "Return what it says of the data, such as its loss: a float."
    return "Return a float; for a configuration that failed raise an exception."
