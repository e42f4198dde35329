"""Upkeep of staged trials: those that lose their worker, and paused ones that have become hopeless."""

from __future__ import annotations

import collections
import logging

from tfbo._messages import warn
from tfbo.errors import TrialStateError
from tfbo.executors.objectives import Evaluated
from tfbo.study import stages
from tfbo.study.advisor import Advisor
from tfbo.study.trials import Trials
from tfbo.trial import PAUSED, LastPoint, Trial

_LOGGER = logging.getLogger("tfbo")


class Upkeep:
    """Care for trials with stages in a search, beside starting and telling them."""

    def __init__(self, trials: Trials, advisor: Advisor) -> None:
        self._trials = trials
        self._advisor = advisor
        self._deaths: collections.Counter[int] = collections.Counter()
        """Number of times that a trial has lost its worker."""
        self._silent = False
        """True where it has been said that nothing is reported."""

    @property
    def is_needed(self) -> bool:
        """True where trials have stages."""
        return self._trials.fidelity is not None

    def tries_again(self, trial: Trial) -> bool:
        """Have a trial whose worker died wait for another one, if not too often; it keeps its curve."""
        if not self.is_needed or self._deaths[trial.number] >= self._trials.retries:
            return False
        self._deaths[trial.number] += 1
        _LOGGER.warning("Trial %d lost its worker; its stage is tried again.", trial.number)
        warn("A worker died while it trained a trial, whose stage is tried again.")
        self._trials.put_back(trial)
        return True

    def check_reports(self, told: Trial, evaluated: Evaluated) -> None:
        """Say, once, where nothing is reported, so that no trial can be ended within a stage."""
        silent = evaluated.reports == 0 and evaluated.raised is None and stages.length(told) > 1
        if silent and not self._silent:
            self._silent = True
            warn(
                "The objective reports nothing, so that a hopeless trial is trained until run.until. Call "
                "run.report(step, value) as it trains, and return where that is False."
            )

    def end_hopeless(self) -> int:
        """End the paused trials that are hopeless by now; their number."""
        ended = 0
        paused = [trial for trial in self._trials.ordered() if trial.state == PAUSED]
        for number in sorted(self._advisor.hopeless(paused) if paused else ()):
            try:
                self._trials.tell(number, LastPoint())
                ended += 1
            except TrialStateError:  # another process has it go on, or has ended it
                _LOGGER.debug("trial %d is not ended", number, exc_info=True)
        return ended
