"""Promises of every storage: a new one joins by a row of `STORAGES`."""

import dataclasses
import json
import math
import threading

import pytest

from tfbo import Boolean, Float, Int, Space, SQLiteStorage, Study, StudyNotFound, Trial
from tfbo.storage import Changes, Record, Storage, new_owner
from tfbo.strategies import Random

SPACE = Space({"x": Float(-1.0, 1.0), "flag": Boolean()})
RECORD = Record("größe", SPACE.to_json(), "maximize", 2**62, 1.7e9)
OTHER = Record("other", Space({"n": Int(0, 9)}).to_json(), "minimize", 0, 1.7e9 + 1)


class DictStorage(Storage):
    """Studies in dictionaries of one process."""

    location = "a dictionary"

    def __init__(self):
        self.lock, self.records, self.trials, self.log = threading.Lock(), {}, {}, {}

    def create(self, record):
        with self.lock:
            self.trials.setdefault(record.name, [])
            self.log.setdefault(record.name, [])  # the number of each change's trial
            return self.records.setdefault(record.name, record)

    def find(self, name):
        if name not in self.records:
            raise StudyNotFound(f"name: no study {name!r}. There are {', '.join(self.records)}.")
        return self.records[name]

    def studies(self):
        return sorted(self.records.values(), key=lambda record: record.created)

    def changes(self, name, since):
        with self.lock:
            log = self.log[name]
            changed = sorted({number for number in log[since:] if number is not None})
            trials = [self.trials[name][number] for number in changed]
            return Changes(len(log), self.find(name).space, trials)

    def extend(self, name, before, after):
        with self.lock:
            if self.find(name).space != before:
                return False
            self.records[name] = self.find(name)._replace(space=after)
            self.log[name].append(None)
            return True

    def append(self, name, trials, owner):
        with self.lock:
            following = range(len(self.trials[name]), len(self.trials[name]) + len(trials))
            if [trial.number for trial in trials] != list(following):
                return False
            self.trials[name] += trials
            self.log[name] += following
            return True

    def replace(self, name, trial, states, owner):
        with self.lock:
            found = self.trials[name][trial.number : trial.number + 1]
            if not any({there.state, there.kind} & set(states) for there in found):
                return False
            (there,) = found
            if (there.state, trial.state) == ("paused", "running") and there.spent != trial.spent:
                return False
            self.trials[name][trial.number] = trial
            self.log[name].append(trial.number)
            return True

    def report(self, name, number, points):
        with self.lock:
            found = self.trials[name][number]
            if found.state != "running":
                return False
            self.trials[name][number] = dataclasses.replace(found, curve=found.curve | dict(points))
            self.log[name].append(number)
            return True


STORAGES = {
    "file": lambda folder: SQLiteStorage(folder / "runs.db"),
    "memory": lambda folder: SQLiteStorage(":memory:"),
    "dictionary": lambda folder: DictStorage(),
}


@pytest.fixture(params=STORAGES)
def storage(request, tmp_path):
    made = STORAGES[request.param](tmp_path)
    made.create(RECORD)
    return made


def trial(number, state="waiting", **fields):
    return Trial(number, {"x": number / 10, "flag": True}, state, **fields)


def held(storage):
    return storage.changes(RECORD.name, 0).trials


def test_a_study_is_created_once(storage):
    assert storage.create(RECORD._replace(direction="minimize", seed=1)) == RECORD
    assert storage.create(OTHER) == OTHER
    assert storage.find("größe") == RECORD and storage.find("other") == OTHER
    assert storage.studies() == [RECORD, OTHER]
    assert storage.create(OTHER._replace(name="oldest", created=1.0))
    assert [record.name for record in storage.studies()] == ["oldest", "größe", "other"]


def test_a_study_that_is_unknown_is_answered_with_those_that_are_there(storage):
    storage.create(OTHER)
    with pytest.raises(StudyNotFound, match=r"'nobody'.*größe.*other"):
        storage.find("nobody")


def test_trials_come_back_as_they_were(storage):
    given = [
        trial(0),
        trial(1, "running", started=1.5),
        trial(2, "complete", value=-0.5, std=0.25, started=1.0, finished=2.0, notes={"a": [1.5]}),
        trial(3, "failed", kind="error", reason="größe", traceback="a\nb", finished=2.0),
    ]
    assert storage.append(RECORD.name, given, None)
    assert held(storage) == given
    assert storage.create(OTHER) and storage.changes("other", 0).trials == []


@pytest.mark.parametrize("numbers", [[0], [1], [3], [2, 4], [2, 2], [3, 2]])
def test_append_takes_the_next_numbers_and_no_other(storage, numbers):
    assert storage.append(RECORD.name, [trial(0), trial(1)], None)
    before = storage.changes(RECORD.name, 0)
    assert not storage.append(RECORD.name, [trial(n) for n in numbers], None)
    assert storage.changes(RECORD.name, 0) == before
    assert storage.append(RECORD.name, [trial(2)], None)


def test_append_gives_each_number_once_however_many_ask(storage):
    won = []

    def work():
        while (number := len(held(storage))) < 30:
            if storage.append(RECORD.name, [trial(number)], None):
                won.append(number)

    workers = [threading.Thread(target=work) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert sorted(won) == [t.number for t in held(storage)] == list(range(30))


def test_replace_asks_for_the_state(storage):
    storage.append(RECORD.name, [trial(0), trial(1, "failed", kind="killed", reason="?")], None)
    running, told = trial(0, "running", started=1.0), trial(0, "complete", value=2.0)
    assert not storage.replace(RECORD.name, running, ("running", "complete"), None)
    assert held(storage)[0] == trial(0)
    assert storage.replace(RECORD.name, running, ("waiting",), None)
    assert not storage.replace(RECORD.name, running, ("waiting",), None)  # another was faster
    assert storage.replace(RECORD.name, told, ("waiting", "running"), None)
    late = trial(1, "complete", value=3.0)
    assert not storage.replace(RECORD.name, late, ("running", "interrupted"), None)
    assert storage.replace(RECORD.name, late, ("running", "killed"), None)  # its kind
    assert held(storage) == [told, late]
    assert not storage.replace(RECORD.name, trial(7), ("waiting",), None)


def test_a_paused_trial_goes_on_once(storage):
    paused = trial(0, "paused", value=1.0, start=0, until=1, spent=1, curve={1: 1.0})
    storage.append(RECORD.name, [paused], None)
    further = dataclasses.replace(paused, state="running", value=None, start=1, until=3)
    assert storage.replace(RECORD.name, further, ("paused",), None)
    assert not storage.replace(RECORD.name, further, ("paused",), None)
    told = dataclasses.replace(
        further, state="paused", value=0.5, spent=3, curve={1: 1.0, 2: 0.75, 3: 0.5}
    )
    assert storage.replace(RECORD.name, told, ("running",), None)
    # Paused again, but not as it was: whoever has not seen that must not train the stage once more.
    assert not storage.replace(RECORD.name, further, ("paused",), None)
    assert held(storage) == [told]


def test_a_trial_that_runs_gets_points_and_no_other(storage):
    storage.append(RECORD.name, [trial(0, "running"), trial(1)], None)
    revision = storage.changes(RECORD.name, 0).revision
    assert storage.report(RECORD.name, 0, {1: 0.5, 3: -0.25})
    assert storage.report(RECORD.name, 0, {3: 0.75})  # the last word
    later = storage.changes(RECORD.name, revision)
    assert later.revision > revision
    assert later.trials == [trial(0, "running", curve={1: 0.5, 3: 0.75})]
    assert not storage.report(RECORD.name, 1, {1: 0.5})
    assert storage.report(RECORD.name, 0, {4: float("nan")})
    assert math.isnan(held(storage)[0].curve[4])


@pytest.mark.parametrize("storage", ["file", "memory"], indirect=True)
def test_points_beyond_the_value_are_dropped(storage):
    storage.append(RECORD.name, [trial(0, "running", start=0, until=3)], None)
    storage.report(RECORD.name, 0, {1: 3.0, 2: 2.0, 3: 1.0})
    waits = trial(0, "waiting", start=0, until=3)
    assert storage.replace(RECORD.name, waits, ("running",), None)
    assert held(storage)[0].curve == {1: 3.0, 2: 2.0, 3: 1.0}  # its worker died: the points stay
    told = trial(0, "paused", value=2.5, start=0, until=2, spent=2, curve={1: 3.0, 2: 2.5})
    assert storage.replace(RECORD.name, told, ("waiting",), None)
    assert held(storage) == [told]


def test_changes_are_those_since_a_revision(storage):
    changes = lambda since: storage.changes(RECORD.name, since)
    assert changes(0).trials == []
    storage.append(RECORD.name, [trial(0), trial(1), trial(2)], None)
    revision = changes(0).revision
    assert changes(revision) == Changes(revision, RECORD.space, [])
    storage.replace(RECORD.name, trial(2, "running"), ("waiting",), None)
    storage.replace(RECORD.name, trial(0, "running"), ("waiting",), None)
    storage.replace(RECORD.name, trial(0, "complete", value=1.0), ("running",), None)
    later = changes(revision)
    assert later.trials == [trial(0, "complete", value=1.0), trial(2, "running")]
    assert later.revision > revision
    storage.append(RECORD.name, [trial(3)], None)
    assert changes(later.revision).trials == [trial(3)]
    assert len(changes(0).trials) == 4


def test_a_space_grows_where_it_is_what_was_thought(storage):
    first, second = (SPACE.extended({name: Int(0, 3)}).to_json() for name in ("a", "b"))
    revision = storage.changes(RECORD.name, 0).revision
    assert storage.extend(RECORD.name, RECORD.space, first)
    assert not storage.extend(RECORD.name, RECORD.space, second)
    assert storage.find(RECORD.name) == RECORD._replace(space=first)
    later = storage.changes(RECORD.name, revision)
    assert later.revision > revision and (later.space, later.trials) == (first, [])


def test_trials_of_nobody_and_of_the_living_are_not_recovered(storage):
    owner = new_owner()
    storage.append(RECORD.name, [trial(0, "running", started=1.0)], None)
    storage.append(RECORD.name, [trial(1, "running", started=1.0)], owner)
    assert storage.recover(RECORD.name, 3) == []
    storage.release(owner)
    assert storage.recover(RECORD.name, 0) == []
    assert [t.state for t in held(storage)] == ["running", "running"]
    assert storage.replace(RECORD.name, trial(1, "complete", value=1.0), ("running",), None)


# Storages that other processes see as well know of owners that are gone.
@pytest.mark.parametrize("storage", ["file", "memory"], indirect=True)
def test_trials_of_the_dead_wait_again_and_fail_at_last(storage):
    host, pid, started, *rest = json.loads(new_owner())
    dead = json.dumps([host, pid, started - 1, *rest])  # another process had this number
    running = trial(0, "running", started=1.0)
    storage.append(RECORD.name, [running, trial(1)], dead)
    waiting = dataclasses.replace(running, state="waiting", started=None)
    assert storage.recover(RECORD.name, 1) == [waiting] == held(storage)[:1]
    assert storage.recover(RECORD.name, 1) == []
    assert storage.replace(RECORD.name, running, ("waiting",), dead)
    (given_up,) = storage.recover(RECORD.name, 1)
    assert (given_up.state, given_up.kind) == ("failed", "killed")
    assert held(storage) == [given_up, trial(1)]
    assert storage.replace(RECORD.name, trial(0, "running"), ("killed",), dead)
    storage.release(dead)
    assert storage.recover(RECORD.name, 0) == []


def test_a_search_runs_on_it_as_on_any_other(storage):
    make = lambda storage: Study(SPACE, storage=storage, name="new", seed=3, strategy=Random())
    study, usual = make(storage), make(None)
    for each in (study, usual):
        each.enqueue({"x": 0.5, "flag": True})
        each.optimize(lambda p: p["x"] ** 2 if p["flag"] else float("nan"), n_trials=8)
        each.extend({"depth": Int(1, 3)})
        each.optimize(lambda p: p["depth"] / 10, n_trials=2)
    assert [(t.params, t.value, t.kind) for t in study.trials] == [
        (t.params, t.value, t.kind) for t in usual.trials
    ]
    assert study.location == storage.location
    again = Study.load(storage=storage, name="new", strategy=Random())
    assert (again.trials, again.space) == (study.trials, study.space)
    assert again.ask().params == usual.ask().params
