"""GPUs of trials, and a share of the memory of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfbo import _arguments
from tfbo.errors import invalid


def limit_gpu_memory(mib: int) -> None:
    """Have TensorFlow in this process take so much memory of each GPU that it sees, and no more.

    TensorFlow takes the whole of a GPU by default, so that a second process finds none. Call this in
    an objective that shares a GPU with others, before anything is computed there; tfbo never does.

    Args:
        mib: mebibytes, 2^20 bytes; a whole number > 0.

    Raises:
        InvalidArgument: for another number, or where TensorFlow uses the GPUs already.

    Example:
        >>> def objective(params):
        ...     tfbo.limit_gpu_memory(4096)
        ...     return train(**params)
    """
    mib = _arguments.count("mib", mib, advice="For example limit_gpu_memory(4096).")
    import tensorflow as tf

    for gpu in tf.config.get_visible_devices("GPU"):
        limited = tf.config.LogicalDeviceConfiguration(memory_limit=mib)
        try:
            tf.config.set_logical_device_configuration(gpu, [limited])
        except (RuntimeError, ValueError) as error:
            expected = "a call before TensorFlow uses a GPU"
            advice = "Call it first in the objective, and run trials with executor='process'."
            raise invalid("mib", expected, f"{mib}: {error}", advice) from error


def check_gpus(gpus: Any) -> list[int | str]:
    """The list of GPUs that an argument of that name stands for; InvalidArgument where it is none."""
    advice = 'For example gpus=[0, 1], or ["GPU-8932f937"]: whatever CUDA_VISIBLE_DEVICES may hold.'
    if isinstance(gpus, (str, bytes)) or not isinstance(gpus, Sequence) or not gpus:
        raise invalid("gpus", "a list of GPUs", gpus, advice)
    for gpu in gpus:
        if not isinstance(gpu, str):
            _arguments.count("gpus", gpu, advice, least=0)
        elif not gpu or "," in gpu:
            raise invalid("gpus", "a whole number or a name of each", gpu, advice)
    if len({str(gpu) for gpu in gpus}) < len(gpus):
        raise invalid("gpus", "each GPU once", gpus, "A GPU runs one trial at a time.")
    return list(gpus)
