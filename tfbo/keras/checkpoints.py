"""Weights of trials on disk, and with what shapes each layer was built, so that they can be loaded.

Weights belong to layers that are built, and a model that finds its shapes in its data is not built
before it has seen some. So the shapes of every layer are stored beside the weights.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfbo.keras.errors import FatalRuntimeError
from tfbo.keras.project import BUILD, CHECKPOINT


def save(model: Any, folder: Path, prefix: str = "") -> None:
    """Save weights, and with what the model was built, as a whole or not at all."""
    draft = folder / f"{prefix}draft.{CHECKPOINT}"
    model.save_weights(draft)
    text = json.dumps(_shapes(model, set()), default=list)
    (folder / f"{prefix}{BUILD}").write_text(text, encoding="utf-8")
    os.replace(draft, folder / f"{prefix}{CHECKPOINT}")


def load(model: Any, folder: Path, prefix: str = "") -> None:
    """Load weights into a model of the same hyperparameters; FatalRuntimeError where there are none."""
    if not (folder / f"{prefix}{CHECKPOINT}").exists():
        raise FatalRuntimeError(
            f"There are no weights in {str(folder)!r}: only those of the best trials are kept (set "
            "tuner.max_checkpoints before the search), and a fit of your own has to pass the "
            "callbacks that it is given on to model.fit."
        )
    build = folder / f"{prefix}{BUILD}"
    if build.exists():
        shapes = json.loads(build.read_text(encoding="utf-8"), object_hook=_with_tuples)
        _build(model, shapes, set())
    optimizer = getattr(model, "optimizer", None)
    variables = model.trainable_variables
    if variables and optimizer is not None and not optimizer.built:
        optimizer.build(variables)  # it is in the file too, and training can go on
    model.load_weights(folder / f"{prefix}{CHECKPOINT}")


def _shapes(layer: Any, seen: set[int]) -> dict[str, Any]:
    """Shapes that a layer and those within it were built with, in the order in which it holds them."""
    seen.add(id(layer))
    layers = []
    for child in _within(layer):
        if id(child) not in seen:
            layers.append(_shapes(child, seen))
    return {"build": layer.get_build_config() if layer.built else None, "layers": layers}


def _build(layer: Any, shapes: dict[str, Any], seen: set[int]) -> None:
    """Build a layer and those within it as `_shapes` found them; those that are built stay."""
    seen.add(id(layer))
    own = not getattr(layer.build, "_is_default", False)
    if own and shapes["build"] and not layer.built:
        # It may make those within it, so it comes first.
        layer.build_from_config(shapes["build"])
    there = iter(shapes["layers"])
    for child in _within(layer):
        found = next(there, None) if id(child) not in seen else None
        if found is not None:
            _build(child, found, seen)
    if shapes["build"] and not layer.built:
        # It has no `build`. To call it on symbols, as Keras would, takes more than shapes. A model that
        # is saved again has to know them; Keras has no public name for that, nor for those within.
        layer._build_shapes_dict = shapes["build"].get("shapes_dict") or shapes["build"]  # noqa: SLF001
        layer.built = True


def _within(layer: Any) -> list[Any]:
    return list(layer._flatten_layers(include_self=False, recursive=False))  # noqa: SLF001


def _with_tuples(read: dict[str, Any]) -> dict[str, Any]:
    """Shapes as tuples, as Keras gives them to `build`: JSON has made lists of them."""
    return {name: _as_tuple(value) if _is_shape(value) else value for name, value in read.items()}


def _is_shape(value: Any) -> bool:
    """Tell lists of sizes, and lists of such lists."""
    entries = value if isinstance(value, list) else []
    return bool(entries) and all(e is None or isinstance(e, int) or _is_shape(e) for e in entries)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def drop(folders: Iterable[Path]) -> None:
    """Delete the weights in those folders."""
    for folder in folders:
        for name in (CHECKPOINT, f"draft.{CHECKPOINT}", BUILD):
            (folder / name).unlink(missing_ok=True)
