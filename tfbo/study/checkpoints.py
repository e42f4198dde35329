"""Checkpoints of trials: a folder each, for as long as it may go on from there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from tfbo.storage import Storage
from tfbo.trial import Goal, Goals, Trial

_LONGEST = 100  # characters of a study's name in a path


class Checkpoints:
    """Folders of the trials of a study, beside its file, or temporary ones where it has none.

    A trial that has ended needs none any more, but for the best complete one, or those on the front of
    several objectives, whose results are the ones to use.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self._root: Path | None = None
        self._lock = threading.Lock()
        if storage.path is not None:
            self._root = Path(f"{os.path.abspath(storage.path)}-checkpoints") / _as_name(study)

    def folder(self, number: int) -> str:
        """Path of a trial's folder; whoever needs it makes it."""
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="tfbo-checkpoints-"))
                weakref.finalize(self, _remove, self._root, os.getpid())
        return str(self._root / str(number))

    def clean(self, trials: Iterable[Trial], goal: Goal | Goals) -> None:
        """Remove the folders of trials that have ended, but those of the best complete ones."""
        if self._root is None or not self._root.is_dir():
            return
        finished = {str(trial.number): trial for trial in trials if trial.is_finished}
        best = goal.front(finished.values())
        for name in os.listdir(self._root):
            if name in finished and finished[name] not in best:
                shutil.rmtree(self._root / name, ignore_errors=True)


def _as_name(study: str) -> str:
    """A study's name as one of a folder: anything but letters and digits is written as in a URL."""
    quoted = quote(study, safe=" ").replace(".", "%2E")
    if len(quoted) <= _LONGEST:
        return quoted
    return f"{quoted[:_LONGEST]}-{hashlib.sha256(study.encode()).hexdigest()[:16]}"


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # and not in a child that was forked
        shutil.rmtree(folder, ignore_errors=True)
