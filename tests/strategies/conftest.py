import pytest


@pytest.fixture
def traced(monkeypatch):
    """Names of the functions that are traced from now on, with no program kept from before."""
    from tfbo import _compile
    from tfbo.strategies import model, program, thompson

    for cache in (program.compiled, model.compiled_fit, thompson.compiled):
        cache.cache_clear()
    names, trace = [], _compile._trace

    def counted(function, *arguments):
        names.append(function.__name__)
        return trace(function, *arguments)

    monkeypatch.setattr(_compile, "_trace", counted)
    return names
