"""Ask and tell: the conversation of a study with whoever runs its trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from tfbo import _arguments
from tfbo.errors import invalid
from tfbo.executors.run import GO_ON, Run
from tfbo.space import Params, Space
from tfbo.space.parameters import Parameter
from tfbo.study import reports
from tfbo.study.ask import ask, foresee
from tfbo.study.results import Results
from tfbo.trial import Trial, outcome_of


class Dialogue(Results):
    """A study that is asked for trials and told their outcomes; see `Study`, which adds to it."""

    @overload
    def ask(self) -> Trial: ...

    @overload
    def ask(self, q: int) -> list[Trial]: ...

    def ask(self, q: int | None = None) -> Trial | list[Trial]:
        """Start the next trials: enqueued configurations first, then suggestions of the strategy.

        A trial that is asked for belongs to no process: it is pending until anybody tells it, and later
        suggestions reckon with it. In a study with a fidelity it is to be trained from its step `start` to
        `until`: it may be one that had paused, under its number.

        A program that was ended finds its trials in `study.trials`, in state "running", and tells them by
        their numbers, or gives them up by `study.tell(trial, state="failed", kind="interrupted")`, which
        says nothing of a configuration.

        Args:
            q: how many trials, chosen jointly, as a list; None for one trial by itself.

        Raises:
            SpaceExhausted: where a finite space has fewer untried configurations, unless outcomes are
                noisy; see `Bayes`.
        """
        if q is not None:
            q = _arguments.count("q", q, "Leave it out for one trial by itself.")
        count = 1 if q is None else q
        advisor = self.advisor
        asked = ask(
            self.stored_trials, advisor.suggest, count, first=advisor.first_stage, owned=False
        )
        return asked[0] if q is None else asked

    def suggestion(self) -> Params:
        """Configuration that the next `ask` would start; nothing is stored. Raises as `ask`."""
        self.stored_trials.sync()
        return foresee(self.stored_trials, self.advisor.suggest)

    def tell(
        self,
        trial: Trial | int,
        value: Any = None,
        *,
        std: Any = None,
        state: str | None = None,
        kind: str | None = None,
        reason: str | None = None,
        traceback: str | None = None,
    ) -> None:
        """Tell the outcome of a trial; it is stored when this returns.

        A result counts whenever it comes: also of a trial that waits again since its process was thought
        dead, or that was given up ("killed", "interrupted"), whose failure it replaces.

        Args:
            trial: the trial, or its number.
            value: the objective's value; NaN or infinity make the trial a failed one. With several
                objectives or constraints a dict by name: what constraints are about may be left out, and
                of a failed trial all that is not known. Several objectives alone also as a sequence.
            std: standard error of the value, in its units, >= 0, where it is known: of a mean of
                repeats, their standard deviation over the root of their number. Or a dict by name.
            state: "complete", "stopped" or "failed"; by default what the value says. In a study with a
                fidelity that is paused, where `trial.until` is not the last step. One that is stopped
                needs no value where its curve has one.
            kind: of a failure: "error", "nan", "out of memory", "timeout", "killed", or "interrupted",
                which says nothing about the configuration: so a pending trial is given up.
            reason: of a failure, in a line.
            traceback: of the exception behind a failure.

        Raises:
            TrialStateError: for a trial that is unknown or has been told already.
            InvalidArgument: for a value or std that is not a number, or a contradiction of arguments.
            StorageError: where the outcome could not be stored; the call can be repeated.
        """
        metrics = self.stored_trials.aims.metrics
        outcome = outcome_of(value, std, state, kind, reason, traceback, metrics=metrics)
        self.stored_trials.tell(trial, outcome)

    def report(self, trial: Trial | int, step: int, value: Any) -> bool:
        """Report a point of the learning curve of a running trial; it is stored when this returns.

        Args:
            trial: the trial, or its number.
            step: how many steps, such as epochs, it has been trained for, from 1 on; steps may be left out.
            value: the objective's value there, of several that of the first; NaN where there is none.

        Returns:
            False where the trial is hopeless: end it, by `tell(trial, value, state="stopped")`. So is one
            that has had no number at three points in a row. False, too, beyond `trial.until`.

        Raises:
            TrialStateError: for a trial that does not run.
            InvalidArgument: for a step that is not after the last one, or a value that is not a number.
        """
        checked = _arguments.count("step", step, "Steps are counted from 1.")
        number = _arguments.as_float(value)
        if number is None:
            raise invalid("value", "a number", value, "NaN where there is none at this step.")
        answer = reports.answer(self.stored_trials, self.advisor, trial, checked, number)
        return answer == GO_ON

    def run(self, trial: Trial | int) -> Run:
        """The run of a trial that was asked for: what the objective of `optimize` gets.

        It reports to this study, from other processes of this machine too. Tell what comes of it: after a
        report that answered False, with state="stopped".

        Raises:
            TrialStateError: for a trial that does not run.

        Example:
            >>> import tfbo
            >>> space = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})
            >>> study = tfbo.Study(space, fidelity=tfbo.Fidelity(1, 9), seed=0)
            >>> trial = study.ask()
            >>> run = study.run(trial)
            >>> run.report(run.start + 1, 0.5)
            True
        """
        return self.runs.begin(self.stored_trials.running(trial))

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have a configuration (a legal value for each active parameter) tried before any suggestion.

        With a fidelity it begins as any other does: with the strategies that train in stages, until the
        first rung. In `Hyperband` it is of no bracket, and is trained to the end.
        """
        return self.stored_trials.enqueue(params)

    def extend(self, parameters: Mapping[str, Parameter]) -> Space:
        """Add parameters (by name) to the space, which is stored; those that it has change nothing.

        Earlier trials lack the new ones, as if inactive. A later `Study` of the old space opens the new.
        Raises InvalidArgument for a name that is there with another parameter, and as for a new space.
        """
        self.stored_trials.extend(parameters)
        return self.space

    def amend(self, trial: Trial | int, params: Mapping[str, Any]) -> Trial:
        """Give a running trial other parameters than were suggested: those that it really has."""
        return self.stored_trials.amend(trial, params)
