"""The same scripts under keras-tuner and under tfbo.keras: the import is the only difference."""

import gc
import importlib
import importlib.util
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parent / "scripts"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "conftest")
MODULES = ("tfbo.keras", "keras_tuner")
IMPORT = "import keras_tuner as kt\n"


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Runs a script under a module, once, in a folder of its own; gives its RESULT."""
    found = {}
    for module in ("keras", *MODULES):
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module)
    # Both collect garbage before each build: half the time, if they looked at all of TensorFlow.
    gc.freeze()

    def run(script, module):
        if importlib.util.find_spec("keras_tuner") is None and module == "keras_tuner":
            pytest.skip("keras-tuner is not installed")
        if (script, module) not in found:
            path = FOLDER / f"{script}.py"
            source = path.read_text(encoding="utf-8")
            assert source.count(IMPORT) == 1
            source = source.replace(IMPORT, f"import {module} as kt\n")
            names = {"__name__": f"{script}_under_{module}"}
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp(script))
                exec(compile(source, str(path), "exec"), names)
            found[script, module] = names["RESULT"]
        return found[script, module]

    yield run
    gc.unfreeze()


def test_there_are_scripts():
    assert len(SCRIPTS) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_script_runs(script, module, facts):
    assert facts(script, module)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_script_finds_the_same(script, facts):
    ours, theirs = facts(script, "tfbo.keras"), facts(script, "keras_tuner")
    assert ours == theirs
    # Once more as text, which tells True from 1 and 1 from 1.0.
    assert repr(ours) == repr(theirs)
