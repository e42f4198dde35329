"""Run the notebooks, or those named, and keep what they print and draw.

    python notebooks/run.py 01_quickstart

To be run when what they show has changed, such as a picture; a test says so where it was forgotten.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def drawn_by() -> str:
    """A digest of the code that draws pictures."""
    files = sorted((FOLDER.parent / "tfbo" / "plots").rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def run(path: Path) -> None:
    """Run a notebook in an empty folder, and write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook, digest = nbformat.read(path, as_version=4), drawn_by()
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times, which differ from run to run
        if "outputs" in cell:
            cell.outputs = _kept(cell.outputs)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "drawn_by": digest,
    }
    nbformat.write(notebook, path)


def _kept(outputs: list[Any]) -> list[Any]:
    """Outputs as one reads them: a text that was printed in pieces whole, and of others' notes none.

    Of standard error, on which TensorFlow, Ray and others write about the machine, only the lines of
    tfbo's own trials are kept.
    """
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                output.text = kept.pop().text + output.text
            if output.name == "stderr":
                lines = output.text.splitlines(keepends=True)
                output.text = "".join(line for line in lines if line.startswith("trial "))
            if not output.text:
                continue
        kept.append(output)
    return kept


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        if len(sys.argv) == 1 or path.stem in sys.argv[1:]:
            print(path.stem, flush=True)
            run(path)
