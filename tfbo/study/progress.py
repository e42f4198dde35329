"""The bar of `Study.optimize`: tqdm's in a terminal, else a line for each trial."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from tfbo import _format
from tfbo._messages import encodable, is_terminal, say, width
from tfbo.study.trials import Trials
from tfbo.trial import RUNNING, Goal, Trial

Result = TypeVar("Result")

# Columns of a bar beside its description: counts, times and a bar of some length.
_METER = 24


class Stopwatch:
    """Seconds that a trial took, by what they were spent on.

    Example:
        >>> watch = Stopwatch()
        >>> watch.time("objective", sum, range(1000))
        499500
        >>> watch.seconds["objective"] > watch.seconds["tfbo"] == 0.0
        True
    """

    def __init__(self) -> None:
        self.seconds = {"objective": 0.0, "tfbo": 0.0}

    def time(self, what: str, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function, and note the time that it takes, even to raise."""
        begin = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            self.seconds[what] += time.perf_counter() - begin

    def __str__(self) -> str:
        return ", ".join(f"{what} {_format.duration(s)}" for what, s in self.seconds.items())


class Show(NamedTuple):
    """Functions that show a search."""

    trial: Callable[[Trial, Stopwatch], None]
    """To call with each trial that is done, and with what it took."""
    aside: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    """In which something else can be written to standard error."""


class Pace:
    """Time that trials take: the median of the last ones, without the first.

    The first waits for whatever is imported and compiled, which no later one does; a median does not
    mind one that is compiled for later on, such as the first that a model suggests.

    Example:
        >>> pace = Pace()
        >>> for seconds in (60.0, 2.0, 2.0, 30.0):
        ...     pace.note(seconds)
        >>> pace.left(10), pace.left(10, at_once=4)
        (20.0, 5.0)
    """

    _LAST = 9

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def note(self, seconds: float) -> None:
        """Take in what one more trial took."""
        self._seconds.append(seconds)

    def left(self, count: int, at_once: int = 1) -> float | None:
        """Seconds that `count` further trials will take; None where that is not known yet."""
        known = self._seconds[1:][-self._LAST :]
        if count <= 0:
            return 0.0
        return statistics.median(known) * count / at_once if known else None


@contextlib.contextmanager
def bar(trials: Trials, total: int | None, wanted: bool) -> Iterator[Show]:
    """Show the trials of a search, of which there will be `total` if that is known, as they end."""
    if not wanted:
        yield Show(lambda trial, watch: None)
        return
    tqdm = _tqdm() if is_terminal(sys.stderr) else None
    if tqdm is None:
        yield Show(lambda trial, watch: say(_line(trials, trial, watch), sys.stderr))
        return
    # The times are what tqdm's own format has no room for in 80 columns. Its time left would count
    # what is imported and compiled at the beginning as if each trial took it.
    layout = "{n_fmt}/{total_fmt} {bar} {elapsed}<{desc}"
    if total is None:
        layout = "{n_fmt} {elapsed} {desc}"
    sums, pace = Stopwatch(), Pace()
    # Without an interval: tqdm would skip the last of trials that come faster than it draws.
    settings = {"bar_format": layout, "dynamic_ncols": True, "mininterval": 0}
    with tqdm(total=total, **settings) as shown:
        shown.set_description_str("" if total is None else "?")

        def show(trial: Trial, watch: Stopwatch) -> None:
            for what, seconds in watch.seconds.items():
                sums.seconds[what] += seconds
            left = ""
            if total is not None:
                pace.note(sum(watch.seconds.values()))
                running = sum(other.state == RUNNING for other in trials.ordered())
                later = pace.left(total - shown.n - 1, at_once=1 + running)
                left = f"{'?' if later is None else tqdm.format_interval(later)} "
            about = f"{left}trial {trial.number}: ", f", {_best(trials)}, {sums}"
            room = width() - _METER - sum(map(len, about))
            text = _format.outcome(trial, room).join(about)
            with contextlib.suppress(OSError, ValueError):  # the terminal is gone
                shown.set_description_str(encodable(text, sys.stderr), refresh=False)
                shown.update()

        yield Show(show, tqdm.external_write_mode)


def _tqdm() -> Any:
    """The class of tqdm's bars; None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _line(trials: Trials, trial: Trial, watch: Stopwatch) -> str:
    """A finished trial in a line, with the best so far and the time that it took."""
    parts = (f"trial {trial.number:3d}: {_format.outcome(trial)}", _best(trials), str(watch))
    return f"{', '.join(parts)}  {_format.params(trial.params)}"


def _best(trials: Trials) -> str:
    goal = Goal(trials.record.direction)
    return _format.best(min(trials.ordered(), key=goal.rank, default=None))
