"""Trials of a search that fail: what the user sees of them, and when there are too many."""

from __future__ import annotations

import re
import sysconfig

from tfbo import _format
from tfbo._messages import PACKAGE, printable, warn
from tfbo.errors import ObjectiveError
from tfbo.executors import objectives
from tfbo.study.trials import Trials
from tfbo.trial import COMPLETE, FAILED, UNEXPLAINED, Trial

_FRAME = re.compile(r'File "(.+)", line (\d+), in (.+)')
# Code of the user is not in these folders.
_OTHERS = (
    PACKAGE,
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    "<frozen ",
)


class Failures:
    """Counts failed trials of a search: `most` before one is complete are too many; warns of each cause."""

    def __init__(self, trials: Trials, most: int | None) -> None:
        self._trials = trials
        self._most = most
        self._told = 0
        self._failed = 0
        self._first: tuple[Trial, BaseException | None] | None = None
        self._causes: set[tuple[str | None, str]] = set()

    def note(self, trial: Trial, error: BaseException | None) -> None:
        """Take in a trial that was told; of a failed one, with the exception where it is at hand."""
        if trial.is_interrupted:
            return
        self._told += 1
        if trial.state != FAILED:
            return
        self._failed += 1
        self._first = self._first or (trial, error)
        # The text of an error may differ from trial to trial, the place and the kind of error do not.
        what = (trial.reason or "").split(":")[0]
        cause = trial.kind, what + (_place(trial) or "")
        if cause not in self._causes:
            self._causes.add(cause)
            advice = "The search goes on without it, and stays away from its configuration."
            warn(_format.cause(trial.kind, _described(trial), advice))

    @property
    def too_many(self) -> bool:
        """True where the search has to end, for the first trials all failed."""
        if self._most is None or self._failed < self._most or self._failed < self._told:
            return False
        return not any(trial.state == COMPLETE for trial in self._trials.ordered())

    def conclude(self) -> None:
        """Say at the end that every trial failed: ObjectiveError for too many, else a warning."""
        if self._first is None or self._failed < self._told:
            return
        trial, error = self._first
        first = f"the first failure ({trial.kind}): {_described(trial)}"
        if not self.too_many:
            if self._failed > 1:  # of a single one it has just been said
                warn(f"All {self._failed} trials of this search failed; {first}")
            return
        stored = "" if error is not None or trial.traceback is None else f"\n{trial.traceback}"
        raise ObjectiveError(
            f"The first {self._failed} trials of this search all failed, so it ended; {first} All are "
            "kept in the study. Mend the objective and call this again; max_failures= allows more of "
            f"them, None any number.{stored}"
        ) from error


def _described(trial: Trial) -> str:
    """The reason of a failure in a line, with its place in the user's code and what may be meant."""
    reason = trial.reason or UNEXPLAINED
    place = _place(trial)
    where = "" if place is None else f", {place}"
    return _format.sentence(printable(f"{reason}{where}{objectives.hint(reason)}"))


def _place(trial: Trial) -> str | None:
    """The last line of the user's own code in the traceback of a failure."""
    frames = _FRAME.findall(trial.traceback or "")
    own = [frame for frame in frames if not frame[0].startswith(_OTHERS)]
    if not own:
        return None
    path, line, function = own[-1]
    return f"at {path}:{line}, in {function}"
