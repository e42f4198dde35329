"""The bar of `Study.optimize`: tqdm's in a terminal, else a line for each trial."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from tfbo import _format
from tfbo._messages import encodable, is_terminal, printable, say, width
from tfbo.study.trials import Trials
from tfbo.trial import RUNNING, Trial

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
    """Time that trials, or their steps, take: the median of the last ones, without the first.

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


class _Count(NamedTuple):
    """Unit of a bar: trials, or steps where the study has a fidelity."""

    trials: Trials
    total: int | None
    """Units that this search will see, where that is known."""
    steps: int | None = None
    """Limit of the steps of the whole study."""

    @property
    def name(self) -> str:
        """Name of many units after their number; nothing for trials."""
        fidelity = self.trials.fidelity
        return "" if fidelity is None else f" {printable(fidelity.steps)}"

    def of(self, trial: Trial) -> int:
        """Units that the last run of a trial was."""
        if self.trials.fidelity is None:
            return 1
        return max(0, (trial.reached or 0) - (trial.start or 0))

    @property
    def layout(self) -> str:
        """Format of tqdm's bar.

        The times are what tqdm's own format has no room for in 80 columns. Its time left would count
        what is imported and compiled at the beginning as if each trial took it.
        """
        name = self.name.replace("{", "{{").replace("}", "}}")
        if self.total is None:
            return f"{{n_fmt}}{name} {{elapsed}} {{desc}}"
        return f"{{n_fmt}}/{{total_fmt}}{name} {{bar}} {{elapsed}}<{{desc}}"

    def __str__(self) -> str:
        if self.trials.fidelity is None:
            return ""
        spent = sum(trial.trained for trial in self.trials.ordered())
        return f", {spent}{'' if self.steps is None else f'/{self.steps}'}{self.name}"

    def outcome(self, trial: Trial, room: int | None = None) -> str:
        """The outcome of a trial in so many columns; see `tfbo._format.outcome`."""
        fidelity = self.trials.fidelity
        return _format.outcome(trial, room, step="step" if fidelity is None else fidelity.name)


def _count(trials: Trials, total: int | None, steps: int | None) -> _Count:
    """Count of what a search has to do: of steps, those that the study has left to its limit."""
    if trials.fidelity is None:
        return _Count(trials, total)
    spent = sum(trial.trained for trial in trials.ordered())
    return _Count(trials, None if steps is None else max(0, steps - spent), steps)


@contextlib.contextmanager
def bar(
    trials: Trials, total: int | None, wanted: bool, steps: int | None = None
) -> Iterator[Show]:
    """Show the trials of a search as they end.

    There will be `total` of them, if that is known, and where the study has a fidelity at most so many
    `steps` in all: then it is steps that are counted.
    """
    if not wanted:
        yield Show(lambda trial, watch: None)
        return
    count = _count(trials, total, steps)
    tqdm = _tqdm() if is_terminal(sys.stderr) else None
    if tqdm is None:
        yield Show(lambda trial, watch: say(_line(count, trial, watch), sys.stderr))
        return
    total = count.total
    sums, pace = Stopwatch(), Pace()
    # Without an interval: tqdm would skip the last of trials that come faster than it draws.
    settings = {"bar_format": count.layout, "dynamic_ncols": True, "mininterval": 0}
    with tqdm(total=total, **settings) as shown:
        shown.set_description_str("" if total is None else "?")

        def show(trial: Trial, watch: Stopwatch) -> None:
            for what, seconds in watch.seconds.items():
                sums.seconds[what] += seconds
            left, done = "", count.of(trial)
            if total is not None:
                if done:
                    pace.note(sum(watch.seconds.values()) / done)
                running = sum(other.state == RUNNING for other in trials.ordered())
                later = pace.left(total - shown.n - done, at_once=1 + running)
                left = f"{'?' if later is None else tqdm.format_interval(later)} "
            about = f"{left}trial {trial.number}: ", f", {_best(trials)}, {sums}"
            room = width() - _METER - len(count.name) - sum(map(len, about))
            text = count.outcome(trial, room).join(about)
            with contextlib.suppress(OSError, ValueError):  # the terminal is gone
                shown.set_description_str(encodable(text, sys.stderr), refresh=False)
                shown.update(done)

        yield Show(show, tqdm.external_write_mode)


def _tqdm() -> Any:
    """The class of tqdm's bars; None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _line(count: _Count, trial: Trial, watch: Stopwatch) -> str:
    """A trial in a line, with the best so far, the steps spent and the time that it took."""
    best = f"{_best(count.trials)}{count}"
    parts = (f"trial {trial.number:3d}: {count.outcome(trial)}", best, str(watch))
    return f"{', '.join(parts)}  {_format.params(trial.params)}"


def _best(trials: Trials) -> str:
    return _format.best(trials.aims.goal, trials.ordered())
