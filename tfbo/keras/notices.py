"""Lines of a tuner around its trials, and warnings of what it was given and does not use."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfbo import _format
from tfbo._messages import say, warn
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.oracle import Oracle
from tfbo.keras.project import Project
from tfbo.keras.trial import Trial
from tfbo.study.incumbent import last_value
from tfbo.trial import PAUSED

IDLE = "populate_space() is idle: it is asked again until it has something to try"

_OF_CHIEFS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID")


def opening(oracle: Oracle) -> str | None:
    """First line of a search that goes on or is finished; None for a new one."""
    done = len(oracle.trials)
    if not done:
        return None
    paused = any(trial.state == PAUSED for trial in oracle.study.trials)
    if oracle.max_trials and done >= oracle.max_trials and not paused:
        return (
            f"all {done} trials have been run already{_best(oracle)}: raise max_trials= "
            "to go on, or start anew with overwrite=True"
        )
    total = f" of {oracle.max_trials}" if oracle.max_trials else ""
    where = oracle.study.location
    return f"going on with a search that has {done}{total} trials in {where}{_best(oracle)}"


def trying(oracle: Oracle, trial: Trial) -> str:
    """A trial that is about to run in a line: its number, what it tries, the best so far."""
    place = oracle.start_order.index(trial.trial_id or "") + 1 if trial.trial_id else 1
    total = f" of {oracle.max_trials}" if oracle.max_trials else ""
    values = _format.params(trial.hyperparameters.values)
    text = f"trial {trial.trial_id or '':>3} ({place}{total}) tries {values or 'the defaults'}"
    return f"{text}{_best(oracle)}"


def print_space(hyperparameters: HyperParameters) -> None:
    """Print the search space."""
    say("Search space summary", sys.stdout)
    say(f"Default search space size: {len(hyperparameters.space)}", sys.stdout)
    for definition in hyperparameters.space:
        config = definition.get_config()
        say(f"{config.pop('name')} ({type(definition).__name__})", sys.stdout)
        say(str(config), sys.stdout)


def print_results(oracle: Oracle, count: int, folder: str) -> None:
    """Print the best trials."""
    say("Results summary", sys.stdout)
    say(f"Results in {folder}", sys.stdout)
    best = oracle.get_best_trials(count)
    aims = oracle.study.stored_trials.aims
    if aims.goals is None:
        say(f"Showing {count} best trials", sys.stdout)
    else:
        said = _format.best(aims.goals, oracle.study.trials)
        say(f"Showing {len(best)} trials of the front ({said})", sys.stdout)
    say(str(oracle.objective), sys.stdout)
    for trial in best:
        say("", sys.stdout)
        trial.summary()


def warn_of_settings(logger: Any, environment: Mapping[str, str] = os.environ) -> None:
    """Warn of arguments and variables that KerasTuner's tuners have, and that do nothing here."""
    if logger is not None:
        warn(
            "logger= has no effect, as in KerasTuner 1.4: pass search(callbacks=[...]) instead, for "
            "example a TensorBoardCallback of tfbo.integrations.tensorboard."
        )
    names = [name for name in _OF_CHIEFS if name in environment]
    if names:
        warn(
            f"{', '.join(names)}: tfbo.keras has no chief and no workers over a network, so that this "
            "process searches by itself. Processes that share directory= and project_name= work on "
            "one search: start each without these variables."
        )


def warn_of_other_project(project: Project) -> None:
    """Warn of a folder in which a search of KerasTuner is stored, which is neither read nor changed."""
    path = Path(project.directory) / project.name
    trials = sum(1 for _ in path.glob("trial_*/trial.json"))
    if project.is_begun or not (trials or (path / "oracle.json").exists()):
        return
    warn(
        f"{str(path)!r} holds a search of KerasTuner ({trials} trials), which tfbo.keras neither reads "
        "nor changes: the search starts from nothing, in files of its own beside it. Give it another "
        "project_name to keep the two apart."
    )


def _best(oracle: Oracle) -> str:
    aims = oracle.study.stored_trials.aims
    if not aims.metrics.is_plain:
        return f", {_format.best(aims.goal, oracle.study.trials)}" if oracle.end_order else ""
    scores = [(trial.score, trial.trial_id) for trial in oracle.get_best_trials(1)]
    # One that goes on has a score until it has another.
    running = [(oracle.study_trial(t), t.trial_id) for t in oracle.ongoing_trials.values()]
    scores += [(last_value(found), trial_id) for found, trial_id in running if found.curve]
    if not scores:
        return ", none has completed" if oracle.end_order else ""
    score, trial_id = max(scores, key=lambda pair: oracle.objective.goal.score(pair[0]))
    return f", best {score:.6g} (trial {trial_id})"
