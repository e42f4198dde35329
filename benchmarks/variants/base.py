"""What a variant is, and how its choices are put in the place of those of the library for a while."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import regret_report

DEFAULT = regret_report.OURS

Patches = Mapping[tuple[Any, str], Any]
"""What modules and classes hold instead, by owner and name."""


def _leave_alone(study: Any, values: Sequence[float | None], budget: int) -> None:
    """Before an ask, do nothing."""


class Variant(NamedTuple):
    """The default strategy but for one choice."""

    why: str
    settings: Callable[[], Mapping[str, Any]] = dict
    """Arguments of `Bayes`."""
    patches: Callable[[], Patches] = dict
    before: Callable[[Any, Sequence[float | None], int], None] = _leave_alone
    """What is done before an ask: of the study, the values told so far and the budget."""


@contextlib.contextmanager
def patched(variant: Variant) -> Iterator[None]:
    """While the variant's patches hold; programs compiled without them are forgotten."""
    changed = variant.patches()
    before = {place: getattr(*place) for place in changed}
    _put(changed)
    try:
        yield
    finally:
        _put(before)


def choose(study: Any, strategy: Any) -> None:
    """Let another strategy make the next suggestion; its state must be that of `Bayes`."""
    study.advisor.strategy = strategy


def _put(values: Patches) -> None:
    from tfbo._compile.sessions import SESSIONS
    from tfbo.strategies.bayes import fit

    # Graphs on disk are those of the library as it is.
    os.environ["TFBO_CACHE"] = "off"
    for (owner, name), value in values.items():
        setattr(owner, name, value)
    fit.default_hyperprior.cache_clear()
    SESSIONS.clear()
