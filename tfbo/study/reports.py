"""Reports of trials: stored, judged, and answered, whoever trains them."""

from __future__ import annotations

import math
import threading
import uuid

from tfbo._messages import warn
from tfbo.errors import TrialStateError
from tfbo.executors.reports import Desk
from tfbo.executors.run import GO_ON, HOPELESS, OVER, Run
from tfbo.study.advisor import Advisor
from tfbo.study.trials import Trials
from tfbo.trial import Trial

# After so many NaN in a row, a curve is taken to have no more numbers.
_LOST = 3


def answer(trials: Trials, advisor: Advisor, trial: Trial | int, step: int, value: float) -> str:
    """Store a point of the curve of a running trial, and answer whether it goes on; see `Study.report`."""
    found = trials.running(trial)
    if found.until is not None and step > found.until:
        warn(
            "A trial reported a step beyond the one until which it was to be trained: it is dropped. "
            "Train until run.until (of ask and tell: trial.until), or return where a report answers False."
        )
        return OVER
    reported = trials.report(found, step, value)
    if step == trials.last:
        return GO_ON  # there is nothing left to save
    points = list(reported.curve.values())[-_LOST:]
    if len(points) == _LOST and not any(map(math.isfinite, points)):
        return HOPELESS
    return HOPELESS if advisor.hopeless([reported]) else GO_ON


class Reports:
    """The runs that are under way, and a desk that answers what they report.

    Reports of a run that has ended, or whose time is up, find that it is over.
    """

    def __init__(self, trials: Trials, advisor: Advisor, host: str | None = None) -> None:
        self._trials = trials
        # The desk knows the register and not these reports: else they would know each other, and the file
        # of a study that is dropped would stay open until garbage is collected.
        self._register = _Register(trials, advisor)
        self.desk = Desk(self._register.answer, host)

    def begin(self, trial: Trial) -> Run:
        """The run of a trial that was started."""
        name = uuid.uuid4().hex
        self._register.runs[name] = trial.number
        folder = self._trials.checkpoints.folder(trial.number)
        return Run(trial.number, trial.start or 0, trial.until, folder, self.desk, name=name)

    def end(self, run: Run) -> None:
        """Forget a run: what it reports from now on counts no more."""
        self._register.end(run.name)


class _Register:
    """The runs that are under way, by their names, and the answers to their reports."""

    def __init__(self, trials: Trials, advisor: Advisor) -> None:
        self._trials = trials
        self._advisor = advisor
        self.runs: dict[str, int] = {}
        """Numbers of trials."""
        self._attempts: dict[str, str] = {}
        self._given_up: set[str] = set()
        self._lock = threading.Lock()

    def end(self, run: str) -> None:
        """Forget a run."""
        with self._lock:
            self.runs.pop(run, None)
            self._attempts.pop(run, None)

    def answer(self, run: str, attempt: str, step: int, value: float) -> str:
        """See `Report`."""
        with self._lock:
            number = self.runs.get(run)
            if number is None:
                return OVER
            if self._attempts.setdefault(run, attempt) != attempt:
                # Its worker died, and another one has begun it again.
                self._attempts[run] = attempt
                self._given_up.discard(run)
                self._trials.begin_again(number)
        try:
            answered = answer(self._trials, self._advisor, number, step, value)
        except TrialStateError:
            if run not in self.runs:  # it has ended meanwhile
                return OVER
            raise
        if run in self._given_up and answered == GO_ON and step != self._trials.last:
            answered = HOPELESS
        if run in self._given_up and answered == HOPELESS:
            warn("A trial goes on after a report has answered False. Return the value then.")
        if answered == HOPELESS:
            self._given_up.add(run)
        return answered
