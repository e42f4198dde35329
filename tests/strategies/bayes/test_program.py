"""The compiled ask: padded and free shapes agree, and nothing is traced or kept twice."""

import dataclasses
import gc
import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Categorical, Float, Int, Space, report
from tfbo._compile import devices, programs
from tfbo._compile.sessions import SESSIONS
from tfbo.acquisition import EI, LogEI, joint
from tfbo.gp import hyperprior, likelihood
from tfbo.gp.pending import Pending
from tfbo.optim.base import value_and_gradient
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, chooser, feasibility, fit
from tfbo.strategies.bayes.chooser import Question
from tfbo.strategies.bayes.greedy import Greedy

NUMBERS = Space({f"x{i}": Float(0.0, 1.0) for i in range(3)})
MIXED = Space(
    {
        "rate": Float(1e-4, 1.0, log=True),
        "units": Int(1, 20),
        "kind": Categorical(["a", "b", "c"]),
        "drop": Float(0.0, 0.6, when={"kind": "a"}),
    }
)
STRATEGY = Bayes(n_candidates=256, n_restarts=3)


def loss(params):
    values = [v if isinstance(v, (int, float)) else ord(v) / 100.0 for v in params.values()]
    return float(sum((v - 0.3 * (i + 1)) ** 2 for i, v in enumerate(values)))


FREE, PADDED = (devices.Plan("CPU:0", padded=padded) for padded in (False, True))


class Asked(NamedTuple):
    """An ask, and what its fit was given."""

    given: fit.Given
    fitted: fit.Fit
    question: Question


class Fits(fit.Fits):
    """Fits that show what the last of outcomes was given."""

    def fitted(self, model, given, make, **settings):
        if "follows" in settings:
            self.given = given
        return super().fitted(model, given, make, **settings)


def asked(space, n, waiting=0, std=0.0, strategy=STRATEGY, fails=lambda params: False, plan=FREE):
    """An ask after n trials, with some that are still running."""
    study = tfbo.Study(space, seed=1, strategy=tfbo.strategies.Sobol())
    for trial in study.ask(n):
        if fails(trial.params):
            study.tell(trial, state="failed", reason="test")
        else:
            study.tell(trial, loss(trial.params), std=std * (trial.number % 3))
    pending = study.ask(waiting) if waiting else []
    problem = Problem(space, "minimize", 1)
    state = strategy.fold(problem, None, [t for t in study.trials if t.is_finished])
    state = state._replace(fits=Fits())
    posed = ask.pose(strategy.settings(problem), problem, state, pending, range(n, n + 1), plan)
    return Asked(state.fits.given, posed.fitted, posed.question)


def chosen(space, plan, strategy=STRATEGY, **settings):
    """An ask, and the answer to it by the program of a plan."""
    made = asked(space, plan=plan, strategy=strategy, **settings)
    problem = Problem(space, "minimize", 1)
    failing = bool(made.question.labels)
    choice = strategy.settings(problem).choosing(plan, 1, failing)
    return made, chooser.choose(choice, made.question, plan.device)


def model_of(space, plan=FREE, strategy=STRATEGY):
    """The model of a plan."""
    return strategy.settings(Problem(space, "minimize", 1)).placed(plan, 12)


def evaluate(model, given, question, theta, x):
    """Log posterior with its gradient, and moments and incumbent, all at `theta`."""
    given, question = tf.nest.map_structure(tf.constant, (given, question))
    prior = hyperprior.Hyperprior(*map(tf.constant, model.hyperprior))
    observed, standardised = fit.observe(model, given)
    value, gradient = value_and_gradient(
        lambda t: likelihood.log_posterior(model.kernel, prior, observed, t),
        tf.constant(theta[None]),
    )
    posterior = fit.condition(model, observed, standardised, tf.constant(theta))
    features, normals = posterior.features(question.pending), tf.math.ndtri(question.numbers)
    beside = joint.prepare(posterior, observed, Pending(features, normals, question.running))
    found = beside.fantasies.joint(x[:, None, :])
    return value, gradient, *posterior.moments(x), beside.best, *found


@pytest.mark.parametrize("space", [NUMBERS, MIXED])
@pytest.mark.parametrize("n", [7, 32, 33])
@pytest.mark.parametrize("std", [0.0, 0.2])
def test_padding_changes_no_number(space, n, std):
    made = asked(space, n, waiting=2, std=std)
    padded = fit.pad(made.given), chooser.pad(Greedy(), made.question)
    assert len(padded[0].mask) in (32, 48) and len(padded[1].pending) == 8
    free, fixed = (model_of(space, plan) for plan in (FREE, PADDED))
    rng = np.random.default_rng(0)
    theta = hyperprior.draws(free.hyperprior, 1, rng)[0]
    x = tf.constant(made.question.everywhere[:20])
    for one, two in zip(
        evaluate(free, made.given, made.question, theta, x),
        evaluate(fixed, *padded, theta, x),
        strict=True,
    ):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "noise", "std"),
    [(NUMBERS, "auto", 0.0), (NUMBERS, 0.1, 0.0), (MIXED, "auto", 0.0), (MIXED, "auto", 0.2)],
)
def test_the_programs_compiled_by_xla_find_as_good_a_point(space, noise, std):
    strategy = dataclasses.replace(STRATEGY, noise=noise)
    (free, one), (fixed, other) = (
        chosen(space, plan, strategy, n=12, waiting=1, std=std) for plan in (FREE, PADDED)
    )
    # Beside standard errors the learned noise is flat: fits end where less than 1e-3 nats is to be gained.
    tolerance = 1e-2 if std else 1e-6
    assert float(other.value) == pytest.approx(float(one.value), abs=tolerance)
    ours, theirs = (float(made.fitted.found.value) for made in (fixed, free))
    assert ours == pytest.approx(theirs, abs=2e-3)
    np.testing.assert_allclose(other.x, one.x, atol=1e-4)
    np.testing.assert_array_equal(fixed.fitted.posterior.factors.z, free.fitted.observed.z)


@pytest.mark.slow
def test_the_programs_that_know_of_failures_compiled_by_xla_find_as_good_a_point():
    fails = lambda params: params["x1"] > 0.6
    (_, one), (_, other) = (
        chosen(NUMBERS, plan, n=14, waiting=1, fails=fails) for plan in (FREE, PADDED)
    )
    # Failed trials have standard errors, beside which the learned noise is flat.
    assert float(other.value) == pytest.approx(float(one.value), abs=5e-2)
    np.testing.assert_allclose(other.x, one.x, atol=2e-2)
    assert one.x[0, 1] < 0.65


def test_padding_changes_no_probability_of_success():
    question = asked(NUMBERS, 14, fails=lambda params: params["x1"] > 0.6).question
    found = []
    for padded in (question, chooser.pad(Greedy(), question)):
        padded = tf.nest.map_structure(tf.constant, padded)
        model = feasibility.model(EI(), padded.labels, padded.posterior, padded.observed)
        found.append(model.success(tf.constant(question.everywhere)).log_probability.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    assert np.ptp(found[0]) > 1.0


@pytest.mark.parametrize("followed", [True, False])
def test_the_fit_compiled_by_xla_is_the_same(followed):
    strategy = dataclasses.replace(STRATEGY, noise=0.1, n_restarts=1 if followed else 3)
    given = asked(MIXED, 12, std=0.2, strategy=strategy).given
    free, fixed = (
        fit.fit(model_of(MIXED, plan, strategy), given, "CPU:0") for plan in (FREE, PADDED)
    )
    assert bool(free.posterior.ok) and bool(fixed.posterior.ok)
    assert float(fixed.found.value) == pytest.approx(float(free.found.value), abs=2e-3)
    one, two = (made.posterior.moments(tf.constant(given.data.x))[0] for made in (free, fixed))
    np.testing.assert_allclose(one, two, atol=5e-2)  # as far as the fits agree


@pytest.mark.parametrize("plan", [FREE, pytest.param(PADDED, marks=pytest.mark.slow)])
def test_of_many_data_hyperparameters_are_searched_for_among_some(plan, monkeypatch, fits):
    monkeypatch.setattr(ask, "_MOST_SEARCHED", 20)
    monkeypatch.setattr(devices, "plan", lambda device, n: plan)
    made = asked(NUMBERS, 40, plan=plan)
    assert fits == ([20, 40] if plan is FREE else [32, 48])
    whole = fit.fit(model_of(NUMBERS), made.given, "CPU:0")
    assert float(made.fitted.found.value) == pytest.approx(float(whole.found.value), abs=0.1)


def test_another_acquisition_or_batch_traces_no_other_fit(traced):
    for acquisition in (LogEI(), EI()):
        study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(acquisition, n_candidates=62))
        study.optimize(loss, n_trials=6)
        study.ask(3)
    assert traced == ["_fit", "_choose", "_choose", "_choose", "_choose"]


@pytest.mark.slow
def test_one_compile_a_bucket(monkeypatch, traced):
    monkeypatch.setattr(devices, "plan", lambda device, n: devices.Plan("CPU:0", padded=True))
    strategy = Bayes(n_candidates=64, n_restarts=2, n_initial=31)
    study = tfbo.Study(NUMBERS, seed=0, strategy=strategy)
    study.optimize(loss, n_trials=34)  # models of 31 to 33 trials: buckets of 32 and 48
    assert traced == ["_fit", "_choose"] * 2 and SESSIONS.info().misses == 4


def test_one_trace_for_200_trials(traced):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=65))
    for number in range(200):
        if number == 150:
            study.ask(3)  # they stay pending from here on
        trial = study.ask()
        study.tell(trial, loss(trial.params))
    assert traced == ["_fit", "_choose", "_choose"]  # the last climbs three together
    assert SESSIONS.info().misses == 5  # from 150 trials on both run on several threads


def test_one_trace_for_curves_of_all_sizes(traced):
    """A search, the conditioning of all data, the outlook, the choice; two more where trials fail."""
    strategy = Bayes(n_initial=2, n_candidates=66)
    study = tfbo.Study(NUMBERS, seed=0, strategy=strategy, fidelity=tfbo.Fidelity(1, 27))
    curves = ["_choose", "_fit", "_moments", "_stay"]
    for number in range(50):
        if number == 20:
            study.ask()  # it stays pending from here on
        trial = study.ask()
        if number == 30:
            study.forecast(0)
            study.advisor.hopeless([trial])
            assert sorted(traced) == curves
            study.tell(trial, state="failed", reason="test")
        else:
            study.tell(trial, loss(trial.params) + 1.0 / trial.until)
    assert sorted(traced) == sorted([*curves, "_choose", "_fit"])
    assert len({t.number for t in study.trials if t.curve}) > 20


def test_a_study_without_steps_has_the_programs_that_it_had(traced):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_initial=2, n_candidates=67))
    study.optimize(loss, n_trials=12)
    looked_at(study)
    assert traced == ["_fit", "_choose"]


def resident():
    """Memory of this process, in MB."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_does_not_grow_with_the_number_of_asks():
    problem, strategy = Problem(NUMBERS, "minimize", 0), Bayes(n_candidates=66)
    study = tfbo.Study(NUMBERS, seed=0, strategy=strategy)
    study.optimize(loss, n_trials=30)
    state = strategy.fold(problem, None, study.trials)
    after = {}
    for number in range(30, 531):
        strategy.suggest(problem, state, pending=(), number=number, q=1)
        if number in (80, 530):
            after[number] = resident()
    assert after[530] - after[80] < 5.0


SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_program import MIXED, loss
import tfbo
study = tfbo.minimize(loss, MIXED, n_trials=16, seed=3)
print(json.dumps([trial.params for trial in study.trials]))
"""


def test_another_process_makes_the_same_suggestions():
    study = tfbo.minimize(loss, MIXED, n_trials=16, seed=3)
    folder = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [trial.params for trial in study.trials]


def nodes(made):
    """How many nodes a graph has where each call is replaced by what it calls, as it is before it runs."""
    specs = tf.nest.flatten(made._signature)  # noqa: SLF001
    traced = programs._trace(made._function, made._settings, made._signature, specs, xla=False)  # noqa: SLF001
    graph = tf.compat.v1.GraphDef.FromString(traced.graph)
    bodies = {body.signature.name: body.node_def for body in graph.library.function}

    def count(body):
        called = [attr.func.name for node in body for attr in node.attr.values()]
        return len(body) + sum(count(bodies[name]) for name in called if name in bodies)

    return count(graph.node)


@pytest.mark.parametrize(("space", "most"), [(NUMBERS, 2600), (MIXED, 3700)])
def test_the_first_ask_does_not_wait_for_thousands_of_nodes(space, most):
    # Each takes half a millisecond or more to trace and set up; there were twice as many once.
    problem = Problem(space, "minimize", 1)
    choice = STRATEGY.settings(problem).choosing(FREE, 1, failing=False)
    assert nodes(fit.compiled(model_of(space))) + nodes(chooser.compiled(choice)) < most


def looked_at(study):
    """Ask for all that a study's model says."""
    assert study.best_trial.state == "complete"
    study.predict([study.best_params])
    study.leave_one_out()
    study.importance()


def test_nothing_is_fitted_twice_of_the_same_trials(traced, fits):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=64, n_restarts=3))
    study.optimize(loss, n_trials=8)
    del fits[:]
    study.ask()
    looked_at(study)
    assert study.name in report.html(study)
    study.ask()  # another worker's
    assert fits == [8]
    for trial in study.trials[8:]:
        study.tell(trial, 0.5 * trial.number)
    looked_at(study)
    looked_at(study)
    assert fits == [8, 10]
    assert traced == ["_fit", "_choose"]


def test_a_suggestion_is_asked_for_without_another_fit(fits):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=64, n_restarts=3))
    study.optimize(loss, n_trials=8)
    del fits[:]
    assert study.suggestion() == study.ask().params
    assert fits == [8]


def test_failed_trials_are_part_of_what_is_suggested_and_not_of_what_is_predicted(fits):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=64, n_restarts=3))
    study.optimize(loss, n_trials=8)
    study.tell(study.ask(), state="failed", reason="test")
    del fits[:]
    study.ask()
    assert fits == [9, 9]  # outcomes, and success
    looked_at(study)
    study.ask()
    assert fits == [9, 9, 8]
