import pytest


@pytest.fixture(autouse=True)
def traces(monkeypatch):
    """Functions that are traced from now on, with no session kept from before."""
    from tfbo._compile import programs
    from tfbo._compile.sessions import SESSIONS

    SESSIONS.clear()
    made, trace = [], programs._trace  # noqa: SLF001

    def counted(function, *arguments):
        made.append(function)
        return trace(function, *arguments)

    monkeypatch.setattr(programs, "_trace", counted)
    return made
