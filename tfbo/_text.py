"""Text from elsewhere, made fit to be shown in a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""A text without what moves a cursor, clears a terminal or turns the order of letters: escaped.

    Example:
        >>> print(printable("a\x1b[2Jb"))
        a\x1b[2Jb
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
