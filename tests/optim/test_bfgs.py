"""The curvature that the quasi-Newton method learns and is handed."""

import numpy as np
import tensorflow as tf

from tfbo.optim import Curvature, Limits, bfgs


def run(function, start, lower, upper, curvature=None, **limits):
    bounds = (tf.constant(bound, tf.float64) for bound in (lower, upper))
    box = Limits(*bounds)._replace(**limits)
    return tf.function(lambda s: bfgs.minimise(function, s, box, curvature), autograph=False)(
        tf.constant(start)
    )


def valley(x):
    """A quadratic of condition 1e4, with its minimum at 0.3."""
    return tf.reduce_sum(tf.constant([1.0, 100.0, 1e4], tf.float64) * (x - 0.3) ** 2, axis=-1)


def test_curvature_that_is_handed_on_saves_evaluations():
    box = ([-9.0] * 3, [9.0] * 3)
    first = run(valley, np.full([1, 3], 1.0), *box, gradient_tolerance=1e-9)
    assert bool(first.curvature.known[0])
    shifted = lambda x: valley(x - 0.05)
    near = {"gradient_tolerance": 1e-6, "value_tolerance": 1e-9}
    again = run(shifted, first.x.numpy(), *box, curvature=first.curvature, **near)
    anew = run(shifted, first.x.numpy(), *box, **near)
    assert 2 * int(again.evaluations) <= int(anew.evaluations)
    np.testing.assert_allclose(again.x, np.full([1, 3], 0.35), atol=1e-4)
    np.testing.assert_allclose(again.start_value, shifted(first.x), rtol=1e-12)


def test_an_optimum_that_did_not_move_takes_one_evaluation():
    hessian = np.diag([2.0, 200.0, 2e4])
    curvature = Curvature(tf.constant(np.linalg.inv(hessian)[None]), tf.constant([True]))
    start = np.array([[0.3 + 1e-6, 0.3, 0.3]])
    result = run(
        valley, start, [-9.0] * 3, [9.0] * 3,
        curvature=curvature, gradient_tolerance=0.0, value_tolerance=1e-6,
    )  # fmt: skip
    assert int(result.evaluations) == 1 and bool(result.converged[0])
    np.testing.assert_array_equal(result.x, start)


def test_a_decrement_is_not_believed_before_all_directions_are_seen():
    # After one step along the stiff direction the inverse Hessian says that nothing is to be gained.
    result = run(
        valley, np.array([[1.0, 0.3, 0.4]]), [-9.0] * 3, [9.0] * 3,
        value_tolerance=1e-3, gradient_tolerance=1e-3,
    )  # fmt: skip
    assert float(result.value[0]) < 1e-3
