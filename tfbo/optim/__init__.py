"""Batches of box-constrained minimisations, each one `tf.while_loop`; free of any knowledge of models.

Letters: r starts (members of the batch), p variables.
"""

from __future__ import annotations

from tfbo.optim.base import Curvature, Minimum, Objective, unknown_curvature

__all__ = ["Curvature", "Minimum", "Objective", "unknown_curvature"]
