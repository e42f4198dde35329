import pytest
import tensorflow as tf

import tfbo
from tfbo import Float, InvalidArgument, Space
from tfbo._compile import devices
from tfbo.strategies import Bayes
from tfbo.strategies.bayes import ask, fit

SPACE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


@pytest.mark.parametrize("name", ["CPU", "cpu:0", "/CPU:0", "/device:CPU:0", "CPU:0"])
def test_every_way_to_write_a_device_that_is_there(name):
    devices.check(name)
    assert devices.plan(name, 10**6) == devices.CPU


@pytest.mark.parametrize("name", ["GPU:7", "TPU", "", "the fast one", 0, "CPU:1"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(name):
    for make in (
        lambda: tfbo.Study(SPACE, device=name),
        lambda: Bayes(device=name),
        lambda: tfbo.minimize(lambda p: 0.0, SPACE, n_trials=1, device=name),
    ):
        with pytest.raises(InvalidArgument, match=r"device: .*CPU:0"):
            make()


def test_the_gpu_is_taken_where_it_is_worth_it(monkeypatch):
    known = [tf.config.LogicalDevice("/device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: known)
    assert devices.plan(None, devices.CROSSOVER - 1) == devices.CPU
    assert devices.plan(None, devices.CROSSOVER) == devices.Plan("GPU:0", padded=True)
    assert devices.plan("GPU:0", 3) == devices.Plan("GPU:0", padded=True)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [])
    assert devices.plan(None, 10**5) == devices.CPU


def test_buckets_hold_their_rows_and_are_few():
    sizes = {n: devices.bucket(n) for n in range(1, 3000)}
    assert all(n <= size for n, size in sizes.items())
    assert all(size <= 1.5 * n for n, size in sizes.items() if n > 32)
    assert sorted(set(sizes.values()))[:6] == [32, 48, 64, 96, 128, 192]
    assert len(set(sizes.values())) <= 15


def test_large_buckets_are_at_most_an_eighth_larger():
    sizes = {n: devices.bucket(n) for n in range(4096, 40_000)}
    assert all(n <= size <= 1.125 * n + 1 for n, size in sizes.items())
    assert sorted(set(sizes.values()))[:3] == [4096, 4608, 5120]
    assert len(set(sizes.values())) <= 8 * 3 + 4


@pytest.mark.parametrize("padded", [False, True])
def test_there_is_a_start_at_any_size_and_fewer_where_trials_are_many(padded):
    plan = devices.Plan("GPU:0" if padded else "CPU:0", padded)
    starts = [plan.starts(n) for n in (10, 100, 1000, 8_192, 8_193, 10**5)]
    assert starts == sorted(starts, reverse=True) and starts[-1] == 1 and starts[1] > 7


def exhausted(message="OOM when allocating tensor"):
    return tf.errors.ResourceExhaustedError(None, None, message)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (exhausted(), True),
        (tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory"), True),
        (tf.errors.UnknownError(None, None, "CUSOLVER_STATUS_ALLOC_FAILED"), True),
        (tf.errors.InvalidArgumentError(None, None, "shapes differ"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, memory):
    assert devices.is_out_of_memory(error) is memory


def test_a_gpu_without_memory_hands_over_to_fewer_starts_then_to_the_cpu(monkeypatch, caplog):
    asked, real = [], fit.fit

    def fitted(model, given, device, some):
        asked.append((device, model.restarts, len(given.candidates)))
        if device.startswith("GPU"):
            raise exhausted()
        return real(model, given, device, some)

    def choose(choice, question, device):
        chosen.append(device)
        if device.startswith("GPU"):
            raise exhausted()
        return greedily(choice, question, device)

    chosen, greedily = [], ask.choose

    expected = tfbo.minimize(lambda p: p["x"] + p["y"], SPACE, n_trials=7, seed=0)
    monkeypatch.setattr(fit, "fit", fitted)
    monkeypatch.setattr(ask, "choose", choose)
    plan = devices.Plan("GPU:0", padded=True)
    monkeypatch.setattr(devices, "plan", lambda device, n: plan)
    monkeypatch.setattr(Bayes, "prepare", lambda *_: None)  # which asks, too
    with pytest.warns(tfbo.TFBOWarning) as said:
        study = tfbo.minimize(lambda p: p["x"] + p["y"], SPACE, n_trials=7, seed=0)
    assert [device for device, _, _ in asked] == ["GPU:0", "GPU:0", "CPU:0"] * 2
    assert chosen == ["GPU:0", "CPU:0"] * 2
    assert asked[1][1] < asked[0][1] and asked[1][2] < asked[0][2]
    texts = list(dict.fromkeys(str(warning.message) for warning in said))
    assert len(texts) == 2  # of two asks: Python shows each text once
    assert "GPU:0" in texts[0] and "one start" in texts[0] and "CPU" in texts[1]
    assert study.trials[5].params == expected.trials[5].params


def test_an_error_that_is_not_about_memory_is_not_hidden(monkeypatch):
    def choose(choice, question, device):
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")

    monkeypatch.setattr(ask, "choose", choose)
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes differ"):
        tfbo.minimize(lambda p: p["x"], SPACE, n_trials=6, seed=0)
