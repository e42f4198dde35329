import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from tfbo.optim import Curvature, adam, bfgs


def rosenbrock(x):
    return tf.reduce_sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2, axis=-1)


def run(minimise, function, start, lower, upper, **settings):
    program = tf.function(
        lambda s: minimise(
            function, s, tf.constant(lower, tf.float64), tf.constant(upper, tf.float64), **settings
        ),
        autograph=False,
    )
    return program(tf.constant(start))


@pytest.mark.parametrize("d", [2, 5])
def test_rosenbrock_inside_the_box(d):
    start = np.random.default_rng(0).uniform(-1.5, 1.5, [6, d])
    result = run(
        bfgs.minimise,
        rosenbrock,
        start,
        [-2.0] * d,
        [2.0] * d,
        max_evaluations=400,
        gradient_tolerance=1e-8,
    )
    assert float(tf.reduce_min(result.value)) < 1e-12
    assert result.converged.numpy().all()


@pytest.mark.parametrize("seed", range(5))
def test_at_active_bounds_it_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal([6, 6])
    h, c = a @ a.T + np.eye(6), 3.0 * rng.standard_normal(6)
    quadratic = lambda x: (
        0.5 * tf.reduce_sum(x * (x @ tf.constant(h)), -1) + tf.linalg.matvec(x, tf.constant(c))
    )
    result = run(
        bfgs.minimise, quadratic, rng.random([3, 6]), [0.0] * 6, [1.0] * 6, gradient_tolerance=1e-9
    )
    reference = scipy.optimize.minimize(
        lambda x: (0.5 * x @ h @ x + c @ x, h @ x + c), np.full(6, 0.5), jac=True, bounds=[(0, 1)] * 6,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    np.testing.assert_allclose(result.value, reference.fun, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("minimise", [bfgs.minimise, adam.minimise])
def test_members_do_not_influence_each_other(minimise):
    start = np.random.default_rng(1).uniform(-1.0, 1.0, [4, 3])
    together = run(minimise, rosenbrock, start, [-2.0] * 3, [2.0] * 3)
    for i in range(4):
        alone = run(minimise, rosenbrock, start[i : i + 1], [-2.0] * 3, [2.0] * 3)
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("minimise", [bfgs.minimise, adam.minimise])
def test_a_member_that_meets_nan_harms_nobody(minimise):
    function = lambda x: tf.reduce_sum((x - 0.3) ** 2, -1) + 0.0 * tf.sqrt(x[:, 0] + 1.0)
    result = run(minimise, function, np.array([[-1.5, 0.0], [0.9, 0.9]]), [-2.0] * 2, [2.0] * 2)
    assert np.isinf(result.value[0])
    np.testing.assert_allclose(result.x[1], [0.3, 0.3], atol=1e-3)
    assert not bool(result.converged[0])


def test_equal_bounds_hold_a_variable():
    result = run(bfgs.minimise, rosenbrock, np.array([[0.5, 0.0]]), [0.5, -2.0], [0.5, 2.0])
    np.testing.assert_allclose(result.x, [[0.5, 0.25]], atol=1e-4)


def test_the_objective_is_traced_once_and_evaluated_as_often_as_said():
    traces = []

    def function(x):
        traces.append(1)
        return rosenbrock(x)

    result = run(
        bfgs.minimise, function, np.zeros([2, 2]), [-2.0] * 2, [2.0] * 2, max_evaluations=7
    )
    assert len(traces) == 1
    assert int(result.evaluations) == 7


def test_adam_gets_near():
    result = run(
        adam.minimise,
        lambda x: tf.reduce_sum((x - 0.3) ** 2, -1),
        np.zeros([2, 3]),
        [-1.0] * 3,
        [1.0] * 3,
    )
    np.testing.assert_allclose(result.x, 0.3, atol=1e-3)


def valley(x):
    """A quadratic of condition 1e4, with its minimum at 0.3."""
    return tf.reduce_sum(tf.constant([1.0, 100.0, 1e4], tf.float64) * (x - 0.3) ** 2, axis=-1)


def test_curvature_that_is_handed_on_saves_evaluations():
    box = ([-9.0] * 3, [9.0] * 3)
    first = run(bfgs.minimise, valley, np.full([1, 3], 1.0), *box, gradient_tolerance=1e-9)
    assert bool(first.curvature.known[0])
    shifted = lambda x: valley(x - 0.05)
    near = {"gradient_tolerance": 1e-6, "value_tolerance": 1e-9}
    again = run(bfgs.minimise, shifted, first.x.numpy(), *box, curvature=first.curvature, **near)
    anew = run(bfgs.minimise, shifted, first.x.numpy(), *box, **near)
    assert 2 * int(again.evaluations) <= int(anew.evaluations)
    np.testing.assert_allclose(again.x, np.full([1, 3], 0.35), atol=1e-4)
    np.testing.assert_allclose(again.start_value, shifted(first.x), rtol=1e-12)


def test_an_optimum_that_did_not_move_takes_one_evaluation():
    hessian = np.diag([2.0, 200.0, 2e4])
    curvature = Curvature(tf.constant(np.linalg.inv(hessian)[None]), tf.constant([True]))
    start = np.array([[0.3 + 1e-6, 0.3, 0.3]])
    result = run(
        bfgs.minimise, valley, start, [-9.0] * 3, [9.0] * 3,
        curvature=curvature, gradient_tolerance=0.0, value_tolerance=1e-6,
    )  # fmt: skip
    assert int(result.evaluations) == 1 and bool(result.converged[0])
    np.testing.assert_array_equal(result.x, start)


def test_a_decrement_is_not_believed_before_all_directions_are_seen():
    # After one step along the stiff direction the inverse Hessian says that nothing is to be gained.
    result = run(
        bfgs.minimise, valley, np.array([[1.0, 0.3, 0.4]]), [-9.0] * 3, [9.0] * 3,
        value_tolerance=1e-3, gradient_tolerance=1e-3,
    )  # fmt: skip
    assert float(result.value[0]) < 1e-3


@pytest.mark.parametrize("race", [False, True])
def test_leaving_members_out_changes_nothing(race):
    start = np.random.default_rng(2).uniform(-1.5, 1.5, [5, 3])
    box, settings = ([-2.0] * 3, [2.0] * 3), {"max_evaluations": 200, "race": race}
    whole = run(bfgs.minimise, rosenbrock, start, *box, **settings)
    few = run(bfgs.minimise, rosenbrock, start, *box, compact=True, **settings)
    np.testing.assert_allclose(few.x, whole.x, rtol=1e-6, atol=1e-8)
    assert int(few.evaluations) == int(whole.evaluations)


def test_a_race_finds_the_same_winner_sooner():
    two_bowls = lambda x: tf.minimum(
        tf.reduce_sum((x - 0.5) ** 2, -1), 5.0 + tf.reduce_sum((x + 1.0) ** 4, -1)
    )
    start = np.array([[0.2, 0.1, 0.9], [-1.9, -1.8, -1.9]])
    box = ([-2.0] * 3, [2.0] * 3)
    alone = run(bfgs.minimise, two_bowls, start, *box, gradient_tolerance=1e-10)
    raced = run(bfgs.minimise, two_bowls, start, *box, gradient_tolerance=1e-10, race=True)
    assert int(raced.evaluations) < int(alone.evaluations)
    np.testing.assert_allclose(raced.x[0], 0.5, atol=1e-9)


def test_members_that_cannot_beat_a_rival_are_given_up():
    start = np.array([[0.2, 0.1, 0.9], [-1.2, 1.0, -1.9]])
    box = ([-2.0] * 3, [2.0] * 3)
    evaluations = {}
    for rival in (-1e3, 1e3):
        result = run(bfgs.minimise, rosenbrock, start, *box, rival=tf.constant(rival, tf.float64))
        evaluations[rival] = int(result.evaluations)
    assert evaluations[-1e3] < evaluations[1e3]
    assert bool(tf.reduce_all(result.converged))


def test_no_step_is_longer_than_allowed():
    points = []

    def function(x):
        tf.py_function(lambda x: points.append(x.numpy().copy()), [x], [])
        return tf.reduce_sum((x - 5.0) ** 2, -1)

    run(bfgs.minimise, function, np.zeros([1, 2]), [-9.0] * 2, [9.0] * 2, longest_step=0.75)
    path = np.concatenate(points)
    assert np.abs(np.diff(path, axis=0)).max() <= 0.75 + 1e-12
    np.testing.assert_allclose(path[-1], 5.0, atol=1e-6)
