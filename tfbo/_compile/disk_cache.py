"""Traced graphs on disk, so that a later process need not trace again what an earlier one did.

A file holds one graph, under a key made of everything that it depends on. Files are written as a whole or
not at all; one that is unreadable, damaged, or that another user could have written is passed over, for
tracing again costs seconds and nothing else. `TFBO_CACHE` names another folder, or turns this off.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import os
import platform
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

_LOGGER = logging.getLogger("tfbo")

_MAGIC = b"tfbo graph 1\n"
_END = ".graph"
# A graph is about 80 kB as it is stored, 1 MB as it is used. The newest are kept.
_MOST_FILES, _MOST_BYTES = 200, 2**28
_OFF = ("", "0", "off", "none")
# Where the code is that graphs are traced from.
_TRACED = ("", "_compile/", "gp/", "optim/", "acquisition/", "space/**/", "strategies/**/")


class Traced(NamedTuple):
    """A graph, and where it takes and gives tensors."""

    graph: bytes
    """A serialised `tf.compat.v1.GraphDef`."""
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]


def folder() -> Path | None:
    """The folder of the files: the user's cache folder, or `TFBO_CACHE`; None where that says off."""
    chosen = os.environ.get("TFBO_CACHE")
    if chosen is not None:
        return None if chosen.lower() in _OFF else Path(chosen).expanduser()
    try:
        import platformdirs
    except ImportError:  # installed without its dependencies, as beside a TensorFlow that is given
        return None
    return platformdirs.user_cache_path("tfbo", appauthor=False) / "graphs"


def key(function: Callable[..., Any], settings: Any, specs: Any, compiled_for: str) -> str | None:
    """A name for the graph of a function: equal only where everything is that the graph depends on.

    Settings tell one graph from another: plain values, and classes and functions of tfbo and TensorFlow
    Probability. None where it depends on code that only this process knows, such as an acquisition of
    the user's. `compiled_for` is a device, or nothing where XLA does not compile it.
    """
    try:
        parts = [_versions(), _described(function), _described(settings), compiled_for]
        parts += [f"{spec.dtype.name}{spec.shape}" for spec in specs]
    except _Unknown as unknown:
        _LOGGER.debug("A graph is not kept on disk: it depends on %s.", unknown)
        return None
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load(name: str) -> Traced | None:
    """The graph of that name; None where there is none that can be trusted and read."""
    where = folder()
    if where is None:
        return None
    path = where / f"{name}{_END}"
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                raise ValueError("another user could have written it")
            content = file.read(_MOST_BYTES)
        traced = _parsed(content)
        with contextlib.suppress(OSError):
            os.utime(path)  # the newest are kept
        return traced
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, zlib.error) as error:
        _LOGGER.debug("The graph in %s is passed over: %s", path, error)
        return None


def store(name: str, traced: Traced) -> None:
    """Keep a graph; where that cannot be, it is traced again next time."""
    where = folder()
    if where is None:
        return
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=where, suffix=".draft")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_written(traced))
            os.replace(draft, where / f"{name}{_END}")
        except BaseException:
            os.unlink(draft)
            raise
        _drop_old(where)
    except OSError as error:
        _LOGGER.debug("A graph was not kept in %s: %s", where, error)


def _written(traced: Traced) -> bytes:
    names = json.dumps({"feeds": traced.feeds, "fetches": traced.fetches}).encode()
    payload = zlib.compress(names + b"\n" + traced.graph, level=1)
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _parsed(content: bytes) -> Traced:
    """Read what `_written` wrote; ValueError for anything else."""
    start = len(_MAGIC) + hashlib.sha256().digest_size
    digest, payload = content[len(_MAGIC) : start], content[start:]
    if not content.startswith(_MAGIC) or hashlib.sha256(payload).digest() != digest:
        raise ValueError("it is damaged, or no graph of tfbo's")
    names, _, graph = zlib.decompressobj().decompress(payload, _MOST_BYTES).partition(b"\n")
    known = json.loads(names)
    return Traced(graph, tuple(known["feeds"]), tuple(known["fetches"]))


def _is_ours(status: os.stat_result) -> bool:
    """True where nobody but this user could have written a file: it is run as part of the program."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _drop_old(where: Path) -> None:
    """Delete the files that were not used for longest, and drafts of processes that died."""
    files = sorted(where.glob(f"*{_END}"), key=_last_used, reverse=True)
    newest = _last_used(files[0]) if files else 0.0
    dead = [draft for draft in where.glob("*.draft") if newest - _last_used(draft) > 3600.0]
    for path in (*files[_MOST_FILES:], *dead):
        path.unlink(missing_ok=True)


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process was faster
        return 0.0


@functools.cache
def _versions() -> str:
    """All code that graphs are traced from: versions of packages, and tfbo's own source."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for pattern in _TRACED for path in root.glob(f"{pattern}*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    packages = (tf.__version__, tfp.__version__, np.__version__, platform.machine())
    return json.dumps([*packages, digest.hexdigest()])


class _Unknown(Exception):
    """A value of which the name does not say what it is."""


def _described(value: Any) -> str:
    """A text that is equal for equal values only, in all processes."""
    return json.dumps(list(_parts(value)))


def _parts(value: Any) -> Iterator[str]:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        yield f"{kind.__name__} {value!r}"
    elif isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        yield _qualified(value)
    elif isinstance(value, tuple):
        yield f"{_qualified(kind)} of {len(value)}"
        for entry in value:
            yield from _parts(entry)
    elif hasattr(value, "to_json"):
        yield f"{_qualified(kind)} {value.to_json()}"
    elif dataclasses.is_dataclass(value):
        yield _qualified(kind)
        for field in dataclasses.fields(value):
            yield field.name
            yield from _parts(getattr(value, field.name))
    else:
        raise _Unknown(repr(value))


def _qualified(value: Any) -> str:
    """The name of a class or function of code that `_versions` covers."""
    module, name = value.__module__, value.__qualname__
    if value is tuple:
        return "tuple"
    if "<" in name or not module.startswith(("tfbo.", "tensorflow_probability.")):
        raise _Unknown(f"{module}.{name}")
    return f"{module}.{name}"
