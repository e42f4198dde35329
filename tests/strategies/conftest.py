import pytest


@pytest.fixture
def traced(monkeypatch):
    """Names of the functions that are traced from now on, with no program kept from before."""
    from tfbo._compile import programs
    from tfbo.strategies.bayes import fit, greedy, thompson

    for cache in (greedy.compiled, fit.compiled_fit, thompson.compiled):
        cache.cache_clear()
    names, trace = [], programs._trace

    def counted(function, *arguments):
        names.append(function.__name__)
        return trace(function, *arguments)

    monkeypatch.setattr(programs, "_trace", counted)
    return names
