"""Source of a tuner's trials: those that wait, those that the study suggests, and given parameters."""

from __future__ import annotations

from tfbo.errors import SpaceExhausted
from tfbo.space import Params
from tfbo.strategies import Suggestion
from tfbo.study import Study
from tfbo.study.ask import ask
from tfbo.trial import WAITING, Trial


class TrialSource:
    """Starts trials of a study, one at a time.

    Args:
        study: whose trials they are.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._held: Trial | None = None
        """Suggested, and not yet handed out."""

    def has_waiting(self) -> bool:
        """Tell if there are trials to be run again, or enqueued ones."""
        return any(trial.state == WAITING for trial in self._study.trials)

    def suggest(self, most: int | None) -> Trial | None:
        """Start what waits, or else what the study suggests; None where the space is exhausted.

        Args:
            most: how many trials there will be at most; None where that is open.
        """
        if len(self._study.trials):  # the first trial may be what sets up TensorFlow
            self._study.advisor.prepare(most)
        try:
            (self._held,) = ask(self._study.stored_trials, self._study.advisor.suggest, 1)
        except SpaceExhausted:
            self._held = None
        return self._held

    def take(self) -> Trial:
        """Hand out the trial that `suggest` started."""
        held, self._held = self._held, None
        assert held is not None
        return held

    def start(self, params: Params) -> Trial:
        """A running trial of these parameters, in place of what was suggested, if anything was."""
        if self._held is not None:
            return self._study.amend(self.take(), params)
        stored = self._study.stored_trials
        while True:
            stored.sync()
            started = stored.start(len(stored.by_number), [Suggestion(params, {})])
            if started:
                return started[0]

    def give_back(self) -> None:
        """Have what was suggested and is not run after all wait."""
        if self._held is not None:
            self._study.stored_trials.put_back(self._held)
        self._held = None
