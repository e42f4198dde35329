"""The benchmark of learning curves: what a run pays for, the plain policies, pools, and the tables."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from curves import coverage, reference, report, rows, runs, search, synthetic, tasks
from suites.base import real

import tfbo


def table(steps=81, n=400, seed=0):
    """A table whose losses are ranked the same at every step: row 0 is the best."""
    x = np.random.default_rng(seed).random([n, 2])
    loss = np.arange(1.0, n + 1)[:, None] + 0.5 / np.arange(1.0, steps + 1)
    parameters = (real("a", 0.0, 1.0), real("b", 0.0, 1.0))
    return tasks.Table("made-up", parameters, x, loss, float(loss.min()), 500.0)


class Recorder(runs.Policy):
    """Writes down what it is asked and told; each training is of three steps."""

    def __init__(self, task, pool, seed):
        super().__init__(task, pool, seed)
        self.log = []

    def next(self):
        job = runs.Job(self.pool.draw(), 0, 3)
        self.log.append(("next", job.key))
        return job

    def report(self, job, step, loss):
        self.log.append(("report", job.key, step))
        return True

    def finish(self, job, step, loss):
        self.log.append(("finish", job.key, step))


def jobs_of(policy, count):
    """The first jobs of a policy that gets its losses from the table, one worker."""
    found = []
    for _ in range(count):
        job = policy.next()
        found.append(job)
        policy.finish(job, job.until, policy.pool.loss(job.key, job.until))
    return found


def test_a_run_pays_for_every_step_and_for_no_other():
    task = table()
    pool = task.pool(0)
    policy = Recorder(task, pool, 0)
    trace = runs.run(policy, pool, 10)
    assert sum(entry[0] == "report" for entry in policy.log) == 10
    assert trace.trials == 4
    assert [cost for cost, _ in trace.path] == sorted({cost for cost, _ in trace.path})


def test_workers_ask_before_anybody_reports():
    task = table()
    pool = task.pool(0)
    policy = Recorder(task, pool, 0)
    runs.run(policy, pool, 12, workers=4)
    assert [entry[0] for entry in policy.log[:5]] == ["next"] * 4 + ["report"]
    assert sum(entry[0] == "report" for entry in policy.log) == 12


def test_a_trace_is_the_least_loss_so_far():
    trace = runs.Trace([(1, 5.0), (4, 2.0)], 2, 0, 0.0, 10)
    assert [trace.at(steps) for steps in (1, 3, 4, 10)] == [5.0, 5.0, 2.0, 2.0]


def test_a_trace_is_read_as_it_was_written(tmp_path):
    trace = runs.Trace([(1, 5.0), (4, 2.0)], 2, 0, 0.25, 10, "library 1.0")
    path = runs.place(tmp_path, "suite", "policy", "task", 3)
    runs.save(path, trace)
    assert runs.load(path) == trace


@pytest.mark.parametrize("steps", [3, 27, 50, 52])
def test_rungs_end_at_the_last_step(steps):
    assert reference.rungs(steps)[-1] == steps
    assert reference.rungs(50) == [1, 3, 9, 27, 50]


def test_successive_halving_keeps_a_third_and_resumes():
    task = table()
    found = jobs_of(reference.Halving(task, task.pool(0), 0), 81 + 27 + 9 + 3 + 1)
    first, second, last = found[:81], found[81 : 81 + 27], found[-1]
    assert {(job.start, job.until) for job in first} == {(0, 1)}
    assert {(job.start, job.until) for job in second} == {(1, 3)}
    assert {job.key for job in second} == set(sorted(job.key for job in first)[:27])
    assert last == runs.Job(min(job.key for job in first), 27, 81)


def test_hyperband_has_the_brackets_of_the_paper():
    """Li et al. 2018, Table 1: R = 81, a factor of 3."""
    task = table()
    sizes = reference.Hyperband(task, task.pool(0), 0).sizes()
    assert [next(sizes)[1] for _ in range(5)] == [81, 34, 15, 8, 5]


def test_asha_promotes_the_best_third_at_once():
    task = table()
    policy = reference.Asha(task, task.pool(0), 0)
    found = jobs_of(policy, 4)
    assert [job.start for job in found] == [0, 0, 0, 1]
    assert found[3].key == min(job.key for job in found[:3])


def test_a_pool_hands_out_each_row_once():
    task = table(n=20)
    pool = task.pool(0)
    suggestion = {"a": 0.5, "b": 0.5}
    nearest = np.argmin(np.sum((task.x - 0.5) ** 2, axis=1))
    assert pool.take(suggestion) == nearest
    assert sorted([nearest, *(pool.draw() for _ in range(19))]) == list(range(20))


def test_the_order_of_rows_is_a_matter_of_the_seed():
    task = table()
    first, again, other = (task.pool(seed).draw() for seed in (0, 0, 1))
    assert first == again != other


def test_tables_are_read_with_their_losses_cut_off(tmp_path):
    folder = synthetic.write(tmp_path / "synthetic")
    loss = np.load(folder / "bowl.npz")["loss"].copy()
    loss[3, 4], loss[4, 5] = np.nan, 99.0
    np.savez(folder / "bowl.npz", loss=loss)
    task = tasks.tables(folder)[0]
    assert task.steps == synthetic.STEPS
    assert task.untrained == pytest.approx(np.median(loss[:, 0]))
    limit = 1.2 * task.untrained
    assert task.loss[3, 3] == task.loss[4, 4] == pytest.approx(limit)


def test_runs_that_are_cached_are_not_repeated(tmp_path):
    folder = synthetic.write(tmp_path / "tables" / "synthetic")
    plan = search.Plan("synthetic", folder, ("asha", "random"), 2, tmp_path / "cache", 60)
    search.here(plan, 1)
    files = sorted((tmp_path / "cache").glob("*/*/*.json"))
    assert len(files) == 2 * 2 * 2
    files[0].unlink()
    before = [path.stat().st_mtime_ns for path in files[1:]]
    search.here(plan, 1)
    assert files[0].exists()
    assert [path.stat().st_mtime_ns for path in files[1:]] == before


def test_regret_is_zero_at_the_best_and_one_at_the_untrained(tmp_path):
    task = table()
    for policy, loss in (("good", task.best), ("bad", task.untrained)):
        path = runs.place(tmp_path, "suite", policy, task.name, 0)
        runs.save(path, runs.Trace([(1, loss)], 1, 0, 0.0, 100))
    found = report.gather(tmp_path / "suite", [task], (10, 100))
    assert found["good"].regret[task.name, 0] == pytest.approx([0.0, 0.0])
    assert found["bad"].regret[task.name, 0] == pytest.approx([1.0, 1.0])


def test_ratios_are_paired():
    """Tasks differ a lot, policies by a half on each: the interval of the ratio has no width."""
    theirs = np.array([[1.0], [0.1], [0.01]]).repeat(2, axis=0)
    cells = ["a", "a", "b", "b", "c", "c"]
    assert report.ratios(0.5 * theirs, theirs, cells) == ["**0.50 (0.50 to 0.50)**"]
    assert report.ratios(theirs, theirs, cells) == ["1.00 (1.00 to 1.00)"]


@pytest.mark.parametrize(("believed", "share"), [(1.0, 90), (0.5, 59)])
def test_coverage_is_the_share_of_normal_errors_within_intervals(believed, share):
    """By SciPy: 2 Phi(1.645 s) - 1 for errors of one deviation that are believed to be of s."""
    errors = np.random.default_rng(0).standard_normal(4000)
    found = [coverage.Forecast("task", 0.0, believed, 2.0, float(error)) for error in errors]
    within = coverage.section(found).splitlines()[2].split("|")[3]
    assert abs(float(within.strip(" %")) - share) <= 1


def test_the_chooser_suggests_rows_of_the_table_and_each_once():
    params = [{"x": float(x), "y": float(y)} for x, y in np.random.default_rng(0).random([30, 2])]
    space = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
    known = rows.Rows(space, params)
    strategy = tfbo.strategies.Bayes(initial=known.near, n_initial=3, chooser=known.chooser)
    study = tfbo.Study(space, seed=0, strategy=strategy)
    found = []
    for _ in range(8):
        trial = study.ask()
        distance = [max(abs(trial.params[k] - row[k]) for k in row) for row in params]
        assert min(distance) < 1e-9
        found.append(int(np.argmin(distance)))
        study.tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["y"])
    assert len(set(found)) == 8
