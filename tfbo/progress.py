"""A progress bar for `Study.optimize`: tqdm's where it is installed, else a line a trial."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tfbo.trial import COMPLETE, Trial

if TYPE_CHECKING:
    from tfbo.study import Study

Show = Callable[[Trial], None]


@contextlib.contextmanager
def bar(study: Study, total: int | None, wanted: bool) -> Iterator[Show]:
    """A function to call with each trial that is done.

    Args:
        study: of which the best value observed is shown.
        total: how many trials there will be; None where that is open.
        wanted: without, nothing is shown.
    """
    if not wanted:
        yield lambda trial: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda trial: print(line(trial), file=sys.stderr)
        return
    with tqdm(total=total, unit="trial", dynamic_ncols=True) as shown:

        def show(trial: Trial) -> None:
            complete = any(t.state == COMPLETE for t in study._trials.values())
            best = f"best {study.best_observed.value:.6g}" if complete else "none complete"
            shown.set_postfix_str(best)
            shown.update()

        yield show


def line(trial: Trial) -> str:
    """A finished trial in a line: number, outcome, seconds, parameters."""
    outcome = f"{trial.value:.6g}" if trial.state == COMPLETE else f"failed ({trial.kind})"
    seconds = "" if trial.duration is None else f" in {trial.duration:.1f} s"
    return f"trial {trial.number:3d}: {outcome}{seconds}  {params(trial)}"


def params(trial: Trial) -> str:
    """Parameters as `name=value`, numbers to four digits."""

    def shown(value: object) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return ", ".join(f"{name}={shown(value)}" for name, value in trial.params.items())
