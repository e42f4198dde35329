"""Plain values in a file: None, numbers, texts, arrays, and lists, tuples, sets and dicts of these.

Functions of `keras.ops` and of NumPy by elements are plain, too: Keras's callbacks compare by one, and keep
numbers that depend on it. Nothing else can be in the file: reading one runs no code, whoever wrote it.
"""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np

_AS_THEY_ARE = (type(None), bool, int, float, str)
_SEQUENCES = {kind.__name__: kind for kind in (list, tuple, set, frozenset)}

_FUNCTIONS = {"keras.ops": keras.ops, "numpy": np}


def is_plain(value: Any) -> bool:
    """Tell values that `save` takes; those of subclasses are not among them."""
    try:
        _written(value, [])
    except (TypeError, RecursionError):
        return False
    return True


def save(path: Path, value: Any) -> None:
    """Write a plain value; TypeError for any other."""
    arrays: list[Any] = []
    text = json.dumps(_written(value, arrays)).encode()
    with path.open("wb") as file:
        np.savez(
            file,
            *(np.frombuffer(part, np.uint8) for part in [text, *(a.tobytes() for a in arrays)]),
        )


def load(path: Path) -> Any:
    """Read what `save` wrote, each value of its type; ValueError where a file holds anything else."""
    with np.load(path, allow_pickle=False) as file:
        return _read(json.loads(file["arr_0"].tobytes()), file)


def _written(value: Any, arrays: list[Any]) -> Any:
    """A value as JSON has it: dicts say of which type it is. Its arrays are appended to `arrays`."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind in _SEQUENCES.values():
        return {"type": kind.__name__, "of": [_written(entry, arrays) for entry in value]}
    if kind is dict:
        return {
            "type": "dict",
            "of": [[_written(k, arrays), _written(v, arrays)] for k, v in value.items()],
        }
    for kept in _FUNCTIONS:
        name = getattr(value, "__name__", None)
        if isinstance(name, str) and _function(kept, name) is value:
            return {"type": kept, "of": name}
    # By name, for bfloat16 has no other code; names of some types, such as texts, mean no type.
    if (
        (kind is np.ndarray or isinstance(value, np.generic))
        and not value.dtype.hasobject
        and np.dtype(value.dtype.name) == value.dtype
    ):
        arrays.append(value)
        name = "array" if kind is np.ndarray else "scalar"
        at = len(arrays)  # in the file, where the text comes first
        return {"type": name, "of": at, "dtype": value.dtype.name, "shape": list(value.shape)}
    raise TypeError(f"{kind} is not plain.")


def _read(written: Any, file: Any) -> Any:
    if not isinstance(written, dict):
        return written
    kind, of = written["type"], written["of"]
    if kind in _SEQUENCES:
        return _SEQUENCES[kind](_read(entry, file) for entry in of)
    if kind == "dict":
        return {_read(key, file): _read(value, file) for key, value in of}
    if kind in _FUNCTIONS:
        return _function(kind, of)
    flat = np.frombuffer(file[f"arr_{of}"].tobytes(), np.dtype(written["dtype"]))
    array = flat.reshape(written["shape"]).copy()
    return array if kind == "array" else array[()]


def _function(kind: str, name: str) -> Any:
    """A function by its name; None where there is none that is plain."""
    found = getattr(_FUNCTIONS[kind], name, None)
    takes = isinstance(found, types.FunctionType if kind == "keras.ops" else np.ufunc)
    return found if takes else None
