"""Lines and warnings on a terminal, and text from elsewhere made fit to be shown there."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from tfbo.errors import TFBOWarning

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
"""The folder of tfbo, with a separator at its end: code in other files is somebody else's."""


def printable(text: str) -> str:
    r"""A text without what moves a cursor, clears a terminal or turns the order of letters: escaped.

    Example:
        >>> print(printable("a\x1b[2Jb"))
        a\x1b[2Jb
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def encodable(text: str, stream: Any) -> str:
    r"""A text as a stream can write it: what its encoding does not have is escaped.

    Example:
        >>> import io
        >>> print(encodable("rate é", io.TextIOWrapper(io.BytesIO(), encoding="ascii")))
        rate \xe9
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:  # no name of an encoding
        return text.encode("ascii", "backslashreplace").decode()


def say(text: str, stream: Any) -> None:
    """Print a line that is not worth an error: where the stream is None, closed or broken it is lost."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            print(encodable(text, stream), file=stream, flush=True)


def width() -> int:
    """Columns of the terminal that standard error is; 80 where it is none."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):
        columns = 0
    return columns or shutil.get_terminal_size().columns


def is_terminal(stream: Any) -> bool:
    """True where a stream is a terminal; not where it is None, closed or broken."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return bool(stream.isatty())
    return False


@contextlib.contextmanager
def escaping(*streams: Any) -> Iterator[None]:
    """Have streams escape what they cannot encode, for as long as they are ours."""
    errors = {stream: stream.errors for stream in streams if hasattr(stream, "reconfigure")}
    with contextlib.suppress(ValueError):  # closed
        for stream in errors:
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            for stream, before in errors.items():
                stream.reconfigure(errors=before)


_DEFERRED = threading.local()


@contextlib.contextmanager
def deferred(texts: list[str]) -> Iterator[None]:
    """Collect the texts of warnings of this thread, which are left to the one that waits for it."""
    _DEFERRED.texts = texts
    try:
        yield
    finally:
        del _DEFERRED.texts


def warn(text: str) -> None:
    """Warn of a cause, at the line outside of tfbo that led to it.

    Python shows a text once for each line that led to it, so a text names the cause and not the trial:
    what differs from trial to trial belongs into the log, under the name `tfbo`.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn("Trials fail.")
        >>> str(caught[0].message), caught[0].category.__name__
        ('Trials fail.', 'TFBOWarning')
    """
    if hasattr(_DEFERRED, "texts"):
        _DEFERRED.texts.append(text)
        return
    frame, level = sys._getframe(1), 2  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(text, TFBOWarning, stacklevel=level)
    except ValueError:  # standard error is closed, or cannot encode the text or the line of code
        say(f"TFBOWarning: {text}", sys.stderr)
