"""Randomness as data: every draw is a function of the study's seed, a trial number and a purpose.

Nothing here touches a global generator, so nothing that an objective does (it may reset Keras's
seed) changes a suggestion.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
import tensorflow as tf

from tfbo._compile.eager import computing

_SOBOL_BITS = 32
_MAX_SOBOL_COLUMNS = 1111  # the direction numbers that TensorFlow ships


def generator(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """A fresh Philox generator for one purpose of one trial of one study."""
    entropy = (seed, number, zlib.crc32(purpose.encode()))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


@functools.lru_cache(maxsize=32)
@computing()
def _sobol_block(start: int, count: int, columns: int) -> np.ndarray:
    """Unscrambled points `start .. start + count - 1` (the origin is point 0) as 32-bit integers."""
    with tf.device("CPU:0"):
        first = max(start, 1)
        points = tf.math.sobol_sample(
            columns, max(start + count - first, 1), skip=first - 1, dtype=tf.float64
        ).numpy()[: start + count - first]
    if start == 0:
        points = np.concatenate([np.zeros((1, columns)), points])
    block = np.round(points * 2.0**_SOBOL_BITS).astype(np.uint64)
    block.flags.writeable = False
    return block


def _owen_scramble(bits: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Nested uniform scrambling of 32-bit integers by the Laine-Karras hash (Burley 2020)."""
    mask = np.uint64(0xFFFFFFFF)
    x = _reverse_bits(bits)
    x = (x + seeds) & mask
    for multiplier in (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6):
        x ^= (x * np.uint64(multiplier)) & mask
    return _reverse_bits(x)


def _reverse_bits(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.uint64)
    for shift, pattern in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        s, p = np.uint64(shift), np.uint64(pattern)
        x = ((x >> s) & p) | ((x & p) << s)
    return ((x >> np.uint64(16)) | (x << np.uint64(16))) & np.uint64(0xFFFFFFFF)


def sobol(count: int, columns: int, seed: int, *, start: int = 0) -> np.ndarray:
    """Points `start .. start + count - 1` of a scrambled Sobol sequence, `[count, columns]` in (0, 1).

    The scrambling depends on the seed alone, so that a sequence can be continued. Beyond 1,111
    columns, where the direction numbers end, the remaining columns are independent uniforms.

    Source: Joe and Kuo 2008 (directions); Owen 1995, with the hash of Burley 2020 (scrambling).
    """
    width = min(columns, _MAX_SOBOL_COLUMNS)
    if count == 0 or columns == 0:
        return np.zeros((count, columns))
    seeds = generator(seed, "sobol").integers(2**32, size=width, dtype=np.uint64)
    scrambled = _owen_scramble(_sobol_block(start, count, width), seeds)
    points = (scrambled.astype(np.float64) + 0.5) / 2.0**_SOBOL_BITS
    if width == columns:
        return points
    rest = [
        generator(seed, "beyond sobol", i).random(columns - width)
        for i in range(start, start + count)
    ]
    return np.concatenate([points, np.stack(rest)], axis=1)
