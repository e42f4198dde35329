"""The graphs that a process has ready to run, each in a session; only so many are kept.

A session takes tens of megabytes, and a process may make any number of studies, each of a space of its
own. So all programs share one bounded cache: what was not used for longest is dropped, and made again if it
is asked for again, which takes a second or two. Its memory is given back when nobody runs it any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from tfbo._compile.disk_cache import Traced

# The two sessions of an ask take about 44 MB together. A study needs two to six.
_MOST = 32


class Place(NamedTuple):
    """Purpose of one session of a program."""

    device: str
    """As `tf.device` takes it."""
    shapes: tuple[tuple[int, ...], ...] | None
    """Shapes of the arrays, where XLA compiles for them."""
    one_thread: bool
    """True where its operations are run one after the other."""


class Session:
    """A graph that is ready to run on a device."""

    def __init__(self, traced: Traced, place: Place) -> None:
        self.traced = traced
        graph = tf.Graph()
        with graph.as_default(), tf.device(place.device):
            definition = tf.compat.v1.GraphDef.FromString(traced.graph)
            tf.graph_util.import_graph_def(definition, name="")
        for name in (*traced.feeds, *traced.fetches):
            graph.get_tensor_by_name(name)  # KeyError where there is none
        self._session = tf.compat.v1.Session(graph=graph, config=_config(place))
        # The public `make_callable` looks every feed and fetch up at each run, which takes a millisecond.
        options = CallableOptions(feed=traced.feeds, fetch=traced.fetches)
        make = self._session._make_callable_from_options  # noqa: SLF001
        self.run: Callable[..., list[np.ndarray]] = make(options)


class Entry:
    """Room for one session, which the first thread that comes for it makes while others wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None


class Info(NamedTuple):
    """Use of a cache since it was cleared."""

    entries: int
    hits: int
    misses: int


class Sessions:
    """The sessions of all programs, by program and place; `most` of them are kept."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.clear()

    def entry(self, program: Hashable, place: Place) -> Entry:
        """The entry of a program at a place, which is new where there was none."""
        with self._lock:
            found = self._entries.get((program, place))
            if found is None:
                self._misses += 1
                found = self._entries[program, place] = Entry()
                if len(self._entries) > self._most:
                    self._entries.popitem(last=False)
            else:
                self._hits += 1
                self._entries.move_to_end((program, place))
            return found

    def of(self, program: Hashable) -> list[Session]:
        """The sessions of a program that are ready."""
        with self._lock:
            entries = [entry for key, entry in self._entries.items() if key[0] == program]
        return [entry.session for entry in entries if entry.session is not None]

    def info(self) -> Info:
        """Number of entries, and of calls that found theirs or did not."""
        with self._lock:
            return Info(len(self._entries), self._hits, self._misses)

    def clear(self) -> None:
        """Forget all sessions, and what was counted."""
        with self._lock:
            self._entries: OrderedDict[tuple[Hashable, Place], Entry] = OrderedDict()
            self._hits = self._misses = 0


SESSIONS = Sessions()
"""Those of this process."""


def _config(place: Place) -> Any:
    # TensorFlow's threads and devices are set up by whatever needs them first, for the whole process:
    # that has to be what heeds the user's settings.
    tf.config.list_logical_devices()
    config = tf.compat.v1.ConfigProto()
    if not place.device.startswith("CPU"):
        from tensorflow.python.eager import context  # there is no public way to the user's settings

        config.MergeFrom(context.context().config)
        config.allow_soft_placement = True
    else:
        config.device_count["GPU"] = 0
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    if place.one_thread:
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    return config
