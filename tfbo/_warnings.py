"""Warnings that a user sees without configuring anything, once for each cause."""

from __future__ import annotations

import os
import sys
import warnings

from tfbo._text import say
from tfbo.errors import TFBOWarning

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


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
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(text, TFBOWarning, stacklevel=level)
    except ValueError:  # standard error is closed, or cannot encode the text or the line of code
        say(f"TFBOWarning: {text}", sys.stderr)
