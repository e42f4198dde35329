"""Batches of box-constrained minimisations, each one `tf.while_loop`; free of any knowledge of models.

Letters: r starts (members of the batch), p variables.
"""

from __future__ import annotations

from tfbo.optim import adam, bfgs
from tfbo.optim.base import Curvature, Limits, Minimiser, Minimum, Objective, unknown_curvature

MINIMISERS: dict[str, Minimiser] = {"bfgs": bfgs.minimise, "adam": adam.minimise}
"""Every minimiser by name."""

__all__ = [
    "MINIMISERS",
    "Curvature",
    "Limits",
    "Minimiser",
    "Minimum",
    "Objective",
    "unknown_curvature",
]
