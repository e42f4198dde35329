import pytest


@pytest.fixture
def traced(monkeypatch):
    """Names of the functions that are traced from now on, with no session kept from before."""
    from tfbo._compile import programs
    from tfbo._compile.sessions import SESSIONS

    SESSIONS.clear()
    names, trace = [], programs._trace  # noqa: SLF001

    def counted(function, *arguments):
        names.append(function.__name__)
        return trace(function, *arguments)

    monkeypatch.setattr(programs, "_trace", counted)
    return names


@pytest.fixture
def fits(monkeypatch):
    """A list that grows by the number of data of each fit that is computed from now on."""
    from tfbo._compile.programs import Program

    counts, call = [], Program.__call__

    def counted(self, asked, *arguments, **settings):
        if self._function.__name__ == "_fit":
            counts.append(len(asked.mask))
        return call(self, asked, *arguments, **settings)

    monkeypatch.setattr(Program, "__call__", counted)
    return counts
