"""Owners of trials: the processes that run them, by a name in the storage, and signs that one is gone."""

from __future__ import annotations

import json
import logging
import os
import socket
import uuid
from pathlib import Path
from typing import NamedTuple

from tfbo.storage.base import Storage

_LOGGER = logging.getLogger("tfbo")


class _Owner(NamedTuple):
    """Runner of trials: one study object of one process."""

    host: str
    pid: int
    started: int | None
    """In clock ticks since the host started: it tells processes of one number apart."""
    token: str
    """Of the study object."""
    namespace: int | None = None
    """Of process numbers: containers may share the name of a host, and number processes anew."""


def new_owner() -> str:
    """A name for one study object of this process, which runs trials."""
    return json.dumps(_here(uuid.uuid4().hex[:8]))


def is_gone(owner: str, silence: float = 0.0, patience: float = 0.0) -> bool:
    """True where a process will most likely not tell what it runs: it is dead, or silent for too long.

    Seconds of `silence` are those since its last sign of life, 0 where none is expected. After
    `patience` seconds it is given up: it is frozen, or was on another host or in another container, of
    whose processes nothing can be known here. ValueError for a text that names no owner.
    """
    who, here = _parse(owner), _here("")
    if who._replace(token=here.token) == here:
        return False  # whatever kept it from giving signs: it asks this
    # An older tfbo did not write the namespace down.
    beside = who.host == here.host and who.namespace in (None, here.namespace)
    return silence > patience or (beside and not _runs(who))


def _here(token: str) -> _Owner:
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = None
    pid = os.getpid()
    return _Owner(socket.gethostname(), pid, _started(pid), token, namespace)


def _parse(owner: str) -> _Owner:
    try:
        who = _Owner(*json.loads(owner))
        sound = who.pid > 0 and isinstance(who.pid, int)
    except (TypeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError("no name of a process")
    return who


def _runs(who: _Owner) -> bool:
    try:
        os.kill(who.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is there, but another user's
        pass
    return who.started is None or _started(who.pid) == who.started


def _started(pid: int) -> int | None:
    """Start of a process in ticks; -1 for one that has ended, None where it cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return -1 if state in "ZX" else int(rest[18])


def release_at_end(storage: Storage, owner: str, pid: int) -> None:
    """Release the trials of an owner, if this is its process and no child of it; no error is raised."""
    if os.getpid() != pid:
        return
    try:
        storage.release(owner)
    except Exception:  # the interpreter is going down: a dead owner is found out later anyway
        _LOGGER.debug("could not release the trials of %s", owner, exc_info=True)
