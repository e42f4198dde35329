"""The command `tfbo`, which is also `python -m tfbo`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfbo
from tfbo._interrupts import STATUS, Interrupts
from tfbo._text import printable
from tfbo.errors import TFBOError, invalid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tfbo.study import Study

_KINDS = (
    "history", "slices", "contour", "importance", "parallel_coordinates", "calibration", "timeline",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 1 for an error, 130 after Ctrl-C."""
    parsed = _parser().parse_args(arguments)
    interrupts = Interrupts()
    try:
        with warnings.catch_warnings(), interrupts, interrupts.allowed():
            # matplotlib's, of characters that have no shape, which it would print.
            warnings.filterwarnings("ignore", r"Glyph \d+ \([\x00-\x1f\x7f-\x9f]", UserWarning)
            status = int(parsed.run(parsed))
        return STATUS if interrupts.arrived else status
    except TFBOError as error:
        for line in f"tfbo: {error}".split("\n"):
            print(printable(line), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not interrupts.arrived:  # else it has been said that it was heard
            print("tfbo: interrupted", file=sys.stderr)
        return STATUS
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfbo", description="Bayesian optimisation in TensorFlow."
    )
    parser.add_argument("--version", action="version", version=f"tfbo {tfbo.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="tune a Keras network on handwritten digits")
    demo.add_argument("--trials", type=_positive, default=None, help="trials to add (30; quick: 6)")
    demo.add_argument("--storage", default="tfbo-demo.db", help="SQLite file (%(default)s)")
    demo.add_argument(
        "--seed", type=_natural, default=0, help="of suggestions and weights (%(default)s)"
    )
    demo.add_argument("--quick", action="store_true", help="6 trials of two epochs each")
    demo.set_defaults(run=_demo)

    show = commands.add_parser("show", help="list the studies of a file, or the trials of a study")
    show.add_argument("storage", help="SQLite file")
    show.add_argument("name", nargs="?", help="a study: list its trials, best first")
    show.set_defaults(run=_show)

    report = _of_a_study(commands, "report", "write a study as one HTML page, with pictures")
    report.add_argument("-o", "--output", required=True, help="the page to write: report.html")
    report.set_defaults(run=_report)

    plot = _of_a_study(commands, "plot", "draw a picture of a study")
    plot.add_argument("--kind", required=True, choices=_KINDS, help="which picture")
    plot.add_argument(
        "--params", nargs="+", metavar="P", help="hyperparameters: of slices, contour (two) and "
        "parallel_coordinates",
    )  # fmt: skip
    plot.add_argument(
        "-o", "--output", required=True, help="the file to write: x.png, x.svg, x.pdf"
    )
    plot.set_defaults(run=_plot)

    export = _of_a_study(commands, "export", "write a study as CSV or JSON")
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", action="store_true", help="a line for each trial")
    form.add_argument("--json", action="store_true", help="all that is known")
    export.add_argument("-o", "--output", help="the file to write; standard output without")
    export.set_defaults(run=_export)
    return parser


def _of_a_study(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A command that reads one study."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("storage", help="SQLite file")
    parser.add_argument("name", nargs="?", help="a study; not needed where there is only one")
    return parser


def _demo(parsed: argparse.Namespace) -> int:
    # Say so before TensorFlow is loaded, or it prints pages of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfbo import demo

    trials = parsed.trials or (6 if parsed.quick else 30)
    return demo.run(trials=trials, storage=parsed.storage, seed=parsed.seed, quick=parsed.quick)


def _show(parsed: argparse.Namespace) -> int:
    from tfbo import show

    storage = tfbo.SQLiteStorage(parsed.storage, create=False)
    print(show.studies(storage) if parsed.name is None else show.trials(storage, parsed.name))
    return 0


def _report(parsed: argparse.Namespace) -> int:
    study = _snapshot(parsed)
    from tfbo import report

    _write(parsed.output, report.html(study, location=parsed.storage))
    print(f"Wrote {parsed.output}.")
    return 0


def _plot(parsed: argparse.Namespace) -> int:
    study = _snapshot(parsed)
    try:
        figure = _drawn(study, parsed.kind, parsed.params or [])
        known = sorted(figure.canvas.get_supported_filetypes())
        if Path(parsed.output).suffix[1:].lower() not in known:
            advice = "For example x.png."
            raise invalid("--output", f"a file that ends in one of {known}", parsed.output, advice)
        with _explained(parsed.output):
            figure.savefig(parsed.output)
    except TFBOError:
        raise
    except (
        ValueError,
        ArithmeticError,
    ) as error:  # matplotlib's, of numbers near the largest floats
        raise TFBOError(f"The study cannot be drawn: {error}. Choose another kind.") from error
    print(f"Wrote {parsed.output}.")
    return 0


def _drawn(study: Study, kind: str, params: list[str]) -> Figure:
    from tfbo import plots

    draw = getattr(plots, kind)
    if kind == "contour" and len(params) <= 2:
        drawn = draw(study, *params)
    elif kind in ("slices", "parallel_coordinates"):
        drawn = draw(study, params or None)
    elif params:
        most = "two names at most" if kind == "contour" else f"no names for {kind}"
        raise invalid("--params", most, params, "Name fewer hyperparameters.")
    else:
        drawn = draw(study)
    figure: Figure = (drawn[0] if kind == "slices" else drawn).figure
    return figure


def _export(parsed: argparse.Namespace) -> int:
    from tfbo import export

    storage = tfbo.SQLiteStorage(parsed.storage, create=False)
    text = (export.as_csv if parsed.csv else export.as_json)(storage, parsed.name)
    if parsed.output is None:
        sys.stdout.write(text)
    else:
        _write(parsed.output, text)
    return 0


def _snapshot(parsed: argparse.Namespace) -> Study:
    """A copy of the study in memory, for pictures: looking at a study must not change it."""
    # Say so before TensorFlow is loaded, or it prints pages of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfbo import snapshot
    from tfbo.plots import style

    try:
        style.require_matplotlib()
    except ImportError as error:
        raise TFBOError(str(error)) from None
    return snapshot.take(tfbo.SQLiteStorage(parsed.storage, create=False), parsed.name)


def _write(path: str, text: str) -> None:
    with _explained(path):
        Path(path).write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """The system's errors about a file to write as ours."""
    try:
        yield
    except OSError as error:
        advice = f"{error.strerror}: choose another path."
        raise invalid("--output", "a file that can be written", path, advice) from None


def _positive(text: str) -> int:
    number = _natural(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {text!r}")
    return number


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number >= 0, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
