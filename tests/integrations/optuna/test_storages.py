"""Two processes work on one study, in each kind of storage that Optuna has for that."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")
from optuna.storages import JournalStorage, RDBStorage  # noqa: E402
from optuna.storages.journal import JournalFileBackend  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from tfbo.integrations.optuna import TFBOSampler, study_history  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)

pytestmark = pytest.mark.slow

TRIALS = 8  # of each of the two
WORKER = """
import json, logging, math, os, sys
import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from tfbo.integrations.optuna import TFBOSampler

def objective(trial):
    trial.set_user_attr("process", os.getpid())
    kind = trial.suggest_categorical("kind", ["a", None, 2, True])
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    units = trial.suggest_int("units", 16, 128, step=16)
    return abs(math.log10(rate) + 2.3) + abs(units - 96) / 64 + (kind is not None)

optuna.logging.set_verbosity(optuna.logging.ERROR)
logging.getLogger("tfbo").setLevel(logging.ERROR)
urls, trials = json.loads(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for url in urls:
    is_file = url.startswith("/")
    storage = JournalStorage(JournalFileBackend(url)) if is_file else RDBStorage(url)
    study = optuna.load_study(study_name="s", storage=storage, sampler=TFBOSampler(seed=0))
    study.optimize(objective, n_trials=trials)
"""


def open_storage(url):
    return JournalStorage(JournalFileBackend(url)) if url.startswith("/") else RDBStorage(url)


@pytest.fixture(scope="module")
def postgres():
    """The URL of a server of our own; None where PostgreSQL is not installed."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        programs = None
    if programs is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="pg")  # not in pytest's, which only its owner can enter
    as_user = []
    if os.getuid() == 0:  # as whom it refuses to run
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def run(program, *arguments):
        command = [*as_user, str(programs.with_name(program)), "-D", f"{folder}/data", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run("initdb", "-U", "tfbo", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "start", "--wait", "-l", f"{folder}/log", "-o", options)
        yield f"postgresql+psycopg2://tfbo@/postgres?host={folder}"
        run("pg_ctl", "stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def storages(tmp_path_factory, postgres):
    """The URL of each kind of storage, after two processes have searched one study in each of them."""
    folder = tmp_path_factory.mktemp("optuna")
    urls = {"journal": f"{folder}/journal.log", "sqlite": f"sqlite:///{folder}/study.db"}
    if postgres:
        urls["postgres"] = postgres
    for url in urls.values():
        optuna.create_study(study_name="s", storage=open_storage(url))
    command = [sys.executable, "-c", WORKER, json.dumps(list(urls.values())), str(TRIALS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    workers = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n", worker.communicate()[1]
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            _, errors = worker.communicate()
            assert worker.returncode == 0, errors
    finally:
        for worker in workers:
            worker.kill()
    return urls


@pytest.fixture(params=["journal", "sqlite", "postgres"])
def study(request, storages):
    if request.param not in storages:
        pytest.skip("PostgreSQL (Debian's postgresql) or psycopg2 is not installed")
    storage = open_storage(storages[request.param])
    return optuna.load_study(study_name="s", storage=storage, sampler=TFBOSampler(seed=0))


def test_two_processes_share_a_study(study):
    trials = study.get_trials()
    assert [trial.number for trial in trials] == list(range(2 * TRIALS))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    processes = [trial.user_attrs["process"] for trial in trials]
    assert {processes.count(process) for process in processes} == {TRIALS}


def test_fits_go_from_process_to_process(study):
    notes = [study_history.recall(trial)[1] for trial in study.get_trials()]
    # The model takes over after five finished trials; one more may be under way then.
    assert sum(map(bool, notes)) >= 2 * TRIALS - 6
    assert max(n["searched"] for n in notes if n) > TRIALS


def test_what_is_stored_is_all_that_a_suggestion_needs(study):
    """A worker that has seen all of it suggests what one that starts now does."""
    copy = optuna.create_study(sampler=TFBOSampler(seed=0))
    copy.add_trials(study.get_trials())
    space = study.trials[0].distributions
    here, there = study.ask(space), copy.ask(space)
    study.tell(here, state=TrialState.FAIL)
    assert here.params == there.params
    assert len(study_history.recall(study.get_trials()[-1])[0]) == 3
