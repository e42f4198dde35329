import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import gp
from tfbo._compile import devices
from tfbo.strategies import Bayes, Problem
from tfbo.strategies.bayes import ask, chooser


@pytest.mark.gpu
@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="there is no GPU")
def test_a_fit_on_the_gpu_agrees_with_the_cpu():
    rng = np.random.default_rng(0)
    x, new = rng.random([40, 4]), rng.random([10, 4])
    y = np.sin(4.0 * x.sum(1))
    moments = []
    for device in ("CPU:0", "GPU:0"):
        with tf.device(device):
            moments.append(gp.fit(x, y, seed=0).mean_var(new))
    np.testing.assert_allclose(moments[0][0], moments[1][0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moments[0][1], moments[1][1], rtol=1e-2, atol=1e-7)


@pytest.mark.gpu
@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="there is no GPU")
def test_an_ask_on_the_gpu_finds_as_good_a_point_as_on_the_cpu():
    space = tfbo.Space({f"x{i}": tfbo.Float(0.0, 1.0) for i in range(5)})
    strategy, problem = Bayes(), Problem(space, "minimize", 0)
    study = tfbo.Study(space, seed=0, strategy=tfbo.strategies.Sobol())
    study.optimize(lambda p: sum((v - 0.3) ** 2 for v in p.values()), n_trials=40)
    plan = devices.Plan("GPU:0", padded=True)
    settings, found = strategy.settings(problem), []
    for place in (devices.CPU, plan):
        state = strategy.fold(problem, None, study.trials)
        asked = ask.pose(settings, problem, state, (), range(40, 41), place)
        choice = settings.choosing(place, 1, failing=False)
        answer = chooser.choose(choice, asked.question, place.device)
        found.append((float(asked.fitted.found.value), float(answer.value)))
    assert found[1][0] == pytest.approx(found[0][0], abs=2e-3)
    assert found[1][1] == pytest.approx(found[0][1], abs=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="there is no GPU")
def test_a_study_on_the_gpu_repeats_with_its_seed():
    space = tfbo.Space({"x": tfbo.Float(-2.0, 3.0), "k": tfbo.Categorical(["a", "b"])})
    objective = lambda p: (p["x"] - 1.0) ** 2 + (p["k"] == "b")
    one, two = (
        tfbo.minimize(objective, space, n_trials=12, seed=0, device="GPU:0") for _ in range(2)
    )
    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    assert one.best_value < 1e-3
