import types

import pytest
import tensorflow as tf

import tfbo
from tfbo import InvalidArgument


@pytest.fixture
def gpus(monkeypatch):
    """Two GPUs that are not there, and what is set of them."""
    limits = {}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", limits.__setitem__)
    return types.SimpleNamespace(limits=limits)


def test_the_limit_is_set_on_each_gpu(gpus):
    tfbo.limit_gpu_memory(2048)
    assert list(gpus.limits) == ["GPU:0", "GPU:1"]
    assert [[device.memory_limit for device in devices] for devices in gpus.limits.values()] == [
        [2048]
    ] * 2


def test_without_a_gpu_there_is_nothing_to_limit(monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])
    assert tfbo.limit_gpu_memory(2048) is None


def test_a_call_that_comes_too_late_is_told_so(gpus, monkeypatch):
    def late(gpu, devices):
        raise RuntimeError("Virtual devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_logical_device_configuration", late)
    with pytest.raises(InvalidArgument, match=r"mib: .*before TensorFlow.*executor='process'"):
        tfbo.limit_gpu_memory(2048)


@pytest.mark.parametrize("mib", [0, -1, 1.5, "4096", True, None])
def test_anything_but_a_whole_number_is_refused(gpus, mib):
    with pytest.raises(InvalidArgument, match="mib: expected a whole number >= 1"):
        tfbo.limit_gpu_memory(mib)
    assert not gpus.limits
