"""Text from elsewhere, made fit to be shown in a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


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
