"""One evaluation of an objective, as a worker runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tfbo import outcome
from tfbo.executors import objectives
from tfbo.executors.pickling import Raised
from tfbo.trial import FAILED


class Evaluated(NamedTuple):
    """What became of a trial: plain data, which any executor can carry."""

    fields: dict[str, Any]
    """As `Study.tell` takes them."""
    seconds: float
    """In the objective."""
    raised: Raised | None


def evaluate(objective: Callable[[dict[str, Any]], Any], params: Mapping[str, Any]) -> Evaluated:
    """What an objective returns or raises; nothing leaves it but by its result.

    An executor that had to carry an exception itself could break on one that cannot be pickled.
    """
    begin, raised = time.perf_counter(), None
    try:
        fields = objectives.called(objective, params)
    except BaseException as error:
        fields, raised = outcome.of_exception(error), Raised(error)
        if not isinstance(error, Exception):  # such as SystemExit
            fields["kind"] = "killed"
    return Evaluated(fields, time.perf_counter() - begin, raised)


def failure(kind: str, reason: str) -> dict[str, Any]:
    """The fields of a trial that nothing came back of."""
    return outcome.of(None, state=FAILED, kind=kind, reason=reason)
