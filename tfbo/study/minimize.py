"""`tfbo.minimize` and `tfbo.maximize`: a study in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tfbo._aliases import explained
from tfbo.space import Space
from tfbo.storage import Storage
from tfbo.study import Objective, Study
from tfbo.trial import Fidelity

if TYPE_CHECKING:
    from tfbo.strategies import EarlyStopping


@explained
def minimize(
    objective: Objective,
    space: Space,
    *,
    n_trials: int | None = None,
    total: int | None = None,
    total_steps: int | None = None,
    seed: int | None = None,
    storage: Storage | str | os.PathLike[str] | None = None,
    name: str = "study",
    strategy: Any = None,
    device: str | None = None,
    fidelity: Fidelity | None = None,
    early_stopping: EarlyStopping | str | None = None,
    constraints: Sequence[str] = (),
    timeout: float | timedelta | None = None,
    target: float | None = None,
    patience: int | None = None,
    executor: Executor | str | None = None,
    n_jobs: int | None = None,
    gpus: Sequence[int | str] | None = None,
    trial_timeout: float | timedelta | None = None,
    progress: bool = False,
    max_failures: int | None = 5,
    interrupt: str = "raise",
) -> Study:
    """Search for the smallest value of an objective.

    Args:
        objective: from a dict of parameters to a number.
        space: what to search.
        n_trials: how many trials; see `Study.optimize` for this and the other limits.
        total: how many trials in the study, whoever starts them.
        total_steps: how many steps of a fidelity in all.
        seed: see `Study`.
        storage: see `Study`.
        name: see `Study`.
        strategy: see `Study`.
        device: see `Study`.
        fidelity: the steps in which trials are trained; see `Study`.
        early_stopping: see `Study`.
        constraints: on outcomes; the objective returns a dict then. See `Study`.
        timeout: see `Study.optimize`.
        target: see `Study.optimize`.
        patience: see `Study.optimize`.
        executor: where trials run, such as "process"; see `Study.optimize`.
        n_jobs: how many at once.
        gpus: a trial each at a time.
        trial_timeout: seconds for one trial.
        progress: see `Study.optimize`.
        max_failures: see `Study.optimize`.
        interrupt: "return" hands the study over after Ctrl-C, too; see `Study.optimize`.

    Returns:
        The study, with `best_params` and `best_value`.

    Raises:
        InvalidArgument: as `Study` and `Study.optimize`.
        ObjectiveError: as `Study.optimize`.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> result = tfbo.minimize(lambda p: (p["x"] - 2.0) ** 2, space, n_trials=15, seed=0)
        >>> abs(result.best_params["x"] - 2.0) < 0.1
        True
    """
    study = Study(
        space, direction="minimize", storage=storage, name=name, seed=seed, strategy=strategy,
        device=device, fidelity=fidelity, early_stopping=early_stopping, constraints=constraints,
    )  # fmt: skip
    return study.optimize(
        objective, n_trials=n_trials, total=total, total_steps=total_steps, timeout=timeout, target=target,
        patience=patience, executor=executor, n_jobs=n_jobs, gpus=gpus,
        trial_timeout=trial_timeout, progress=progress, max_failures=max_failures,
        interrupt=interrupt,
    )  # fmt: skip


@explained
def maximize(
    objective: Objective,
    space: Space,
    *,
    n_trials: int | None = None,
    total: int | None = None,
    total_steps: int | None = None,
    seed: int | None = None,
    storage: Storage | str | os.PathLike[str] | None = None,
    name: str = "study",
    strategy: Any = None,
    device: str | None = None,
    fidelity: Fidelity | None = None,
    early_stopping: EarlyStopping | str | None = None,
    constraints: Sequence[str] = (),
    timeout: float | timedelta | None = None,
    target: float | None = None,
    patience: int | None = None,
    executor: Executor | str | None = None,
    n_jobs: int | None = None,
    gpus: Sequence[int | str] | None = None,
    trial_timeout: float | timedelta | None = None,
    progress: bool = False,
    max_failures: int | None = 5,
    interrupt: str = "raise",
) -> Study:
    """Search for the largest value of an objective; arguments and result as for `minimize`.

    Example:
        >>> import tfbo
        >>> space = tfbo.Space({"x": tfbo.Float(-5.0, 5.0)})
        >>> result = tfbo.maximize(lambda p: -((p["x"] - 2.0) ** 2), space, n_trials=15, seed=0)
        >>> abs(result.best_params["x"] - 2.0) < 0.1
        True
    """
    study = Study(
        space, direction="maximize", storage=storage, name=name, seed=seed, strategy=strategy,
        device=device, fidelity=fidelity, early_stopping=early_stopping, constraints=constraints,
    )  # fmt: skip
    return study.optimize(
        objective, n_trials=n_trials, total=total, total_steps=total_steps, timeout=timeout, target=target,
        patience=patience, executor=executor, n_jobs=n_jobs, gpus=gpus,
        trial_timeout=trial_timeout, progress=progress, max_failures=max_failures,
        interrupt=interrupt,
    )  # fmt: skip
