"""Plain values in a file: they come back as they were, and nothing else is read."""

import math
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfbo.keras import plain

VALUES = [
    None, True, 3, 2**70, 0.1, -math.inf, "ä\0", [], (), {}, [1, (2, [3.0, None])], {1, 2}, frozenset("ab"),
    {"a": [1], 2: {(1, "b"): None}}, np.float32(0.1), np.arange(6.0).reshape(2, 3), np.zeros((0, 2), int),
    np.array(2 + 1j), np.array([True, False]), tf.constant([0.1, 3.0], tf.bfloat16).numpy(),
    [np.ones(2), {"best": np.float64(math.inf)}], np.arange(6)[::2], keras.ops.less, np.greater,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(tmp_path, value):
    assert plain.is_plain(value)
    plain.save(tmp_path / "file", value)
    same(plain.load(tmp_path / "file"), value)


def same(found, value):
    assert type(found) is type(value)
    if isinstance(value, (list, tuple)):
        assert len(found) == len(value)
        for one, other in zip(found, value):
            same(one, other)
    elif isinstance(value, dict):
        assert list(found) == list(value)
        same(list(found.values()), list(value.values()))
    elif isinstance(value, (np.ndarray, np.generic)):
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)
    else:
        assert found == value


def test_not_a_number_comes_back(tmp_path):
    plain.save(tmp_path / "file", [math.nan])
    assert math.isnan(plain.load(tmp_path / "file")[0])


def test_arrays_that_come_back_can_be_written_to(tmp_path):
    plain.save(tmp_path / "file", np.zeros(2))
    plain.load(tmp_path / "file")[0] = 1.0


class Text(str):
    pass


def endless():
    value = []
    value.append(value)
    return value


OTHERS = [
    object(), len, np.save, open, {"a": object()}, [{1: len}], np.array([object()]), np.array(["a"]),
    Text("a"), endless(),
]  # fmt: skip


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_other_values_are_refused(tmp_path, value):
    assert not plain.is_plain(value)
    with pytest.raises((TypeError, RecursionError)):
        plain.save(tmp_path / "file", value)
    assert not (tmp_path / "file").exists()


class Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    "write",
    [
        lambda file: np.save(file, np.array([Runs()]), allow_pickle=True),
        lambda file: np.savez(file, np.array([Runs()])),
    ],
    ids=["file", "entry"],
)
def test_code_in_a_file_does_not_run(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "file").open("wb") as file:
        write(file)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        plain.load(tmp_path / "file")
    assert not (tmp_path / "ran").exists()


def test_only_functions_of_arrays_are_read(tmp_path):
    for kind, name in [("numpy", "save"), ("numpy", "os"), ("keras.ops", "image")]:
        assert plain._function(kind, name) is None  # noqa: SLF001
