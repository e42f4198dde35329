"""The compiled ask: padded and free shapes agree, and nothing is traced or kept twice."""

import dataclasses
import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbo
from tfbo import Categorical, Float, Int, Space
from tfbo._compile import devices, programs
from tfbo.acquisition import joint
from tfbo.gp import hyperprior, likelihood
from tfbo.gp.pending import Pending
from tfbo.optim.base import value_and_gradient
from tfbo.strategies import Bayes
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import ask, feasibility, fit, greedy

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


def asked(space, n, waiting=0, std=0.0, strategy=STRATEGY, q=1, fails=lambda params: False):
    """The question of an ask for q points after n trials, with some that are still running."""
    study = tfbo.Study(space, seed=1, strategy=tfbo.strategies.Sobol())
    for trial in study.ask(n):
        if fails(trial.params):
            study.tell(trial, state="failed", reason="test")
        else:
            study.tell(trial, loss(trial.params), std=std * (trial.number % 3))
    pending = study.ask(waiting) if waiting else []
    problem = Problem(space, "minimize", 1)
    state = strategy.fold(problem, None, [t for t in study.trials if t.is_finished])
    plan = devices.Plan("CPU:0", padded=True)
    return ask.pose(
        strategy.settings(problem), problem, state, pending, range(n, n + q), plan
    ).question


def choices_of(space, plan, n, strategy=STRATEGY):
    """The choices of the program for n trials."""
    return strategy.settings(Problem(space, "minimize", 1)).choices(plan, n)


def evaluate(choices, question, theta, x):
    """Log posterior with its gradient, and moments and incumbent, all at `theta`."""
    question = tf.nest.map_structure(tf.constant, question)
    prior = hyperprior.Hyperprior(*map(tf.constant, fit.default_hyperprior(choices.kernel)))
    observed = fit.observe(choices, question.evidence)
    value, gradient = value_and_gradient(
        lambda t: likelihood.log_posterior(choices.kernel, prior, observed, t),
        tf.constant(theta[None]),
    )
    posterior = fit.posterior(choices, observed, tf.constant(theta))
    normals = tf.math.ndtri(question.uniforms)
    features = posterior.features(question.pending)
    beside = joint.prepare(posterior, observed, Pending(features, normals, question.running))
    given = beside.fantasies.joint(x[:, None, :])
    return value, gradient, *posterior.moments(x), beside.best, *given


@pytest.mark.parametrize("space", [NUMBERS, MIXED])
@pytest.mark.parametrize("n", [7, 32, 33])
@pytest.mark.parametrize("std", [0.0, 0.2])
def test_padding_changes_no_number(space, n, std):
    question = asked(space, n, waiting=2, std=std)
    padded = greedy._pad(question)
    assert len(padded.evidence.x) in (32, 48) and len(padded.pending) == 8
    free, fixed = (choices_of(space, devices.Plan("CPU:0", padded=p), n) for p in (False, True))
    rng = np.random.default_rng(0)
    theta = hyperprior.draws(fit.default_hyperprior(free.kernel), 1, rng)[0]
    x = tf.constant(question.everywhere[:20])
    for one, two in zip(
        evaluate(free, question, theta, x), evaluate(fixed, padded, theta, x), strict=True
    ):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("space", "noise", "std"),
    [(NUMBERS, "auto", 0.0), (NUMBERS, 0.1, 0.0), (MIXED, "auto", 0.0), (MIXED, "auto", 0.2)],
)
def test_the_program_compiled_by_xla_finds_as_good_a_point(space, noise, std):
    strategy = dataclasses.replace(STRATEGY, noise=noise)
    question = asked(space, 12, waiting=1, std=std, strategy=strategy)
    plans = [devices.Plan("CPU:0", padded=p) for p in (False, True)]
    free, fixed = (
        greedy.answer(choices_of(space, p, 12, strategy), question, p.device) for p in plans
    )
    # Beside standard errors the learned noise is flat: fits end where less than 1e-3 nats is to be gained.
    tolerance = 1e-2 if std else 1e-6
    assert float(fixed.value) == pytest.approx(float(free.value), abs=tolerance)
    assert float(fixed.fitted.value) == pytest.approx(float(free.fitted.value), abs=2e-3)
    np.testing.assert_allclose(fixed.x, free.x, atol=1e-4)


def test_the_program_that_knows_of_failures_compiled_by_xla_finds_as_good_a_point():
    question = asked(NUMBERS, 14, waiting=1, fails=lambda params: params["x1"] > 0.6)
    plans = [devices.Plan("CPU:0", padded=p) for p in (False, True)]
    free, fixed = (greedy.answer(choices_of(NUMBERS, p, 14), question, p.device) for p in plans)
    # Failed trials have standard errors, beside which the learned noise is flat.
    assert float(fixed.value) == pytest.approx(float(free.value), abs=5e-2)
    np.testing.assert_allclose(fixed.x, free.x, atol=2e-2)
    assert free.x[0, 1] < 0.65


def test_padding_changes_no_probability_of_success():
    question = asked(NUMBERS, 14, fails=lambda params: params["x1"] > 0.6)
    found = []
    for padded, labels in ((False, question.labels), (True, greedy._pad(question).labels)):
        choices = choices_of(NUMBERS, devices.Plan("CPU:0", padded), 14)
        given = tf.nest.map_structure(tf.constant, labels)
        observed = fit.observe(choices, given)
        posterior = fit.posterior(choices, observed, given.start.theta)
        model = feasibility.model(choices, given, observed, posterior)
        success = model.success(question.everywhere)
        found.append(success.log_probability.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    assert np.ptp(found[0]) > 1.0


@pytest.mark.parametrize("followed", [True, False])
def test_the_fit_by_itself_compiled_by_xla_is_the_same(followed):
    strategy = dataclasses.replace(STRATEGY, noise=0.1, n_restarts=1 if followed else 3)
    evidence = asked(MIXED, 12, std=0.2, strategy=strategy).evidence
    plans = [devices.Plan("CPU:0", padded=p) for p in (False, True)]
    choices = [choices_of(MIXED, plan, 12, strategy) for plan in plans]
    free, fixed = (fit.fit(c, evidence, "CPU:0") for c in choices)
    assert bool(free.ok) and bool(fixed.ok)
    assert float(fixed.value) == pytest.approx(float(free.value), abs=2e-3)
    given = tf.nest.map_structure(tf.constant, evidence)
    observed = fit.observe(choices[0], given)
    (one, _), (two, _) = (
        fit.posterior(choices[0], observed, f.theta).moments(given.x) for f in (free, fixed)
    )
    np.testing.assert_allclose(one, two, atol=5e-2)  # as far as the fits agree


def test_one_compile_a_bucket(monkeypatch, traced):
    monkeypatch.setattr(devices, "plan", lambda device, n: devices.Plan("CPU:0", padded=True))
    strategy = Bayes(n_candidates=64, n_restarts=2, n_initial=31)
    study = tfbo.Study(NUMBERS, seed=0, strategy=strategy)
    study.optimize(loss, n_trials=34)  # models of 31 to 33 trials: buckets of 32 and 48
    assert traced == ["_ask"] * 2


def test_one_trace_for_200_trials(traced):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=65))
    for number in range(200):
        if number == 150:
            study.ask(3)  # they stay pending from here on
        trial = study.ask()
        study.tell(trial, loss(trial.params))
    assert traced == ["_ask", "_ask"]  # the second climbs three together


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
    specs = tf.nest.flatten(made._signature)
    traced = programs._trace(made._function, made._settings, made._signature, specs, xla=False)
    graph = tf.compat.v1.GraphDef.FromString(traced.graph)
    bodies = {body.signature.name: body.node_def for body in graph.library.function}

    def count(body):
        called = [attr.func.name for node in body for attr in node.attr.values()]
        return len(body) + sum(count(bodies[name]) for name in called if name in bodies)

    return count(graph.node)


@pytest.mark.parametrize(("space", "most"), [(NUMBERS, 2600), (MIXED, 3700)])
def test_the_first_ask_does_not_wait_for_thousands_of_nodes(space, most):
    # Each takes half a millisecond or more to trace and set up; there were twice as many once.
    assert nodes(greedy.compiled(choices_of(space, devices.CPU, 9))) < most


def test_what_is_asked_of_the_model_between_asks_takes_no_other_program(traced):
    study = tfbo.Study(NUMBERS, seed=0, strategy=Bayes(n_candidates=64, n_restarts=3))
    study.optimize(loss, n_trials=8)
    assert study.best_trial.state == "complete" and len(study.predict([study.best_params]).mean)
    assert traced == ["_ask"]


def test_the_ask_for_no_point_and_the_fit_by_itself_are_the_same():
    evidence = asked(MIXED, 12, std=0.2).evidence
    choices = choices_of(MIXED, devices.CPU, 12)
    greedy.answer(choices, asked(MIXED, 12), "CPU:0")  # from here on the compiled ask is used
    one, two = (run(choices, evidence, "CPU:0") for run in (greedy.fit_alone, fit.fit))
    for whole, alone in zip(one, two, strict=True):
        np.testing.assert_allclose(whole, alone, rtol=1e-9, atol=1e-9)
