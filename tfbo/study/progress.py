"""How `Study.optimize` shows where it is: tqdm's bar in a terminal, else a line a trial."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tfbo._messages import encodable, is_terminal, printable, say
from tfbo.trial import COMPLETE, RUNNING, Trial

if TYPE_CHECKING:
    from tfbo.study import Study

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
        """What a function returns; the time it takes, even to raise, is noted."""
        begin = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            self.seconds[what] += time.perf_counter() - begin

    def __str__(self) -> str:
        return ", ".join(f"{what} {duration(s)}" for what, s in self.seconds.items())


class Show(NamedTuple):
    """What is shown of a search."""

    trial: Callable[[Trial, Stopwatch], None]
    """To call with each trial that is done, and with what it took."""
    aside: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    """In which something else can be written to standard error."""


class Pace:
    """How long trials take: the median of the last ones, without the first.

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
def bar(study: Study, total: int | None, wanted: bool) -> Iterator[Show]:
    """Show the trials of a search.

    Args:
        study: of which the best value observed is shown.
        total: how many trials there will be; None where that is open.
        wanted: without, nothing is shown.
    """
    if not wanted:
        yield Show(lambda trial, watch: None)
        return
    tqdm = _tqdm() if in_terminal() else None
    if tqdm is None:
        yield Show(lambda trial, watch: say(_report(study, trial, watch), sys.stderr))
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
                running = sum(other.state == RUNNING for other in study.trials)
                later = pace.left(total - shown.n - 1, at_once=1 + running)
                left = f"{'?' if later is None else tqdm.format_interval(later)} "
            about = f"{left}trial {trial.number}: ", f", {best(study)}, {sums}"
            room = _columns() - _METER - sum(map(len, about))
            text = outcome(trial, room).join(about)
            with contextlib.suppress(OSError, ValueError):  # the terminal is gone
                shown.set_description_str(encodable(text, sys.stderr), refresh=False)
                shown.update()

        yield Show(show, tqdm.external_write_mode)


def in_terminal() -> bool:
    """True where standard error is a terminal, in which a bar can be drawn."""
    return is_terminal(sys.stderr)


def _tqdm() -> Any:
    """The class of tqdm's bars; None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _report(study: Study, trial: Trial, watch: Stopwatch) -> str:
    """A finished trial in a line, with the best so far and what it took."""
    parts = (f"trial {trial.number:3d}: {outcome(trial)}", best(study), str(watch))
    return f"{', '.join(parts)}  {params(trial)}"


def best(study: Study) -> str:
    """The best value observed, as `best 0.97`."""
    complete = any(trial.state == COMPLETE for trial in study.trials)
    return f"best {study.best_observed.value:.6g}" if complete else "none complete"


def line(trial: Trial) -> str:
    """A finished trial in a line: number, outcome, seconds, parameters."""
    seconds = "" if trial.duration is None else f" in {trial.duration:.1f} s"
    return f"trial {trial.number:3d}: {outcome(trial)}{seconds}  {params(trial)}"


def outcome(trial: Trial, room: int | None = None) -> str:
    """The value of a finished trial, or why it failed, in so many columns; None for the terminal's."""
    if trial.state == COMPLETE:
        return f"{trial.value:.6g}"
    failed = f"failed ({trial.kind})"
    text = f"{failed}: {printable(trial.reason or '')}"
    room = _columns() if room is None else room
    if len(text) <= room:
        return text
    return f"{text[: room - 3]}..." if room > len(failed) + 8 else failed


def _columns() -> int:
    """The width of the terminal; 80 where there is none."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):  # none, or one that is no terminal
        columns = 0
    return columns or shutil.get_terminal_size().columns


def params(trial: Trial) -> str:
    """Parameters as `name=value`, numbers to four digits."""

    def shown(value: object) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return printable(", ".join(f"{name}={shown(value)}" for name, value in trial.params.items()))


def duration(seconds: float) -> str:
    """Seconds as one reads them: with the digits that matter, or as minutes or hours.

    Example:
        >>> duration(0.0123), duration(12.34), duration(150.0), duration(7500.0), duration(8e4)
        ('0.01 s', '12 s', '150 s', '125 min', '22 h')
    """
    if seconds < 1000.0:
        digits = 2 if seconds < 1.0 else 1 if seconds < 10.0 else 0
        return f"{seconds:.{digits}f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36000.0 else f"{seconds / 3600:.0f} h"
