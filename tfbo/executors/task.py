"""One evaluation of an objective, as a worker runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tfbo.executors import objectives
from tfbo.executors.pickling import Raised
from tfbo.trial import KILLED, Failure, Outcome


class Evaluated(NamedTuple):
    """The end of a trial: plain data, which any executor can carry."""

    outcome: Outcome
    seconds: float
    """In the objective."""
    raised: Raised | None


def evaluate(objective: Callable[[dict[str, Any]], Any], params: Mapping[str, Any]) -> Evaluated:
    """Call an objective; what it raises is part of the result, which nothing leaves otherwise.

    An executor that had to carry an exception itself could break on one that cannot be pickled.
    """
    begin, raised = time.perf_counter(), None
    try:
        outcome = objectives.call(objective, params)
    except BaseException as error:
        kind = None if isinstance(error, Exception) else KILLED  # such as SystemExit
        outcome, raised = Failure.of(error, kind), Raised(error)
    return Evaluated(outcome, time.perf_counter() - begin, raised)
