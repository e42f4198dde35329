"""Eager execution for what tfbo computes, whatever mode of TensorFlow its caller is in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tensorflow.python.eager import context
from tensorflow.python.ops import control_flow_v2_toggles

from tfbo import _forks
from tfbo.errors import ComputeError


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Compute eagerly, as TensorFlow 2 does by default; also a decorator.

    The caller may have called `tf.compat.v1.disable_eager_execution()`, or be inside of a graph or of a
    function that is traced: `tf.init_scope` leads out of the last of the three only.

    Raises:
        ComputeError: where TensorFlow cannot compute what tfbo needs.

    Example:
        >>> import tensorflow as tf
        >>> with tf.Graph().as_default(), computing():
        ...     float(tf.constant(2.0) + 1.0)
        3.0
    """
    _forks.check_compute()
    if not control_flow_v2_toggles.control_flow_v2_enabled():
        raise ComputeError(
            "TensorFlow behaves as its version 1 here, in which tfbo's programs cannot be built: "
            "tf.compat.v1.disable_v2_behavior() or disable_control_flow_v2() was called. Call "
            "tf.compat.v1.disable_eager_execution() instead, with which tfbo works, or "
            "tf.compat.v1.enable_v2_behavior() at the start."
        )
    with context.eager_mode():
        yield
