"""The greedy choice: each point is the best beside those that run, and those chosen before it."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from tfbo import _numerics, _random
from tfbo.gp import Kernel
from tfbo.optim import mixed
from tfbo.strategies.bayes.chooser import Answer, Chooser, Scene, Worth

# Draws of pending outcomes: what points are worth is then known to a tenth (test_joint.py holds that).
_DRAWS = 64
# Sets of points that are climbed from: the one chosen point by point, and the best of others.
_SETS = 4
# Numbers of the covariances of screened points with trials; a few times as many are held, 160 MB.
_SCREENED_NUMBERS, _LEAST_SCREENED = 5 * 10**6, 64
# Points of a set that are nearer than this, in every column, are the same.
_SAME = 1e-7


@dataclasses.dataclass(frozen=True)
class Greedy(Chooser):
    """Maximisers of the acquisition, one after the other, of which `batch` are then climbed together."""

    batch: int = 1

    def numbers(
        self, kernel: Kernel, n: int, count: int, q: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Points of a Sobol sequence in (0, 1), from which pending outcomes are drawn, `[s, m + q]`."""
        # One draw is as good as any where nothing is drawn.
        return _random.sobol(_DRAWS if count > 1 else 1, count, int(rng.integers(2**62)))

    def spec(self, kernel: Kernel) -> tf.TensorSpec:
        """See `Chooser`."""
        return tf.TensorSpec([None, None], tf.float64)

    def padded(self, numbers: np.ndarray, more: int) -> np.ndarray:
        """See `Chooser`."""
        return np.pad(numbers, [(0, 0), (0, more)], constant_values=0.5)

    def choose(self, scene: Scene) -> Answer:
        """See `Chooser`."""
        normals, question = tf.math.ndtri(scene.question.numbers), scene.question

        def best(worth: Worth, taken: mixed.Test) -> mixed.Maximum:
            return mixed.maximise(
                lambda x: worth(x[:, None, :]),
                scene.domain,
                (question.everywhere, question.around),
                taken,
                at_once=_at_once(scene),
                compact=not scene.choice.padded,
            )

        answer = scene.one_by_one(best, normals)
        return _together(self.batch, scene, normals, answer) if self.batch > 1 else answer


def _at_once(scene: Scene) -> tf.Tensor:
    """Points that are screened at once: their covariances with the trials are held."""
    return tf.maximum(_SCREENED_NUMBERS // tf.size(scene.observed.z), _LEAST_SCREENED)


def _together(q: int, scene: Scene, normals: tf.Tensor, answer: Answer) -> Answer:
    """The points that were chosen one by one, climbed as a set; with the value of the set."""
    question, d = scene.question, len(scene.choice.columns)
    first = tf.math.count_nonzero(question.running, dtype=tf.int32)
    chosen = tf.gather(answer.x, first + tf.range(q))
    later = tf.gather(normals, first + tf.range(q - 1), axis=1)
    worth = scene.beside(question.pending, question.running, normals)
    taken = scene.taken(question.pending, question.running)

    def is_taken(sets: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(sets, [-1, q, d])
        far = tf.reduce_max(tf.abs(x[:, :, None] - x[:, None]), axis=-1) > _SAME
        repeats = tf.math.count_nonzero(~far, axis=[1, 2]) > q
        tried = tf.reshape(taken(tf.reshape(x, [-1, d])), [-1, q])
        return repeats | tf.reduce_any(tried, axis=-1)

    sets = tf.shape(question.everywhere)[0] // q
    best = mixed.maximise(
        lambda sets: worth(tf.reshape(sets, [-1, q, d]), later),
        scene.domain.repeated(q, tnp),
        (
            tf.reshape(chosen, [1, q * d]),
            tf.reshape(question.everywhere[: sets * q], [sets, q * d]),
        ),
        is_taken,
        climbs=_SETS,
        at_once=_at_once(scene) // q,
        compact=not scene.choice.padded,
    )
    whole = best.ok & tf.reduce_all(tf.gather(answer.found, first + tf.range(q)))
    better = _numerics.quantise(tf.reshape(best.x, [q, d]))
    i = tf.range(tf.size(answer.found)) - first
    placed = tf.gather(better, tf.clip_by_value(i, 0, q - 1))
    mine = (i >= 0) & (i < q) & whole
    x = tf.where(mine[:, None], placed, answer.x)
    value = tf.where(whole, best.value, answer.value)
    return answer._replace(x=x, value=value)
