"""Signs of life, and what becomes of a trial whose process is gone."""

import contextlib
import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tfbo import Float, InvalidArgument, Space, SQLiteStorage, Study, TrialStateError
from tfbo.storage import database, sqlite
from tfbo.storage.processes import is_gone, new_owner
from tfbo.strategies import Random
from tfbo.study.ask import ask

SPACE = Space({"x": Float(-1.0, 1.0)})


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "runs.db")


@pytest.fixture
def patient(monkeypatch):
    """Beats come often, and yet no process is given up where the machine is busy."""
    monkeypatch.setattr(sqlite, "MISSED", 10**6)


def make(path, heartbeat=15.0, **settings):
    storage = SQLiteStorage(path, heartbeat=heartbeat)
    return Study(SPACE, **{"storage": storage, "seed": 0, "strategy": Random(), **settings})


def start(study, count=1):
    """Trials that this process runs, as those of `optimize`."""
    return ask(study.stored_trials, study.advisor.suggest, count, first=study.advisor.first_stage)


def rows(path, query):
    with contextlib.closing(sqlite3.connect(path, timeout=30.0)) as db:
        found = db.execute(query).fetchall()
        db.commit()
    return found


def until(holds):
    """Wait for what must come; a test that hangs here is one that fails."""
    while not holds():
        time.sleep(0.01)


def attempts(path):
    return [n for (n,) in rows(path, "SELECT attempts FROM trials ORDER BY number")]


def ask_and_die(study):
    """Have a fork of this process start a trial and be killed."""
    pid = os.fork()
    if pid == 0:
        start(study)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def move(path, host="elsewhere", silence=0.0):
    """Have all trials that run here run on another host, which was last heard of so long ago."""
    for (owner,) in rows(path, "SELECT DISTINCT owner FROM trials WHERE owner IS NOT NULL"):
        other = json.dumps([host, *json.loads(owner)[1:]])
        with sqlite3.connect(path) as db:
            db.execute("UPDATE trials SET owner = ? WHERE owner = ?", (other, owner))
            db.execute(
                "UPDATE owners SET owner = ?, beat = beat - ? WHERE owner = ?",
                (other, silence, owner),
            )


def test_who_is_gone():
    owner = new_owner()
    host, pid, started, token, namespace = json.loads(owner)
    name = lambda *fields: json.dumps(list(fields))
    # This very process is there, however late its signs are, and so are its other studies.
    assert not is_gone(owner, 1e9, 1.0)
    assert not is_gone(name(host, pid, started, "another", namespace), 1e9, 1.0)
    parent = os.getppid()
    stat = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()
    living = (host, parent, int(stat[19]), token)
    assert not is_gone(name(*living, namespace), 0.5, 1.0)
    assert is_gone(name(*living, namespace), 1.5, 1.0)  # frozen
    # Another process of this number came later; or none has it.
    assert is_gone(name(host, pid, started - 1, token, namespace))
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert is_gone(name(host, child.pid, 0, token, namespace))
    # Of a process on another host or in another container only its signs tell.
    for elsewhere in (("elsewhere", namespace), (host, namespace + 1)):
        stranger = name(elsewhere[0], child.pid, 0, token, elsewhere[1])
        assert not is_gone(stranger, 0.5, 1.0)
        assert is_gone(stranger, 1.5, 1.0)


def test_a_name_of_an_older_tfbo_is_understood():
    host, pid, started, token, _ = json.loads(new_owner())
    assert not is_gone(json.dumps([host, pid, started, token]))
    assert is_gone(json.dumps([host, pid, started - 1, token]))
    assert not is_gone(json.dumps(["elsewhere", pid, 0, token]))


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", "null", '["a", "b", 1, ""]', "[" * 10**5])
def test_a_name_that_is_none(text):
    with pytest.raises(ValueError, match=r".+"):
        is_gone(text)


def test_it_beats_while_trials_run(path):
    study = make(path, heartbeat=0.01)
    storage = study.stored_trials.storage
    beats = lambda: rows(path, "SELECT beat, patience FROM owners")
    assert beats() == [] and not storage.heartbeat.runs
    one, two = start(study, 2)
    seen = set()
    until(lambda: seen.update(beats()) or len(seen) >= 3)
    assert {patience for _, patience in seen} == {0.08}
    study.tell(one, 1.0)
    assert storage.heartbeat.runs
    study.tell(two, 1.0)
    until(lambda: not storage.heartbeat.runs)
    start(study)
    assert storage.heartbeat.runs


def test_it_beats_while_an_objective_computes(path):
    beats = set()

    def objective(params):
        while len(beats) < 10:
            time.sleep(0.02)
            beats.update(rows(path, "SELECT beat FROM owners"))
        return 1.0

    study = make(path, heartbeat=0.01).optimize(objective, n_trials=1)
    assert study.best_value == 1.0
    assert len(beats) >= 10


def test_one_thread_beats_for_all_studies_of_a_storage(path):
    storage = SQLiteStorage(path, heartbeat=0.01)
    one, two = make(path, storage=storage, name="1"), make(path, storage=storage, name="2")
    before = threading.active_count()
    start(one), start(two)
    assert threading.active_count() == before + 1
    first = dict(rows(path, "SELECT owner, beat FROM owners"))
    assert len(first) == 2

    def both_have_beaten():
        now = dict(rows(path, "SELECT owner, beat FROM owners"))
        return all(now[owner] > first[owner] for owner in first)

    until(both_have_beaten)


def test_the_thread_ends_with_the_study(path):
    study = make(path)  # its next beat would be in 15 seconds
    heartbeat = study.stored_trials.storage.heartbeat
    start(study)
    assert heartbeat.runs
    del study
    gc.collect()
    until(lambda: not heartbeat.runs)
    assert rows(path, "SELECT * FROM owners") == []
    storage = SQLiteStorage(path)
    other = make(path, storage=storage)
    start(other)
    storage.close()
    until(lambda: not storage.heartbeat.runs)


def test_a_study_in_memory_needs_no_signs():
    study = make(":memory:", heartbeat=0.01)
    start(study)
    storage = study.stored_trials.storage
    assert not storage.heartbeat.runs
    with storage.database.transaction() as db:
        assert db.execute("SELECT * FROM owners").fetchall() == []


@pytest.mark.parametrize("heartbeat", [0, -1.0, float("nan"), float("inf"), "often", None, True])
def test_a_heartbeat_that_is_none(path, heartbeat):
    with pytest.raises(InvalidArgument, match="heartbeat: expected"):
        SQLiteStorage(path, heartbeat=heartbeat)


def test_a_beat_that_fails_is_tried_again(path, monkeypatch, caplog):
    caplog.set_level("DEBUG", logger="tfbo")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    study = make(path, heartbeat=0.01)
    (trial,) = start(study)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    failures = lambda: [r for r in caplog.records if "no sign of life" in r.message]
    until(lambda: len(failures()) >= 2)
    assert {record.levelname for record in failures()} == {"DEBUG"}
    last = db.execute("SELECT max(beat) FROM owners").fetchone()
    db.execute("ROLLBACK")
    db.close()
    until(lambda: rows(path, "SELECT max(beat) FROM owners") > [last])
    monkeypatch.undo()
    study.tell(trial, 1.0)
    assert study.best_value == 1.0


def test_a_process_that_cannot_have_a_thread_still_works(path, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    study = make(path)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    study.tell(*start(study), 1.0)
    assert study.best_value == 1.0
    monkeypatch.undo()
    start(study)
    assert study.stored_trials.storage.heartbeat.runs


@pytest.mark.usefixtures("patient")
def test_a_fork_comes_while_the_thread_beats(path):
    study = make(path, heartbeat=0.01)
    (trial,) = start(study)
    storage = study.stored_trials.storage
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with storage.database.transaction():
            inside.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()
    threading.Timer(0.05, leave.set).start()
    pid = os.fork()  # waits for the transaction
    if pid == 0:
        (child,) = start(study)
        beats = storage.heartbeat.runs
        study.tell(child, 2.0)
        os._exit(0 if beats and child.number == 1 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    holder.join()
    study.tell(trial, 1.0)
    assert [trial.value for trial in study.trials] == [1.0, 2.0]


@pytest.mark.usefixtures("patient")
def test_many_forks_while_it_beats(path):
    study = make(path, heartbeat=0.01)
    (running,) = start(study)
    for i in range(20):
        pid = os.fork()
        if pid == 0:
            study.tell(*start(study), float(i))
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    study.tell(running, -1.0)
    assert [trial.value for trial in study.trials] == [-1.0, *map(float, range(20))]


def test_nothing_is_said_at_the_end(path):
    code = f"""
import threading, tfbo, atexit
study = tfbo.Study(tfbo.Space({{"x": tfbo.Int(0, 9)}}), seed=0,
                   storage=tfbo.SQLiteStorage({path!r}, heartbeat=0.01))
study.enqueue({{"x": 1}}); study.enqueue({{"x": 2}})
start = lambda: (study.stored_trials.sync(), study.stored_trials.claim(1, lambda: None))
start()
assert study.stored_trials.storage.heartbeat.runs
atexit.register(start)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert rows(path, "SELECT state FROM trials") == [("running",), ("running",)]


def test_a_trial_that_keeps_losing_its_process_is_given_up(path, caplog):
    study = make(path, retries=2)
    for lost in range(1, 4):
        ask_and_die(study)
        study.stored_trials.recover()
        assert attempts(path) == [lost]
        assert study.trials[0].state == ("waiting" if lost < 3 else "failed")
    given_up = study.trials[0]
    assert given_up.kind == "killed"
    assert given_up.reason == "its process died or went silent 3 times"
    assert given_up.finished >= given_up.started
    assert "Trial 0 failed (killed): its process died" in caplog.text
    assert study.ask().number == 1
    with pytest.raises(TrialStateError, match="told already"):
        study.tell(0, state="failed", kind="interrupted")


def test_without_retries_the_first_loss_is_the_last(path):
    study = make(path)
    ask_and_die(study)
    loaded = Study.load(storage=path, strategy=Random(), retries=0)
    lost = loaded.trials[0]
    assert (lost.state, lost.kind) == ("failed", "killed")
    assert lost.reason == "its process died or went silent"


@pytest.mark.parametrize("retries", [-1, 1.5, "3", None, True])
def test_retries_that_are_none(path, retries):
    with pytest.raises(InvalidArgument, match="retries: expected a whole number >= 0"):
        make(path, retries=retries)


def test_what_was_never_started_is_never_lost(path):
    pid = os.fork()
    if pid == 0:
        make(path).enqueue({"x": 0.5})
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    study = make(path, retries=0)
    assert [trial.state for trial in study.trials] == ["waiting"]
    assert attempts(path) == [0]
    assert study.ask().params == {"x": 0.5}


def test_a_loss_is_counted_once(path):
    study = make(path)
    start(study, 3)
    move(path, silence=1e6)
    openings = [SQLiteStorage(path) for _ in range(6)]
    together, found = threading.Barrier(6), []

    def recover(storage):
        together.wait()
        found.extend(trial.number for trial in storage.recover("study", 3))

    threads = [threading.Thread(target=recover, args=(storage,)) for storage in openings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2]
    assert attempts(path) == [1, 1, 1]


def test_another_host_is_known_by_its_signs(path):
    study = make(path)
    start(study)
    move(path, silence=100.0)
    study.stored_trials.recover()
    assert study.trials[0].state == "running"
    move(path, host="farther", silence=30.0)
    study.stored_trials.recover()
    assert study.trials[0].state == "waiting"
    assert rows(path, "SELECT * FROM owners") == []


def test_how_long_it_may_be_silent_is_its_own_promise(path):
    study = make(path, heartbeat=1000.0)
    start(study)
    move(path, silence=7000.0)
    impatient = make(path, heartbeat=0.01)
    assert impatient.trials[0].state == "running"


@contextlib.contextmanager
def frozen(path):
    """A process that asked for a trial and stands still; leaving, it goes on and tells 7.0."""
    pid = os.fork()
    if pid == 0:
        study = make(path, heartbeat=0.01)
        (trial,) = start(study)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            study.tell(trial, 7.0)
            os._exit(0)
        except TrialStateError:
            os._exit(3)
    os.waitpid(pid, os.WUNTRACED)
    status = []
    yield status
    os.kill(pid, signal.SIGCONT)
    status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


@pytest.mark.parametrize("retries", [3, 0])
@pytest.mark.parametrize("again", [False, True])
def test_a_late_result_counts_if_it_is_the_first(path, again, retries):
    study = make(path, retries=retries)
    with frozen(path) as status:
        until(lambda: study.stored_trials.recover() or study.trials[0].state != "running")
        if again and retries:
            assert study.ask().number == 0
        if not retries:
            assert study.trials[0].kind == "killed"
    assert status == [0]
    late = study.trials[0]
    assert (late.value, late.kind, late.reason) == (7.0, None, None)
    with pytest.raises(TrialStateError, match="told already"):
        study.tell(0, 1.0)


def test_a_late_result_is_refused_after_another(path):
    study = make(path)
    with frozen(path) as status:
        until(lambda: study.stored_trials.recover() or study.trials[0].state == "waiting")
        study.tell(study.ask(), 1.0)
    assert status == [3]
    assert [trial.value for trial in study.trials] == [1.0]


def test_a_file_of_the_second_schema_is_brought_up_to_date(path):
    from tfbo.storage import schema

    db = sqlite3.connect(path)
    for script in schema.MIGRATIONS[:2]:
        db.executescript(script)
    db.executescript("PRAGMA application_id = 0x7466626F; PRAGMA user_version = 2;")
    insert = "INSERT INTO trials (study, number, params, state, started, notes, owner, revision)"
    host, pid, started, token, _ = json.loads(new_owner())
    owners = [
        [host, pid, started - 1, token],
        ["elsewhere", pid, 1, token],
        [host, pid, started, ""],
    ]
    db.execute(
        "INSERT INTO studies VALUES ('study', ?, 'minimize', '0', 1.7e9, 3)", (SPACE.to_json(),)
    )
    for number, owner in enumerate(owners):
        fields = (
            "study",
            number,
            '{"x": 0.5}',
            "running",
            1.0,
            "{}",
            json.dumps(owner),
            number + 1,
        )
        db.execute(f"{insert} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)
    db.commit()
    db.close()
    study = make(path)
    assert [trial.state for trial in study.trials] == ["waiting", "running", "running"]
    assert attempts(path) == [1, 0, 0]
    assert rows(path, "PRAGMA user_version") == [(schema.VERSION,)]
    # No sign of life comes from the other host: it is given up after a day.
    move(path, host="farther", silence=90000.0)
    make(path)
    assert attempts(path) == [1, 1, 1]
