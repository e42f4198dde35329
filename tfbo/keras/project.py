"""The folder of a search: the study, the definitions, and a folder for each trial."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from tfbo.storage import SQLiteStorage

_LOGGER = logging.getLogger("tfbo")

STUDY = "study.db"
DEFINITIONS = "study.json"
_STATE = "state.{}.json"
_TRIALS = "trials"
_TRIAL = "trial.json"
CHECKPOINT = "checkpoint.weights.h5"
BUILD = "build.json"
STAGE = "stage{}."
"""Prefix of what is kept of a training that goes on; by the execution of the trial."""
CALLBACKS = "callbacks.npz"
_TRIAL_FILES = (_TRIAL, CHECKPOINT, f"draft.{CHECKPOINT}", BUILD, STAGE.format("*") + "*")


class Project:
    """The folder `<directory>/<project_name>`; a temporary one where neither is given."""

    def __init__(self, directory: Any, project_name: str | None) -> None:
        self.name = project_name or "untitled_project"
        self._is_temporary = directory is None and project_name is None
        if self._is_temporary:
            directory = tempfile.mkdtemp(prefix="tfbo-")
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
            _LOGGER.info(
                "Without directory= and project_name= the search is kept in memory and its weights in "
                "the temporary folder %s: it ends with this process.",
                directory,
            )
        self.directory: Any = directory or "."
        self._where = self._folder.absolute()

    @property
    def _folder(self) -> Path:
        return Path(self.directory) / self.name

    @property
    def path(self) -> Path:
        """The folder, also after a change of the working directory; made where there is none."""
        path = self._folder if self._folder.absolute() == self._where else self._where
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def study(self) -> str | None:
        """The file of the study; None for one in memory."""
        return None if self._is_temporary else str(self.path / STUDY)

    @property
    def is_begun(self) -> bool:
        """True where it has a study."""
        return (self._where / STUDY).exists()

    def trial(self, trial_id: Any) -> Path:
        """The folder of a trial; made where there is none."""
        path = self.path / _TRIALS / str(trial_id)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def clear(self) -> None:
        """Delete what a search wrote here, and nothing else; StorageError where another program did."""
        if not self.is_begun:
            return
        path = self.path
        SQLiteStorage(path / STUDY, create=False).close()
        states = [_STATE.format(part) for part in ("oracle", "tuner")]
        databases = (f"{STUDY}{end}" for end in ("-wal", "-shm", "-journal", ""))
        for name in (DEFINITIONS, *states, *databases):
            (path / name).unlink(missing_ok=True)
        for folder in (path / _TRIALS).glob("*"):
            for path in (path for name in _TRIAL_FILES for path in folder.glob(name)):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
        for folder in (path / _TRIALS, path):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def read_definitions(self) -> dict[str, Any] | None:
        """Read the definitions; None where there are none."""
        return _read(self.path / DEFINITIONS)

    def write_definitions(self, content: dict[str, Any]) -> None:
        """Store the definitions of the hyperparameters."""
        _write(self.path / DEFINITIONS, content)

    def read_state(self, part: str) -> dict[str, Any] | None:
        """Read the state of "oracle" or "tuner"; None where there is none."""
        return _read(self.path / _STATE.format(part))

    def write_state(self, part: str, content: dict[str, Any]) -> None:
        """Store what a subclass keeps of "oracle" or "tuner"; nothing where there never was any."""
        path = self.path / _STATE.format(part)
        if content or path.exists():
            _write(path, content)

    def trial_ids(self) -> dict[int, str]:
        """The ids of the trials that have a folder, by number."""
        names = (path.name for path in (self.path / _TRIALS).glob("*"))
        return {int(name): name for name in names if name.isdecimal()}

    def read_trial(self, trial_id: str) -> dict[str, Any] | None:
        """Read what is stored of a trial beside the study; None where there is nothing."""
        path = self.path / _TRIALS / trial_id / _TRIAL
        return _read(path)

    def write_trial(self, trial_id: Any, content: dict[str, Any]) -> None:
        """Store what came of a trial, beside what the study has."""
        _write(self.trial(trial_id) / _TRIAL, content)


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write as a whole, so that a process that is killed leaves the old file or the new one."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(draft, path)
