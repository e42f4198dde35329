"""HTML from Python: text is escaped, unless it is marked as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element; `_` in the name of an attribute stands for `-`, one after it for nothing.

    Example:
        >>> tag("p", "1 < 2 ", tag("b", "yes"), class_="note")
        '<p class="note">1 &lt; 2 <b>yes</b></p>'
    """
    pairs = (
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{''.join(pairs)}>{join(content)}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after the other."""
    return Html(
        between.join(p if isinstance(p, Html) else html.escape(str(p), quote=False) for p in parts)
    )
