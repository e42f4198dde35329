"""TensorBoard's view of a study (the extra `tensorboard`): HParams, curves, the best value so far."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from tfbo.errors import invalid
from tfbo.integrations.tensorboard import journal
from tfbo.study import Study
from tfbo.trial import COMPLETE, Goal, Trial


class TensorBoardCallback:
    """Logs a study for TensorBoard: `tensorboard --logdir logs` shows it while it runs.

    The HParams page has the trials as a table, in parallel coordinates and in scatter plots. Among
    the curves, `objective` has the value of each trial and, in the run `search`, of one after the
    other; `best_so_far` has the best of them. Under a tuner of `tfbo.keras` each trial also has
    Keras's curves by epoch. A failed trial has the status "failure" and a text with its reason.

    A trial that reports a learning curve has it as `objective_by_step`, or whatever a step of the
    study's fidelity is called. The objective is that of the last step: a trial that was stopped before
    has none, the status "unknown", and a text with the step and the value there.

    Pass it in `callbacks=` of `Study.optimize`, or of a tuner's `search`. The runs are in a folder of
    `logdir` that is named after the study. A study that goes on later, or in another process, goes on
    there: trials that are logged already are left alone, those that are not are added.

    With several objectives or constraints each outcome is a column and a curve by its name, and
    `violation/mb <= 10` is how far a trial breaks a constraint, 0 where it holds. With constraints
    `best_so_far` is of feasible trials. Several objectives have `hypervolume` instead: what
    `Study.hypervolume` says after each trial. It begins at the study's `reference`, and rises only; without
    one it begins at a point inferred from the front up to that trial, which moves, so that it may fall.

    A trial's parameters that are not active are blank. Parallel coordinates show only trials that
    have all columns that are ticked: untick a conditional parameter to see all.

    Args:
        logdir: a folder on a local disk; made where there is none.

    Raises:
        InvalidArgument: for what is no path, or is a file.
        ImportError: where TensorBoard is not installed; TensorFlow 2.21 does not bring it any more.

    Example:
        >>> import tempfile, tfbo
        >>> from tfbo.integrations.tensorboard import TensorBoardCallback
        >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(-5.0, 5.0)}), seed=0)
        >>> board = TensorBoardCallback(tempfile.mkdtemp())
        >>> study = study.optimize(lambda p: p["x"] ** 2, n_trials=2, callbacks=[board])
        >>> sorted(path.name for path in (board.logdir / "study").iterdir() if path.is_dir())
        ['search', 'space-1', 'trial-0000', 'trial-0001']
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        if not isinstance(logdir, (str, os.PathLike)) or Path(logdir).is_file():
            raise invalid("logdir", "the path of a folder", logdir, 'For example "logs".')
        try:
            import tensorboard.plugins.hparams  # noqa: F401
        except ImportError:
            raise ImportError(
                "TensorBoardCallback needs TensorBoard, which TensorFlow does not bring any more: "
                'pip install "tfbo[tensorboard]"'
            ) from None
        self.logdir = Path(logdir)
        self._folders: dict[tuple[str, float], Path] = {}

    def __call__(self, study: Study, trial: Trial) -> None:
        """Log this trial, and all others that are finished and not logged yet."""
        folder = self._folder(study)
        with journal.transaction(folder) as db:
            _write_space(folder, study)
            known = journal.logged(db)
            trials = study.trials
            new = [t for t in trials if t.is_finished and t.number not in known]
            new.sort(key=lambda trial: (trial.finished or 0.0, trial.number))
            for finished in new:
                _write_trial(folder, study, finished)
                journal.add(db, finished.number)
            before = [trial for trial in trials if trial.number in known]
            volumes = _hypervolumes(study, before, new)
            extend_history(folder, db, new, len(known), Goal(study.direction), volumes=volumes)
            _extend_curves(folder, db, study)

    def epoch(self, study: Study, trial: Trial, epoch: int, logs: Mapping[str, Any]) -> None:
        """Log an epoch, from 0, of a running trial, as Keras logs it; `tfbo.keras` calls this."""
        from tfbo.integrations.tensorboard import events

        folder = self._folder(study)
        now = time.time()
        began = trial.started or now
        path = _run(folder, trial) / _file(trial.started or 0.0, "epochs")
        content = events.scalars(logs, step=epoch, at=now)
        if not path.exists():
            with journal.transaction(folder):
                _write_space(folder, study)
            path.parent.mkdir(exist_ok=True)
            # A trial that died half-way and is run again has epochs of an earlier start.
            for earlier in path.parent.glob("*.epochs"):
                earlier.unlink()
            start = events.start(trial, _name(folder, trial), study.space, at=began)
            content = events.head(began) + start + content
        with path.open("ab") as file:
            file.write(content)

    def _folder(self, study: Study) -> Path:
        key = (study.name, study.stored_trials.record.created)
        if key not in self._folders or not self._folders[key].is_dir():
            self._folders[key] = journal.folder(self.logdir, study)
        return self._folders[key]


def _run(folder: Path, trial: Trial) -> Path:
    return folder / f"trial-{trial.number:04d}"


def _name(folder: Path, trial: Trial) -> str:
    return f"{folder.name}/{_run(folder, trial).name}"


def _file(seconds: float, what: str) -> str:
    """Name of an event file; TensorBoard reads those of a run in the order of their names."""
    return f"events.out.tfevents.{int(1000 * seconds):014d}.{what}"


def _write_space(folder: Path, study: Study) -> None:
    """Log the columns of the HParams page, and again where the space has grown.

    They are a run of their own, which is replaced then: TensorBoard keeps the first columns that it
    finds in a run, even where it reads others there later.
    """
    from tfbo.integrations.tensorboard import events

    earlier = [path for path in folder.glob("space-*") if path.is_dir()]
    if any(int(path.name.partition("-")[2]) >= len(study.space) for path in earlier):
        return
    now = time.time()
    content = events.head(now) + events.space(study.space, _metrics(study), at=now)
    _replace(folder / f"space-{len(study.space)}" / _file(now, "space"), content)
    for path in earlier:
        shutil.rmtree(path, ignore_errors=True)


def _write_trial(folder: Path, study: Study, trial: Trial) -> None:
    from tfbo.integrations.tensorboard import events

    finished = trial.finished or time.time()
    started = trial.started or finished
    content = events.head(started)
    content += events.start(trial, _name(folder, trial), study.space, at=started)
    content += events.end(trial, _step_name(study), at=finished)
    _replace(_run(folder, trial) / _file(finished, "result"), content)


def _extend_curves(folder: Path, db: Connection, study: Study) -> None:
    """Log the points of all curves that are not logged yet, those of running and paused trials too."""
    from tfbo.integrations.tensorboard import events

    known = journal.curves(db)
    for trial in study.trials:
        step, length = known.get(trial.number, (0, 0))
        new = {at: value for at, value in trial.curve.items() if at > step}
        if not new:
            continue
        began = trial.started or time.time()
        content = b""
        if length == 0:
            content = events.head(began)
            content += events.start(trial, _name(folder, trial), study.space, at=began)
        for at, value in new.items():
            moment = _moment(trial, at)
            content += events.scalar(
                f"{events.OBJECTIVE}_by_{_step_name(study)}", value, step=at, at=moment
            )
        path = _run(folder, trial) / _file(0.0, "curve")
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            # What a process wrote that was killed before it could note it.
            file.truncate(length)
            file.write(content)
            file.flush()
            journal.set_curve(db, trial.number, max(new), os.fstat(file.fileno()).st_size)


def _metrics(study: Study) -> dict[str, str]:
    """Names of the columns of outcomes, by their tags."""
    from tfbo.integrations.tensorboard import events

    aims = study.stored_trials.aims
    shown = (
        {}
        if aims.goals is not None
        else {events.OBJECTIVE: f"{events.OBJECTIVE} ({study.direction})"}
    )
    if aims.metrics.is_plain:
        return shown
    directions = {name: f" ({way})" for name, way in study.objectives.items()}
    shown |= {name: f"{name}{directions.get(name, '')}" for name in aims.metrics.names}
    return shown | {f"{events.VIOLATION}{text}": f"violation of {text}" for text in aims.texts}


def _hypervolumes(study: Study, before: list[Trial], new: list[Trial]) -> dict[int, float]:
    """Hypervolume of the front after each new trial, by its number; none with one objective."""
    goals = study.stored_trials.aims.goals
    if goals is None:
        return {}
    best, found = goals.front(before), {}
    for trial in new:
        best = goals.front([*best, trial])
        found[trial.number] = goals.hypervolume(best)
    return found


def _step_name(study: Study) -> str:
    return "step" if study.fidelity is None else study.fidelity.name


def _moment(trial: Trial, step: int) -> float:
    """Time of a step, as if all steps of a run took as long."""
    end, first, last = trial.finished or time.time(), trial.start or 0, trial.reached or 0
    began = trial.started or end
    share = (step - first) / (last - first) if last > first else 1.0
    return began + max(0.0, share) * (end - began)


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole, so that TensorBoard never sees half of one."""
    path.parent.mkdir(exist_ok=True)
    # TensorBoard takes any file for one of its own that has "tfevents" in its name.
    draft = path.with_name("draft")
    draft.write_bytes(content)
    draft.replace(path)


def extend_history(
    folder: Path,
    db: Connection,
    new: list[Trial],
    before: int,
    goal: Goal,
    *,
    volumes: Mapping[int, float],
) -> None:
    """Log trials in the order of finishing: TensorBoard drops later steps where an earlier one comes."""
    from tfbo.integrations.tensorboard import events

    length, best = journal.history(db)
    path = folder / "search" / _file(0.0, "history")
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        # What a process wrote that was killed before it could note it.
        file.truncate(length)
        for step, trial in enumerate(new, start=before):
            at = trial.finished or time.time()
            if file.tell() == 0:
                file.write(events.head(at))
            if trial.state == COMPLETE and trial.value is not None:
                better = trial.is_feasible and goal.better(trial.value, than=best)
                best = trial.value if better else best
                file.write(events.scalar(events.OBJECTIVE, trial.value, step=step, at=at))
            if trial.state == COMPLETE:
                file.write(events.scalars(trial.values, step=step, at=at))
            file.write(events.violations(trial, step=step, at=at))
            if trial.number in volumes:
                file.write(events.scalar(events.VOLUME, volumes[trial.number], step=step, at=at))
            if best is not None:
                file.write(events.scalar(events.BEST, best, step=step, at=at))
        file.flush()
        journal.set_history(db, os.fstat(file.fileno()).st_size, best)
