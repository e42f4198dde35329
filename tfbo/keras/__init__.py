"""KerasTuner's names on top of tfbo: `import tfbo.keras as kt` runs a script that was written for it.

What each tuner does with a trial, and where it differs from KerasTuner 1.4.8:

- The search space is found by building, and grows when a later trial asks for a hyperparameter that
  was not there. `tuner.study` is the `tfbo.Study`, for plots and predictions.
- No configuration is suggested twice, inactive hyperparameters have no value, choices keep their
  types, and a failed trial or an infinite score is a failed trial, of which suggestions stay away.
- Without `directory` and `project_name` nothing is written to the working directory.
- The weights of the best `Tuner.max_checkpoints` trials are kept, of each those of the epoch that its
  score is of, and load into models of every kind, subclassed ones too.
- A subclass of `Oracle` may have a `populate_space` and a `score_trial`, one of a tuner its hooks, and
  both a `get_state`; a method of KerasTuner that nothing calls here is refused when it is overridden.
- `search(callbacks=)` also takes a function from a trial to new callbacks, for those that cannot be
  copied.
- A search of which every trial failed ends with an error; a range that changes from one build to the
  next, a `logger=` and variables of chief and workers are warned of.
- Of a stored search, other ranges, objective or seed than before are an error, not ignored.
- F-scores, R2, IoU and correlations are maximised where only a name is given, and so are metrics with
  a number after their name or the name of an output before it.
- In `Hyperband` a trial that goes on keeps its number, its optimiser and its callbacks, one that a callback
  ended early is not trained again, and a small space is searched to the last epoch; see `Hyperband`.
- `GridSearch` takes all values of an `Int` with `sampling="log"` and no step, not ten of them.

Example:
    >>> import tfbo.keras as kt
    >>> class Parabola(kt.RandomSearch):
    ...     def run_trial(self, trial, **kwargs):
    ...         return trial.hyperparameters.Int("x", -3, 3) ** 2
    >>> tuner = Parabola(max_trials=7, seed=0)
    >>> tuner.search(verbose=0)
    >>> tuner.get_best_hyperparameters()[0].values
    {'x': 0}
"""

from __future__ import annotations

from tfbo.keras import errors, oracles, tuners
from tfbo.keras.hypermodel import HyperModel
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import Objective
from tfbo.keras.oracle import Oracle
from tfbo.keras.reports import ReportCallback
from tfbo.keras.tuner import Tuner
from tfbo.keras.tuners import BayesianOptimization, GridSearch, Hyperband, RandomSearch

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "HyperModel",
    "HyperParameters",
    "Hyperband",
    "Objective",
    "Oracle",
    "RandomSearch",
    "ReportCallback",
    "Tuner",
    "errors",
    "oracles",
    "tuners",
]
