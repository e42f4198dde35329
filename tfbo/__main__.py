"""The command `tfbo`, which is also `python -m tfbo`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import tfbo
from tfbo.errors import TFBOError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, 1 for an error, 130 after Ctrl-C."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except TFBOError as error:
        print(f"tfbo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tfbo: interrupted", file=sys.stderr)
        return 130
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
