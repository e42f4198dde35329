"""The command `tfbo`, which is also `python -m tfbo`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfbo
from tfbo._compile import quiet
from tfbo._messages import escaping, printable
from tfbo.errors import TFBOError, invalid
from tfbo.study.interrupts import STATUS, Interrupts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tfbo.study import Study

KINDS = (
    "history", "curves", "budget", "slices", "contour", "importance", "parallel_coordinates",
    "calibration", "timeline", "convergence", "pareto", "hypervolume",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 1 for an error, 130 after Ctrl-C."""
    with escaping(sys.stdout, sys.stderr):
        return _run(_parser().parse_args(arguments))


def _run(parsed: argparse.Namespace) -> int:
    interrupts = Interrupts()
    try:
        with warnings.catch_warnings(), interrupts, interrupts.allowed():
            # matplotlib's, of characters that have no shape, which it would print.
            warnings.filterwarnings("ignore", r"Glyph \d+ \([\x00-\x1f\x7f-\x9f]", UserWarning)
            if getattr(parsed, "output", None) is not None:
                _check_output(parsed.output, parsed.storage)
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
    demo.add_argument(
        "--trials",
        type=_positive,
        default=None,
        help="epochs to add, as full trainings (10; quick: 8)",
    )
    demo.add_argument("--storage", default="tfbo-demo.db", help="SQLite file (%(default)s)")
    demo.add_argument(
        "--seed", type=_natural, default=0, help="of suggestions and weights (%(default)s)"
    )
    demo.add_argument(
        "--quick", action="store_true", help="full trainings of 4 epochs in place of 16"
    )
    demo.set_defaults(run=_demo)

    show = commands.add_parser("show", help="list the studies of a file, or the trials of a study")
    show.add_argument("storage", help="SQLite file")
    show.add_argument("name", nargs="?", type=_name, help="a study: list its trials, best first")
    show.set_defaults(run=_show)

    report = _of_a_study(commands, "report", "write a study as one HTML page, with pictures")
    report.add_argument("-o", "--output", required=True, help="the page to write: report.html")
    report.set_defaults(run=_report)

    _add_plot(commands)

    export = _of_a_study(commands, "export", "write a study as CSV or JSON")
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", action="store_true", help="a line for each trial")
    form.add_argument("--json", action="store_true", help="all that is known")
    form.add_argument(
        "--curves", action="store_true", help="CSV, a line for each point of a learning curve"
    )
    export.add_argument(
        "-o", "--output", help="the file to write; standard output without, in UTF-8"
    )
    export.set_defaults(run=_export)
    return parser


def _add_plot(commands: Any) -> None:
    """The command that draws one picture."""
    plot = commands.add_parser("plot", help="draw a picture of a study")
    plot.add_argument("storage", help="SQLite file")
    plot.add_argument(
        "names", nargs="*", metavar="name", help="a study; not needed where there is only one; "
        "several (all, where none is named) for --kind convergence",
    )  # fmt: skip
    plot.add_argument("--kind", required=True, choices=KINDS, help="which picture")
    plot.add_argument(
        "--params", nargs="+", metavar="P", type=_name,
        help="hyperparameters: of slices, contour (two) and parallel_coordinates",
    )  # fmt: skip
    plot.add_argument("--objective", type=_name, help="which one is drawn, of a study with several")
    plot.add_argument(
        "-o", "--output", required=True, help="the file to write: x.png, x.svg, x.pdf"
    )
    plot.set_defaults(run=_plot)


def _of_a_study(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A command that reads one study."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("storage", help="SQLite file")
    parser.add_argument(
        "name", nargs="?", type=_name, help="a study; not needed where there is only one"
    )
    return parser


def _demo(parsed: argparse.Namespace) -> int:
    from tfbo.cli import demo

    trials = parsed.trials or (8 if parsed.quick else 10)
    return demo.run(trials=trials, storage=parsed.storage, seed=parsed.seed, quick=parsed.quick)


def _show(parsed: argparse.Namespace) -> int:
    from tfbo.cli import show

    storage = tfbo.SQLiteStorage(parsed.storage, create=False)
    print(show.studies(storage) if parsed.name is None else show.trials(storage, parsed.name))
    return 0


def _report(parsed: argparse.Namespace) -> int:
    study = _snapshots(parsed.storage, [parsed.name])[0]
    from tfbo import report

    _write(parsed, report.html(study, location=parsed.storage), len(study))
    return 0


def _plot(parsed: argparse.Namespace) -> int:
    several = parsed.kind == "convergence"
    if len(parsed.names) > 1 and not several:
        advice = "Only --kind convergence draws several."
        raise invalid("name", "one study", parsed.names, advice)
    studies = _snapshots(parsed.storage, parsed.names or [None], every=several)
    try:
        figure = _drawn(studies, parsed.kind, parsed.params or [], parsed.objective)
        known = sorted(figure.canvas.get_supported_filetypes())
        if Path(parsed.output).suffix[1:].lower() not in known:
            advice = "For example x.png."
            raise invalid("--output", f"a file that ends in one of {known}", parsed.output, advice)
        with _explained(parsed.output):
            figure.savefig(parsed.output)
    except TFBOError:
        raise
    except (ValueError, ArithmeticError) as error:
        # matplotlib's, of numbers near the largest floats.
        raise TFBOError(f"The study cannot be drawn: {error}. Choose another kind.") from error
    print(f"Wrote {parsed.output}.")
    return 0


def _drawn(studies: list[Study], kind: str, params: list[str], objective: str | None) -> Figure:
    from tfbo import plots

    draw = getattr(plots, kind)
    if objective is not None:
        if kind in ("timeline", "budget", "curves", "pareto", "hypervolume"):
            advice = "Leave it out: the picture is of no single objective."
            raise invalid("--objective", f"no name for {kind}", objective, advice)
        draw = functools.partial(draw, objective=objective)
    study = studies[0]
    if kind == "contour" and len(params) <= 2:
        drawn = draw(study, *params)
    elif kind in ("slices", "parallel_coordinates"):
        drawn = draw(study, params or None)
    elif params:
        most = "two names at most" if kind == "contour" else f"no names for {kind}"
        raise invalid("--params", most, params, "Name fewer hyperparameters.")
    elif kind == "convergence":
        if not any(trial.is_finished for one in studies for trial in one.trials):
            plots.source.require_finished(plots.source.of(study, objective=objective), kind)
        convergence: Figure = draw(*studies)
        return convergence
    else:
        drawn = draw(study)
    figure: Figure = (drawn[0] if kind == "slices" else drawn).figure
    return figure


def _export(parsed: argparse.Namespace) -> int:
    from tfbo.cli import export

    storage = tfbo.SQLiteStorage(parsed.storage, create=False)
    record, trials = export.read(storage, parsed.name)
    if parsed.curves:
        text = export.curves(trials)
    else:
        text = (export.as_csv if parsed.csv else export.as_json)(record, trials)
    if parsed.output is None:
        _put(text)
    else:
        _write(parsed, text, len(trials))
    return 0


def _snapshots(path: str, names: Sequence[str | None], *, every: bool = False) -> list[Study]:
    """Copies of studies in memory, to look at; the name None stands for the only one, or `every` one."""
    from tfbo.study import records

    storage = tfbo.SQLiteStorage(path, create=False)
    if every and names == [None]:
        names = [record.name for record in storage.studies()] or names
    found = [records.find(storage, name).name for name in names]
    # Only now, for it takes seconds: a name that was mistyped is told at once.
    quiet.import_tensorflow()
    from tfbo.cli import snapshot
    from tfbo.plots import style

    try:
        style.require_matplotlib()
    except ImportError as error:
        raise TFBOError(str(error)) from None
    return [snapshot.take(storage, name) for name in found]


def _write(parsed: argparse.Namespace, text: str, trials: int) -> None:
    """Write the file that was asked for, and say so."""
    with _explained(parsed.output):
        Path(parsed.output).write_text(
            text, encoding="utf-8", errors="backslashreplace", newline=""
        )
    print(f"Wrote {parsed.output} ({trials} {'trial' if trials == 1 else 'trials'}).")


def _put(text: str) -> None:
    """Write to standard output what a file would have, whatever the encoding of a terminal is."""
    output = getattr(sys.stdout, "buffer", None)
    if output is None:
        print(text, end="")
        return
    sys.stdout.flush()
    output.write(text.encode("utf-8", "backslashreplace"))
    output.flush()


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """The system's errors about a file to write as ours."""
    try:
        yield
    except OSError as error:
        advice = f"{error.strerror}: choose another path."
        raise invalid("--output", "a file that can be written", path, advice) from None


def _check_output(output: str, storage: str) -> None:
    """Refuse what cannot be written, or must not be, before anything is computed."""
    if os.path.exists(output) and os.path.exists(storage) and os.path.samefile(output, storage):
        advice = "That one holds the studies: choose another path."
        raise invalid("--output", "a file other than the storage", output, advice)
    with _explained(output):
        os.stat(Path(output).parent)
        if os.path.isdir(output):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _name(text: str) -> str:
    """A name as it was typed: in the locale C, Python takes the letters of others for bytes."""
    try:
        return os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # it was not typed, but passed by a program
        return text


def _positive(text: str) -> int:
    return _natural(text, least=1)


def _natural(text: str, least: int = 0) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number >= {least}, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
