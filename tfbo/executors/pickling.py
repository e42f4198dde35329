"""Messages between a process and those that it starts: the only pickle of tfbo, and never a file."""

from __future__ import annotations

import io
import pickle
import sys
import traceback
import types
from collections.abc import Iterable
from typing import Any

from tfbo.errors import RemoteError, invalid

loads = pickle.loads


class _Pickler(pickle.Pickler):
    """The standard one, which refuses what other processes cannot import: what a notebook defines."""

    def reducer_override(self, item: Any) -> Any:
        named = isinstance(item, (type, types.FunctionType))
        if named and item.__module__ == "__main__" and not _imports_main():
            raise pickle.PicklingError(
                f"{item.__qualname__} is defined in a session, not in a file"
            )
        return NotImplemented


def dumps(what: Any, argument: str) -> bytes:
    """Pickle by the standard library, else by cloudpickle, else raise InvalidArgument of that argument."""
    try:
        return _standard(what)
    except Exception as error:  # objects raise what they like when they are pickled
        failure = error
    advice = (
        "Define it at the top level of a file that can be imported, beside nothing but plain data"
    )
    try:
        import cloudpickle
    except ImportError:
        advice += ', or install cloudpickle: pip install "tfbo[parallel]".'
    else:
        try:
            return bytes(cloudpickle.dumps(what))
        except Exception as error:
            failure, advice = error, f"{advice}; cloudpickle, too, says no."
    what_failed = f"{type(failure).__name__}: {failure}"
    raise invalid(argument, "what can be sent to another process", what_failed, advice) from failure


def _standard(what: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(what)
    return buffer.getvalue()


def _imports_main() -> bool:
    """True where a child has the main module of this process: a file that is no `__main__.py`."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return not (spec.name == "__main__" or spec.name.endswith(".__main__"))
    return hasattr(main, "__file__")


class Raised:
    """An exception of a worker, which reaches the caller whether or not it can be pickled.

    Beyond the process it is what comes out of the pickle, with the traceback as its cause, else a
    `RemoteError` of that text; `names` are those of its classes where it was raised.
    """

    def __init__(self, error: BaseException, names: frozenset[str] | None = None) -> None:
        self.error = error
        self._names = _names(type(error).__mro__) if names is None else names

    def is_one_of(self, kinds: type[BaseException] | tuple[type[BaseException], ...]) -> bool:
        """True where `except kinds` would catch the exception where it was raised."""
        listed = kinds if isinstance(kinds, tuple) else (kinds,)
        return isinstance(self.error, kinds) or bool(self._names & _names(listed))

    def __reduce__(self) -> tuple[Any, ...]:
        text = "".join(traceback.format_exception(self.error)).rstrip()
        try:
            pickled = _standard(self.error)
            loads(pickled)  # one whose constructor wants other arguments fails only here
        except Exception:
            pickled = b""
        return _rebuilt, (pickled, text, self._names)


def _rebuilt(pickled: bytes, text: str, names: frozenset[str]) -> Raised:
    remote = RemoteError(f"In another process:\n{text}")
    try:
        error = loads(pickled) if pickled else remote
    except Exception:  # a module that is there and not here
        error = remote
    if error is not remote:
        error.__cause__ = remote
    return Raised(error, names)


def _names(classes: Iterable[type]) -> frozenset[str]:
    # The main module has another name in the children of multiprocessing.
    return frozenset(
        f"{cls.__module__}.{cls.__qualname__}".replace("__mp_main__.", "__main__.", 1)
        for cls in classes
    )
