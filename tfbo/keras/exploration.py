"""Exploration of a search space that is written down by using it: builds, before the first trial."""

from __future__ import annotations

import logging

from tfbo._messages import warn
from tfbo.keras import dimensions
from tfbo.keras.definitions import Parent
from tfbo.keras.errors import FailedTrialError, FatalError
from tfbo.keras.hypermodel import HyperModel
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.oracle import Oracle
from tfbo.trial import OUT_OF_MEMORY, Failure

_LOGGER = logging.getLogger("tfbo")


def explore(hypermodel: HyperModel, oracle: Oracle) -> None:
    """Find the space by building, once for every conditional scope that is met."""
    hp = oracle.get_space()
    hypermodel.declare_hyperparameters(hp)
    oracle.update_space(hp)
    met: list[list[Parent]] = []
    unmet: list[list[Parent]] = [[]]
    while unmet:
        scope = unmet.pop(0)
        hp = oracle.get_space()
        _meet(scope, hp)
        _build(hypermodel, hp, tolerant=bool(scope))
        oracle.update_space(hp)
        met += [scope for scope in hp.active_scopes if scope not in met]
        space = oracle.hyperparameters.space
        unmet += [s for s in hp.inactive_scopes if dimensions.can_hold(space, s)]
        unmet = [s for i, s in enumerate(unmet) if s not in met and s not in unmet[:i]]


def _meet(conditions: list[Parent], hp: HyperParameters) -> None:
    """Set values for which conditions hold, and defaults otherwise."""
    for parent in conditions:
        domains = [d.domain() for d in hp.space if d.name == parent.name]
        possible = [domain.write(v) for domain in domains for v in domain.matching(parent.values)]
        hp.values[parent.name] = (possible or parent.values)[0]
    hp.ensure_active_values()


def _build(hypermodel: HyperModel, hp: HyperParameters, *, tolerant: bool) -> None:
    """Build to learn what is asked for; a failing branch, or too large a model, is left to the trials."""
    try:
        hypermodel.build(hp)
    except FatalError:
        raise
    except Exception as error:
        failure = Failure.of(error)
        harmless = isinstance(error, FailedTrialError) or failure.kind == OUT_OF_MEMORY
        if not (harmless or tolerant):
            raise
        _LOGGER.warning("Not built while the space was explored: %s.", failure.reason)
        warn(f"A branch of build_model failed while the space was explored: {failure.reason}.")
