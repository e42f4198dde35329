"""tfbo: a study with a fidelity, asked, reported to and told.

On a table the strategy chooses among its rows, by a chooser of `Bayes` and a strategy of their own, so
that nothing is rounded; the handicapped variant trains the nearest row and amends the trial.
"""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

from typing import Any, ClassVar

from suites.base import Parameter

from curves.runs import Job, Policy
from curves.tasks import Pool, Table, Task


class Tfbo(Policy):
    """The default strategy."""

    imports = ("tfbo", "tensorflow")
    exact: ClassVar[bool] = True
    """Whether it chooses among the rows of a table."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        import tfbo

        super().__init__(task, pool, seed)
        fidelity = tfbo.Fidelity(self.low, task.steps, name="epoch", factor=3)
        space, strategy = _space(task.parameters), self.strategy()
        self.study = tfbo.Study(space, seed=seed, strategy=strategy, fidelity=fidelity)
        self.keys: dict[int, int] = {}
        self.trials: dict[int, Any] = {}

    @property
    def low(self) -> int:
        """The first rung."""
        return 1

    def strategy(self) -> Any:
        """The strategy of the study."""
        import tfbo

        if not (self.exact and isinstance(self.task, Table)):
            return tfbo.strategies.Bayes()
        rows = _rows(self.task)
        return tfbo.strategies.Bayes(initial=rows.drawn, chooser=rows.chooser)

    def configurations(self) -> Any:
        """Random configurations: rows of a table."""
        import tfbo

        if not isinstance(self.task, Table):
            return tfbo.strategies.Random()
        return _rows(self.task).drawn

    def next(self) -> Job | None:
        trial = self.study.ask()
        if trial.number not in self.keys:
            key = self.pool.take(trial.params)
            if self.pool.params(key) != trial.params:
                trial = self.study.amend(trial, self.pool.params(key))
            self.keys[trial.number] = key
        job = Job(self.keys[trial.number], trial.start, trial.until)
        self.trials[job.key] = trial
        return job

    def report(self, job: Job, step: int, loss: float) -> bool:
        return self.study.report(self.trials[job.key], step, loss)

    def finish(self, job: Job, step: int, loss: float) -> None:
        trial = self.trials.pop(job.key)
        self.study.tell(trial, loss, state=None if step == job.until else "stopped")


class TfboNearest(Tfbo):
    """The default strategy, which knows of no rows: the nearest is trained."""

    exact = False


class TfboHyperband(Tfbo):
    """Its Hyperband, of random configurations."""

    def strategy(self) -> Any:
        import tfbo

        return tfbo.strategies.Hyperband(configurations=self.configurations())


class TfboHalving(Tfbo):
    """Its successive halving, of random configurations."""

    def strategy(self) -> Any:
        import tfbo

        return tfbo.strategies.SuccessiveHalving(configurations=self.configurations())


class TfboFull(Tfbo):
    """The default strategy on full trainings, as if there were no steps."""

    def __init__(self, task: Task, pool: Pool, seed: int) -> None:
        import tfbo

        super().__init__(task, pool, seed)
        self.study = tfbo.Study(_space(task.parameters), seed=seed, strategy=self.strategy())

    def next(self) -> Job | None:
        trial = self.study.ask()
        key = self.pool.take(trial.params)
        if self.pool.params(key) != trial.params:
            trial = self.study.amend(trial, self.pool.params(key))
        self.trials[key] = trial
        return Job(key, 0, self.task.steps)

    def report(self, job: Job, step: int, loss: float) -> bool:
        return True


def _space(parameters: tuple[Parameter, ...]) -> Any:
    import tfbo

    kinds = {"int": tfbo.Int, "float": tfbo.Float}
    return tfbo.Space(
        {p["name"]: kinds[p["kind"]](p["low"], p["high"], log=p["log"]) for p in parameters}
    )


def _rows(table: Table) -> Any:
    """The rows of a table; the same object for all tables of a folder, so that programs are kept."""
    from curves import rows

    key = table.x.tobytes()
    if key not in _kept:
        _kept[key] = rows.Rows(
            _space(table.parameters), [table.params(i) for i in range(len(table.x))]
        )
    return _kept[key]


_kept: dict[bytes, Any] = {}
