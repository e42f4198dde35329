import pytest


@pytest.fixture
def traced(monkeypatch):
    """Names of the functions that are traced from now on, with no session kept from before."""
    from tfbo._compile import programs
    from tfbo._compile.sessions import SESSIONS

    SESSIONS.clear()
    names, trace = [], programs._trace

    def counted(function, *arguments):
        names.append(function.__name__)
        return trace(function, *arguments)

    monkeypatch.setattr(programs, "_trace", counted)
    return names
