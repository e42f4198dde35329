"""The boundary: uncertainty on the faces of the cube is believed to be a little less than the model has it.

A stationary process knows least about the faces, and least of all about the corners, since data lie on one
side of them only. Where improvements have become improbable near the best trials, an acquisition is
therefore largest in one corner after the other, of which there are 2^d: in six dimensions they took half of
the trials that were left. But few functions that people tune are as wild in the corners of the box as
within it. So the standard deviation counts for ten per cent less for each number that is on a face. That
changes little while improvements are likely, and an optimum on a face is found about as soon as before;
but an improvement by z deviations becomes less likely by a factor of about exp(-z^2 / 9).

On the phenomenon: Siivola et al. 2018 (arXiv 1704.00963); Oh, Gavves and Welling 2018 (arXiv 1806.01619).
What it is worth: benchmarks/results/ablation.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfbo.columns import Columns
from tfbo.gp import Posterior
from tfbo.optim.mixed import Function


def deflated(posterior: Posterior, columns: Columns, best: tf.Tensor, less: float) -> Posterior:
    """The posterior, of whose deviations a share counts; see `deflation`."""
    return (
        dataclasses.replace(posterior, share=deflation(columns, best, less)) if less else posterior
    )


def deflation(columns: Columns, best: tf.Tensor, less: float) -> Function:
    """Share of the deviation that counts: from rows `[..., d]` to `[...]` in (0, 1].

    On a face its logarithm is less by `less` for each number; half of that is left at 0.04 from the
    face, and a hundredth at 0.22. What is on a face in the best row `[d]`, in [0, 1] and negative where
    inactive, may well be so elsewhere: it counts in full. Categories have no faces.
    """
    numbers = np.array([float(not column.categorical) for column in columns.columns])

    def nearness(rows: tf.Tensor) -> tf.Tensor:
        """One on a face, zero in the middle or where a column is none or inactive: `[..., d]`."""
        near = tf.square(tf.square(tf.square(2.0 * rows - 1.0)))
        return near * (numbers * tf.cast(rows >= 0.0, rows.dtype))

    known = nearness(best)

    def share(rows: tf.Tensor) -> tf.Tensor:
        faces = tf.reduce_sum(tf.nn.relu(nearness(rows) - known), axis=-1, keepdims=True)
        return tf.squeeze(tf.exp(-less * faces), -1)

    return share
