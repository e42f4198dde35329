"""Compiled programs: traced once, kept on disk, and run in a graph and session of their own.

A program is a TensorFlow function of arrays. It is not called as `tf.function` would be, for two reasons:

* `keras.utils.clear_session()`, which users call for each trial, clears all that TensorFlow has set up for
  eager calls, and the next call of any function pays for it again, which takes seconds. A session is
  nobody else's.
* TensorFlow's graph optimiser takes three quarters of a first call, and gains little that the code does not
  have already. In a session it can be left out, and small operations (there are thousands in an ask) can
  be run one after the other without being handed from thread to thread. Large ones are shared among them.

Nothing here depends on the caller's default graph, devices, distribution strategy, eager mode or tapes: a
program is traced in a thread of its own. The calling thread waits where Ctrl-C reaches it at once.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from tfbo import _forks
from tfbo._compile import disk_cache
from tfbo._compile.disk_cache import Traced
from tfbo._compile.eager import computing
from tfbo._compile.sessions import SESSIONS, Place, Session
from tfbo._messages import deferred, is_terminal, say, warn

_LOGGER = logging.getLogger("tfbo")

Result = TypeVar("Result")

CPU = "CPU:0"
# With fewer rows of data than this, operations are too small for several threads: on two cores an ask took
# a tenth less without them at 10 and 100 rows, and up to a fifth more from 200 on.
_FEW_ROWS = 150
_ASIDE = "tfbo-program"
# Who waits longer than this for a program to be made is told so.
_PATIENCE_SECONDS = 1.0
_WAITS = (
    "tfbo: compiling its model, which takes a few seconds and happens once (the result is kept "
    "for later processes)"
)


class Program:
    """A function of arrays that TensorFlow compiles when it is first called.

    It may be called from several threads at once, and be made anew for each call: programs of equal
    function and settings share their sessions (`sessions.py`). What one process traced later ones load
    (`disk_cache.py`).

    Args:
        function: of tfbo, from settings and a structure of tensors to a structure of tensors.
        settings: first argument of the function; hashable, and static.
        signature: the structure that it takes second, of `tf.TensorSpec`; it follows from the settings.
        answer: the structure that it returns, of tuples and of what has `tf.nest`'s protocol; any leaves.
        xla: True to have XLA compile it, anew for each shape of the arrays; else one graph is for all.

    Example:
        >>> import numpy as np, tensorflow as tf
        >>> from tfbo._compile.programs import Program
        >>> vector = tf.TensorSpec([None], tf.float64)
        >>> program = Program(lambda power, x: tf.reduce_sum(x**power), 2, vector, "sum")
        >>> float(program(np.array([1.0, 2.0])))
        5.0
    """

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        settings: Any,
        signature: Any,
        answer: Any,
        *,
        xla: bool = False,
    ) -> None:
        self._function = function
        self._settings = settings
        self._signature = signature
        self._answer = answer
        self._xla = xla
        self._key = (function, settings, xla)

    @property
    def is_ready(self) -> bool:
        """True where a session of it is kept, whatever the device and size."""
        return bool(SESSIONS.of(self._key))

    def __call__(self, asked: Any, device: str = CPU, *, rows: int = 0) -> Any:
        """Run it on arrays in the structure of the signature, on a device as `tf.device` takes it.

        The answer is NumPy arrays in its structure. How it is best run depends on the number of rows.
        ComputeError where TensorFlow cannot compute: in a forked child, or where it is version 1.
        """
        _forks.check_compute()
        specs = tf.nest.flatten(self._signature)
        arrays = [
            np.asarray(array, spec.dtype.as_numpy_dtype)
            for array, spec in zip(tf.nest.flatten(asked), specs, strict=True)
        ]
        shapes = tuple(array.shape for array in arrays) if self._xla else None
        place = Place(device, shapes, not self._xla and rows < _FEW_ROWS)
        flat = aside(functools.partial(self._run, arrays, place))
        return _packed(self._answer, iter(flat))

    def _run(self, arrays: list[np.ndarray], place: Place) -> list[Any]:
        entry = SESSIONS.entry(self._key, place)
        if entry.session is None:
            with _announced(), entry.lock:
                if entry.session is None:
                    entry.session = self._made(place)
                    # What the first run sets up is waited for, too.
                    return entry.session.run(*arrays)
        return entry.session.run(*arrays)

    def _made(self, place: Place) -> Session:
        """A session with the graph: one that is here, or is kept on disk, or is traced now."""
        if not self._xla and (others := SESSIONS.of(self._key)):
            return Session(others[0].traced, place)
        specs = tf.nest.flatten(self._signature)
        if place.shapes is not None:
            specs = [
                tf.TensorSpec(shape, spec.dtype)
                for shape, spec in zip(place.shapes, specs, strict=True)
            ]
        kind = place.device if self._xla else ""
        name = disk_cache.key(self._function, self._settings, specs, kind)
        kept = None if name is None else disk_cache.load(name)
        if kept is not None:
            try:
                return Session(kept, place)
            except Exception:  # whatever it is, tracing anew mends it
                _LOGGER.debug("A graph that was kept cannot be used.", exc_info=True)
        traced = _trace(self._function, self._settings, self._signature, specs, self._xla)
        if name is not None:
            disk_cache.store(name, traced)
        return Session(traced, place)


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    """Leaves in a structure of tuples and values of `tf.nest`'s protocol; its own way takes longer."""
    if hasattr(structure, "__tf_flatten__"):
        static, parts = structure.__tf_flatten__()
        return type(structure).__tf_unflatten__(static, _packed(parts, leaves))
    if not isinstance(structure, tuple):
        return next(leaves)
    parts = [_packed(part, leaves) for part in structure]
    return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)


@computing()
def _trace(
    function: Callable[[Any, Any], Any], settings: Any, signature: Any, specs: list[Any], xla: bool
) -> Traced:
    """The graph of a function."""
    bound = functools.partial(function, settings)
    given = tf.nest.pack_sequence_as(signature, specs)
    program = tf.function(bound, autograph=False, jit_compile=True if xla else None)
    concrete = program.get_concrete_function(given)
    if not xla:
        assert not concrete.captured_inputs, "a program depends on its settings and arrays alone"
        graph = concrete.graph
        return _traced(_functional(graph.as_graph_def()), concrete.inputs, concrete.outputs)
    graph = tf.Graph()
    with graph.as_default():
        feeds = [tf.compat.v1.placeholder(spec.dtype, spec.shape) for spec in specs]
        answer = concrete(tf.nest.pack_sequence_as(signature, feeds))
    return _traced(graph.as_graph_def(), feeds, tf.nest.flatten(answer))


def _traced(definition: Any, feeds: list[tf.Tensor], fetches: list[tf.Tensor]) -> Traced:
    _forget_gradients(definition)
    names = (tuple(tensor.name for tensor in tensors) for tensors in (feeds, fetches))
    return Traced(definition.SerializeToString(deterministic=True), *names)


def _forget_gradients(definition: Any) -> None:
    """Drop the gradients that tracing registered: no one asks for them, and they hold what was traced.

    TensorFlow keeps what `tf.custom_gradient` registers, under a name of its own in each graph, for as long
    as the process lives: 20 MB for an ask.
    """
    kept = getattr(ops.gradient_registry, "_registry", {})
    for node in _nodes(definition):
        if "_gradient_op_type" in node.attr:
            kept.pop(node.attr["_gradient_op_type"].s.decode(), None)


def _nodes(definition: Any) -> Iterator[Any]:
    """Each node of a graph and of the functions that it calls."""
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _functional(definition: Any) -> Any:
    """The graph with its loops and branches kept as functions, which one thread can run."""
    for node in _nodes(definition):
        if "_lower_using_switch_merge" in node.attr:
            del node.attr["_lower_using_switch_merge"]
    return definition


class _Waiting:
    """Count of the threads that wait for a program to be made, and if anybody was told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.programs = 0
        self.told = False


_WAITING = _Waiting()


@contextlib.contextmanager
def _announced() -> Iterator[None]:
    """While a program is made, or waited for."""
    with _WAITING.lock:
        _WAITING.programs += 1
    try:
        yield
    finally:
        with _WAITING.lock:
            _WAITING.programs -= 1


def _say_why() -> None:
    """Tell whoever waits for a program, once in a process: in the log, and in a terminal or notebook."""
    with _WAITING.lock:
        if _WAITING.told or not _WAITING.programs:
            return
        _WAITING.told = True
    _LOGGER.info("%s", _WAITS)
    if is_terminal(sys.stderr) or "ipykernel" in sys.modules:
        say(_WAITS, sys.stderr)


def aside(work: Callable[[], Result]) -> Result:
    """The result of work that is done in a thread of its own, while this one can be interrupted.

    A compiled program does not notice Ctrl-C, and Python's main thread only between two steps of Python.
    After Ctrl-C the work comes to its end by itself. A thread takes a tenth of a millisecond to start: what
    runs several programs is work as a whole, and within it each runs where it is.
    """
    if threading.current_thread().name == _ASIDE:
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    texts: list[str] = []
    done = threading.Event()

    def run() -> None:
        try:
            with deferred(texts):
                results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    try:
        threading.Thread(target=run, name=_ASIDE).start()
    except RuntimeError:  # the interpreter is going down, or there are no more threads
        return work()
    # Other threads than the main one make programs ahead, and nobody waits for them.
    waited_for = threading.current_thread() is threading.main_thread()
    if not done.wait(_PATIENCE_SECONDS) and waited_for:
        _say_why()
    done.wait()
    for text in texts:
        warn(text)
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # it holds this frame, and this frame it
    return results[0]
