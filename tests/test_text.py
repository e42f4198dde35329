"""Names and choices in any writing, on streams that cannot show them, or that are not there."""

import csv
import io
import os
import subprocess
import sys
import warnings

import pytest

import tfbo
from tfbo import _messages

NAME, CHOICE = "größe", "日本"
SPACE = (
    f"tfbo.Space({{{NAME!r}: tfbo.Float(0.0, 1.0), 'x': tfbo.Categorical([{CHOICE!r}, 'a\\x1b'])}})"
)

ASCII = {
    "PYTHONIOENCODING": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "LC_ALL": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}

# Standard error escapes what it cannot encode, unless somebody has replaced it.
STRICT = (
    "import sys; sys.stderr.reconfigure(errors='strict'); sys.stdout.reconfigure(errors='strict')\n"
)

SEARCH = f"""
import sys, tfbo
study = tfbo.Study({SPACE}, seed=0, storage=sys.argv[1], name={NAME!r})
for i in range(4):
    study.enqueue({{{NAME!r}: i / 10, "x": {CHOICE!r}}})

def objective(params):
    if params[{NAME!r}] == 0.0:
        raise ValueError({NAME!r})
    return params[{NAME!r}]

study.optimize(objective, n_trials=4, progress=True)
from tfbo import _messages
_messages.warn({NAME!r})
"""

KERAS = f"""
import sys, tfbo, tfbo.keras as kt

class Tuner(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        return hp.Float({NAME!r}, 0.0, 1.0) + len(hp.Choice("x", [{CHOICE!r}, "b"]))

tuner = Tuner(max_trials=2, directory=sys.argv[1], project_name="names", seed=0)
tuner.search()
tuner.search_space_summary()
tuner.results_summary()
"""


def run(*arguments, encoding, script=None):
    if (
        script is not None
    ):  # in a file, which is UTF-8: Python cannot read it from arguments in the locale C
        arguments = (arguments[0].parent / "script.py", *arguments)
        arguments[0].write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **ASCII[encoding]},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert b"UnicodeEncodeError" not in done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("encoding", ASCII)
def test_a_search_and_the_commands_on_a_stream_that_cannot_encode_a_name(encoding, tmp_path):
    path, escaped = (
        tmp_path / "runs.db",
        b"gr\\xf6\\xdfe" if encoding != "latin-1" else b"gr\xf6\xdfe",
    )
    _, said = run(path, script=STRICT + SEARCH, encoding=encoding)
    assert said.count(escaped + b"=0.") == 3
    assert b"TFBOWarning: " + escaped in said
    shown, _ = run("-m", "tfbo", "show", path, encoding=encoding)
    assert escaped in shown
    shown, _ = run("-m", "tfbo", "show", path, NAME, encoding=encoding)
    assert shown.count(b"x=\\u65e5\\u672c") == 4


def test_an_export_is_the_same_to_a_terminal_and_to_a_file(tmp_path):
    path = tmp_path / "runs.db"
    run(path, script=SEARCH, encoding="PYTHONIOENCODING")
    for form in ("--csv", "--json"):
        written, _ = run("-m", "tfbo", "export", path, form, encoding="PYTHONIOENCODING")
        run("-m", "tfbo", "export", path, form, "-o", tmp_path / "out", encoding="LC_ALL")
        assert written == (tmp_path / "out").read_bytes()
        if form == "--csv":
            rows = list(csv.DictReader(io.StringIO(written.decode())))
            assert [row["params_x"] for row in rows] == [CHOICE] * 4
            assert [row[f"params_{NAME}"] for row in rows] == ["0.0", "0.1", "0.2", "0.3"]


def test_a_tuner_on_a_stream_that_cannot_encode_a_name(tmp_path):
    printed, said = run(tmp_path, script=STRICT + KERAS, encoding="LC_ALL")
    assert said.count(b"gr\\xf6\\xdfe=") == 3  # before and after a trial, once it is known
    assert printed.count(b"gr\\xf6\\xdfe: ") == 2


def strict_ascii():
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [strict_ascii, closed, Broken, lambda: None])
def test_a_search_goes_on_without_a_standard_error(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setattr(sys, "stdout", stream())
    study = tfbo.Study(
        tfbo.Space({NAME: tfbo.Float(0.0, 1.0)}), seed=0, strategy=tfbo.strategies.Random()
    )
    study.optimize(lambda p: p[NAME], n_trials=3, progress=True)
    assert len(study.trials) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        _messages.warn(NAME)


def test_a_warning_that_is_an_error_stays_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(tfbo.TFBOWarning, match=NAME):
            _messages.warn(NAME)


@pytest.mark.parametrize(
    "encoding", ["ascii", "cp1252", "utf-8", "utf-16", "no such encoding", None]
)
def test_text_comes_as_far_as_it_can(encoding):
    class Stream:
        pass

    Stream.encoding = encoding
    shown = _messages.encodable("a é 日 \udc80", Stream())
    assert shown == {
        "ascii": r"a \xe9 \u65e5 \udc80",
        "no such encoding": r"a \xe9 \u65e5 \udc80",
        "cp1252": r"a é \u65e5 \udc80",
    }.get(encoding, r"a é 日 \udc80")


def test_streams_are_given_back_as_they_were():
    stream, gone = strict_ascii(), strict_ascii()
    gone.close()
    with _messages.escaping(stream, gone, None, io.StringIO()):
        stream.write("é")
    assert stream.errors == "strict"
    assert _messages.is_terminal(sys.stderr) in (True, False)
