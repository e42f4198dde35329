import numpy as np
import pytest
import tensorflow as tf

from tfbo import gp


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
