"""Device and form of the compiled programs: the one place that decides them.

Measured on two CPU cores: XLA has no LAPACK there, and a fit takes 4 to 20 times as long under it as
in graph mode, which also takes any number of rows without a new trace. A GPU is fed by kernels that XLA
has fused; it compiles for fixed shapes, so there data are padded to a few sizes. `benchmarks/gpu.py`
measures both on the machine it runs on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import tensorflow as tf

from tfbo.errors import invalid

# From how many observations a GPU is faster than two CPU cores. Below it an ask is thousands of tiny
# operations, each of which a GPU takes longer to start than a CPU to finish. An estimate from those
# counts: no GPU has been measured yet, `benchmarks/gpu.py` says what it is on yours.
CROSSOVER = 256
_SMALLEST_BUCKET, _COARSE_UP_TO = 32, 4096
_CPU_NUMBERS, _GPU_NUMBERS = 2 * 10**6, 10**8


class Plan(NamedTuple):
    """Device and form of one ask."""

    device: str
    """As `tf.device` takes it."""
    padded: bool
    """True where data are padded to a bucket and XLA compiles the program; False in graph mode."""

    def starts(self, n: int) -> int:
        """Starts from which hyperparameters may be searched for at once, 1 or more.

        Each takes about ten matrices `[n, n]`: at this limit, 160 MB on a CPU (and a second for each
        restart at n = 1000), 8 GB on a GPU.
        """
        numbers, rows = (_GPU_NUMBERS, bucket(n)) if self.padded else (_CPU_NUMBERS, n)
        return max(1, numbers // rows**2)


CPU = Plan("CPU:0", padded=False)


def plan(device: str | None, n: int) -> Plan:
    """Choose how to compute with n observations; with no device, on the first GPU if worth it."""
    if device is None:
        device = "GPU:0" if n >= CROSSOVER and tf.config.list_logical_devices("GPU") else "CPU:0"
    name = _short(device)
    return Plan(name, padded=not name.startswith("CPU"))


def check(device: str | None) -> None:
    """Raise InvalidArgument, with the devices that there are, for one that this machine does not have."""
    if device is None:
        return
    there = [_short(known.name) for known in tf.config.list_logical_devices()]
    if not isinstance(device, str) or _short(device) not in there:
        listed = ", ".join(repr(name) for name in there)
        raise invalid(
            "device", f"None or one of {listed}", device, "Leave it out to have one chosen."
        )


def bucket(n: int, smallest: int = _SMALLEST_BUCKET) -> int:
    """The smallest of 32, 48, 64, 96, 128, 192, ... that holds `n` rows.

    It is at most half as many again, and beyond 4,096 an eighth: there the n^3 of what is padding costs
    more (up to 3.4 times an ask's time at half as many again) than another program.
    """
    if n <= smallest:
        return smallest
    power = 2 ** ((n - 1).bit_length() - 1)
    step = power // (2 if power < _COARSE_UP_TO else 8)
    return -(-n // step) * step


def is_out_of_memory(error: Exception) -> bool:
    """True where TensorFlow (or a library below it) ran out of the memory of a device."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    text = str(error).lower()
    return isinstance(error, tf.errors.OpError) and bool(
        re.search(r"out of memory|resource_exhausted|alloc_failed|failed to allocate", text)
    )


def _short(device: str) -> str:
    """The name as "GPU:0", from any of the ways in which TensorFlow writes it."""
    found = re.fullmatch(r"(?:.*device:|/)?([A-Za-z]+)(?::(\d+))?", device)
    return f"{found[1].upper()}:{found[2] or 0}" if found else device
