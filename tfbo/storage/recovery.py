"""Recovery of trials that lost the process that ran them."""

from __future__ import annotations

import dataclasses
import sqlite3
import time

from tfbo.storage import rows
from tfbo.storage.base import damaged, shown
from tfbo.storage.processes import is_gone
from tfbo.trial import KILLED, RUNNING, WAITING, Failure, Trial


def find(db: sqlite3.Connection, study: str) -> list[tuple[Trial, int]]:
    """Running trials of owners that are gone, by number, each with how often that has happened to it."""
    found = db.execute(
        "SELECT t.owner, attempts, coalesce(? - beat, 0), coalesce(patience, 0), "
        f"{rows.columns(rows.TRIAL)} FROM trials t LEFT JOIN owners o ON t.owner = o.owner"
        " WHERE study = ? AND t.owner IS NOT NULL AND state = ? ORDER BY number",
        (time.time(), study, RUNNING),
    )
    losses = []
    for owner, attempts, silence, patience, *row in found:
        trial = rows.read_trial(study, row)
        part = f"trial {trial.number} of "
        if not rows.is_count(attempts):
            why = f"attempts: expected a whole number >= 0, got {shown(attempts)}"
            raise damaged(study, why, part=part)
        try:
            gone = is_gone(owner, silence, patience)
        except (TypeError, ValueError) as error:
            raise damaged(study, f"owner: {shown(owner)} is {error}", part=part) from error
        if gone:
            losses.append((trial, attempts + 1))
    return losses


def after(trial: Trial, times: int, retries: int) -> Trial:
    """The trial as it goes on: it waits for another try, or has failed where it had its tries."""
    if times <= retries:
        return dataclasses.replace(trial, state=WAITING, started=None)
    reason = "its process died or went silent" + (f" {times} times" if times > 1 else "")
    return Failure(KILLED, reason).finish(trial, time.time())
