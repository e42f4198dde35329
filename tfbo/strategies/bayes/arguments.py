"""The arguments of `Bayes`: checked, and as settings of a problem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfbo import _arguments
from tfbo._compile import devices
from tfbo.acquisition import Acquisition
from tfbo.columns import Column, Columns
from tfbo.errors import invalid
from tfbo.gp import kernels, search
from tfbo.gp.curves import curve_kernel, curve_priors
from tfbo.gp.hyperprior import default_priors, resolved
from tfbo.strategies.base import Problem, Strategy
from tfbo.strategies.bayes import ask, fit
from tfbo.strategies.bayes.chooser import Choice, Chooser
from tfbo.strategies.bayes.data import Failed
from tfbo.strategies.bayes.greedy import Greedy


def checked(given: Any) -> dict[str, Any]:
    """Numbers among the settings, as plain ones; InvalidArgument for a setting that cannot be one."""
    advice = "Call it: acquisition=tfbo.acquisition.LogEI()."
    if hasattr(given.acquisition, "evaluate") and not isinstance(given.acquisition, type):
        advice = "Derive its class from tfbo.acquisition.Acquisition."
    _require(given, "acquisition", Acquisition, advice)
    _require(given, "initial", Strategy, "Leave it out for the centre and Sobol points.")
    advice = "For example failed=tfbo.strategies.Failed(avoided=False)."
    _require(given, "failed", Failed, advice)
    if given.chooser is not None:
        _require(given, "chooser", Chooser, "Leave it out if in doubt.")
    kernels.kernel(given.kernel, 1, Columns((Column(),)))
    search.check_optimizer(given.optimizer)
    devices.check(given.device)
    resolved(given.priors, 1)
    transform = given.outcome_transform
    if not callable(transform) or type(transform).__hash__ is None:
        advice = "For example outcome_transform=tfbo.gp.outcomes.unchanged."
        raise invalid("outcome_transform", "a function", transform, advice)
    if given.region is not None and not callable(given.region):
        advice = "Leave it out for the whole space."
        raise invalid("region", "a function or None", given.region, advice)
    advice = "A tenth is usual; 0 lets uncertainty count in full."
    numbers: dict[str, Any] = {
        "noise": _noise(given.noise),
        "boundary": _arguments.number("boundary", given.boundary, advice, least=0.0),
    }
    for name in ("n_initial", "n_restarts", "n_candidates", "n_modelled"):
        value = getattr(given, name)
        numbers[name] = _arguments.count(name, value, "Leave it out if in doubt.")
    return numbers


def _require(strategy: Any, name: str, kind: type, advice: str) -> None:
    """Check the class of a part; programs are kept by its value."""
    given = getattr(strategy, name)
    if not isinstance(given, kind):
        raise invalid(name, f"a {kind.__module__.split('.')[0]} {kind.__name__}", given, advice)
    if type(given).__hash__ is None:
        raise invalid(name, "a hashable one", given, "Make it a dataclass with frozen=True.")


def _noise(noise: Any) -> str | float:
    """The noise as an argument says it: a word, or a variance as a float."""
    variance = _arguments.as_float(noise)
    if not (noise in ("auto", "none") if isinstance(noise, str) else 0 < (variance or 0) < np.inf):
        expected = '"auto", "none" or a variance > 0 in the units of the objective squared'
        raise invalid("noise", expected, noise, 'Use noise="none" where there is none.')
    return noise if variance is None else variance


def _acquisition(given: Any, problem: Problem) -> Acquisition:
    """The acquisition for the objectives of a problem; InvalidArgument for what is of one output alone."""
    several = problem.goals is not None
    if (several or problem.constraints is not None) and given.chooser is not None:
        expected = "None in a study of several objectives or with constraints"
        raise invalid("chooser", expected, given.chooser, "Leave it out.")
    if several and not isinstance(given.noise, str):
        expected = '"auto" or "none" with several objectives'
        raise invalid(
            "noise", expected, given.noise, "Tell standard errors: tell(trial, ..., std=)."
        )
    acquisition: Acquisition = given.acquisition.of_several() if several else given.acquisition
    return acquisition


def settings(given: Any, problem: Problem) -> ask.Settings:
    """The settings for the space of a problem."""
    columns = problem.encoding.columns
    acquisition = _acquisition(given, problem)
    kernel = kernels.kernel(given.kernel, len(columns), columns)
    priors, curves = given.priors, problem.fidelity is not None
    if curves:
        kernel = curve_kernel(kernel)
        priors = curve_priors if priors is default_priors else priors
    model = fit.Model(
        kernel,
        resolved(priors, len(columns)),
        given.outcome_transform,
        0 if curves else given.n_restarts - 1,
        given.optimizer,
        padded=False,
        learned=given.noise == "auto",
    )
    return ask.Settings(
        model,
        Choice(
            given.chooser or Greedy(),
            columns,
            kernel,
            acquisition,
            padded=False,
            boundary=given.boundary,
            bounded=given.region is not None,
            curves=curves,
            feasible=problem.region,
        ),
        given.chooser,
        given.n_candidates,
        given.n_modelled,
        0.0 if isinstance(given.noise, str) else math.sqrt(given.noise),
        given.device or problem.device,
        given.failed,
        given.region,
        curves=curves,
    )
