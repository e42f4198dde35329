"""TensorFlow without what it writes to standard error when it is imported."""

from __future__ import annotations

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow and show what it prints only where that fails.

    Notes about processors and drivers are written past Python, before TensorFlow has read its own
    setting; while it is imported, the file descriptor of standard error therefore leads to a file. From
    then on the setting holds. It may be given: where TF_CPP_MIN_LOG_LEVEL is 0, all is shown.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules or level == "0":
        return
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
