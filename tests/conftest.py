import importlib
import os
import signal
import sys

# Set before TensorFlow is imported: its start-up notices would drown the reports of failures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Each run traces what it tests: some tests change the code that is traced.
os.environ["TFBO_CACHE"] = "off"

import pytest
from hypothesis import settings

# No time limits, and the same examples everywhere: a machine that is busy must not fail a test.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# What a shell runs in the background ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def no_session_of_another_file():
    """Have each file begin and leave without compiled programs: what they take is given back."""
    yield
    sessions = sys.modules.get("tfbo._compile.sessions")
    if sessions is not None:
        sessions.SESSIONS.clear()


def pytest_ignore_collect(collection_path, config):
    """Without the slow tests, files of nothing else are not imported: Ray alone takes 200 MB."""
    if config.option.markexpr == "not slow" and collection_path.suffix == ".py":
        text = collection_path.read_text(encoding="utf-8")
        return "\npytestmark = pytest.mark.slow\n" in text or None
    return None


@pytest.fixture(autouse=True)
def fewer_points_of_importance(request, monkeypatch):
    """Sobol indices from few points, but in slow tests: all of them take 850 MB, which TensorFlow keeps."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(importlib.import_module("tfbo.importance"), "_POINTS", 512)
