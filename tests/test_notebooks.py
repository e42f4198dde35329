"""The notebooks run, and are committed with what they print and draw."""

import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
# Of what takes minutes for the sake of its results, less is run.
SHORTER = {
    "02_keras": {"TRAININGS = 18": "TRAININGS = 7", "[10, 30, 50]": "[10]"},
    "07_learning_curves": {"TRAININGS = 6": "TRAININGS = 2"},
    "08_several_goals": {"TRIALS = 30": "TRIALS = 10"},
}


def read(path):
    return nbformat.read(path, as_version=4)


def is_installed(cell):
    """Whether what a cell says that it needs is there."""
    return importlib.util.find_spec(cell.metadata.get("needs", "tfbo")) is not None


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = read(path)
    notebook.cells = [cell for cell in notebook.cells if is_installed(cell)]
    for long, short in SHORTER.get(path.stem, {}).items():
        (cell,) = (cell for cell in notebook.cells if long in cell.source)
        cell.source = cell.source.replace(long, short)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert Path(spec.argv[0]).parent == Path(sys.executable).parent or spec.argv[0] == "python"
    client.execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_opens_with_what_the_reader_will_be_able_to_do_and_has_its_outputs(path):
    cells = read(path).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    assert "After this notebook you will be able to" in cells[0].source
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_pictures_are_those_of_the_code_of_today(path):
    spec = importlib.util.spec_from_file_location("run", path.parent / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    again = f"python notebooks/run.py {path.stem}"
    assert read(path).metadata.get("drawn_by") == run.drawn_by(), f"Draw them anew: {again}"


def test_there_are_eight():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, 9)]
