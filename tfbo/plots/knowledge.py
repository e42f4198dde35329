"""Knowledge of the surrogate, so that no picture looks surer than it is."""

from __future__ import annotations

import numpy as np

from tfbo.plots import outcomes
from tfbo.plots.source import Source
from tfbo.study import Study
from tfbo.trial import Goal

# A surrogate that predicts less of the values than this is not to be believed yet. Sobol indices of a
# model are commonly trusted from a share of 0.7 on; below a third its own intervals are too narrow.
LITTLE = 0.33
# A standard deviation of so much of the values' own leaves two thirds of their variance unexplained.
_HARDLY = 0.8


def predicted_share(study: Study) -> float:
    """Share in [0, 1] of the values' variance that leave-one-out predictions explain, Q^2.

    `1 - sum (v_i - m_i)^2 / sum (v_i - mean(v))^2`, m_i predicted from all trials but i, both as the
    pictures show them: on their scale, values that are far off at its edge.

    Source: Marrel, Iooss, Laurent and Roustant 2009, equation 14.
    """
    predicted = study.leave_one_out()
    shown = outcomes.of(predicted.value, Goal(study.direction))
    values, means = shown.unit(predicted.value), shown.unit(predicted.mean)
    spread = float(np.sum(np.square(values - values.mean())))
    missed = float(np.sum(np.square(values - means)))
    return max(0.0, 1.0 - missed / spread) if spread > 0.0 else 0.0


def unknown(found: Source, std: np.ndarray) -> np.ndarray:
    """Mask `[g]` of standard deviations of predictions that say hardly more than all values' spread."""
    shown = outcomes.of(found.values, found.goal)
    return np.asarray(std >= _HARDLY * np.std(shown.clip(found.values)))
