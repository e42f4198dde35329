"""Stages by the model: which trials go on, which explore, which are hopeless."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import tfbo
from tfbo.gp import outcomes
from tfbo.strategies import Bayes, Sobol
from tfbo.strategies.base import Problem
from tfbo.strategies.bayes import stages
from tfbo.strategies.bayes.greedy import Greedy
from tfbo.trial import COMPLETE, PAUSED, RUNNING, STOPPED, WAITING, Trial

STEPS = tfbo.Fidelity(1, 27)
PLANE = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "y": tfbo.Float(0.0, 1.0)})
STRATEGY = Bayes(n_initial=2, n_candidates=64)
UNBENT = dataclasses.replace(STRATEGY, outcome_transform=outcomes.unchanged)


def value(params, step):
    """Curves that cross: what starts well does not always end well."""
    x, y = params["x"], params["y"]
    return (x - 0.3) ** 2 + 0.5 * (y - 0.6) ** 2 + (0.1 + 0.5 * x) / step


def study(**settings):
    return tfbo.Study(PLANE, **{"seed": 0, "strategy": STRATEGY, "fidelity": STEPS, **settings})


def train(made, trial):
    """Report each step, and tell the last."""
    for step in range(trial.start + 1, trial.until):
        made.report(trial, step, value(trial.params, step))
    made.tell(trial, value(trial.params, trial.until))


def asked(made):
    """The problem of a study, the state of its strategy, and its unfinished trials."""
    problem = Problem(PLANE, "minimize", 0, fidelity=STEPS)
    strategy = made.advisor.strategy
    state = strategy.fold(problem, None, [t for t in made.trials if t.is_finished])
    return problem, strategy, state, [t for t in made.trials if not t.is_finished]


@pytest.fixture(scope="module")
def simulated():
    """A study of 150 stages, and what was asked for: trials as they began a stage."""
    made, begun = study(), []
    for _ in range(150):
        trial = made.ask()
        begun.append(trial)
        train(made, trial)
    return made, begun


def reached(trials, step):
    """Number of trials that have been trained until a step."""
    return sum((trial.reached or 0) >= step for trial in trials)


def test_the_lead_has_no_more_than_half_of_all_steps(simulated):
    _, begun = simulated
    led, spent, before = 0, 0, {}
    for trial in begun:
        length = trial.until - trial.start
        now = trial.notes.get(stages.LEAD, 0)
        spent += length
        if now != before.get(trial.number, 0):
            assert now == before.get(trial.number, 0) + length
            led += length
        before[trial.number] = now
        assert led <= 0.5 * spent
    assert led > 0.4 * spent


def test_beside_the_lead_as_many_go_on_as_by_successive_halving(simulated):
    _, begun = simulated
    furthest, lead = {}, dict.fromkeys(STEPS.rungs, 0)
    for trial in begun:
        led = trial.notes.get(stages.LEAD, 0)
        if trial.number in furthest:
            before, until = furthest[trial.number]
            place = STEPS.rungs.index(trial.until)
            assert STEPS.rungs[place - 1] == until == trial.start, "no rung is left out"
            here = sum(end >= until for _, end in furthest.values())
            gone = sum(end > until for _, end in furthest.values())
            if led > before:
                lead[until] += 1
            else:
                assert gone + 1 <= here // STEPS.factor
        furthest[trial.number] = led, trial.until
    assert sum(lead.values()) > 3
    for step, after in zip(STEPS.rungs, STEPS.rungs[1:], strict=False):
        here, there = (sum(end >= at for _, end in furthest.values()) for at in (step, after))
        assert there >= here // STEPS.factor - 1, "as many as may go on do"


def test_who_goes_on_is_predicted_best_of_those_that_are_paused(simulated):
    made, _ = simulated
    problem, strategy, state, pending = asked(made)
    settings = strategy.settings(problem)
    going = stages.going_on(settings, problem, state, pending, len(made.trials))
    while not going:  # a new trial begins
        train(made, made.ask())
        problem, strategy, state, pending = asked(made)
        going = stages.going_on(settings, problem, state, pending, len(made.trials))
    numbers = {each.trial for each in going}
    assert len(numbers) == len(going)
    surrogate = strategy.surrogate(problem, state, pending=pending)
    predicted = {t.number: surrogate.forecast(t, [27]).mean[0] for t in pending}
    for each in going:
        trial = made.trials[each.trial]
        rivals = [t for t in pending if t.until == trial.until or stages.LEAD in each.notes]
        better = [t.number for t in rivals if predicted[t.number] < predicted[trial.number]]
        assert set(better) <= numbers
        assert each.until == STEPS.after(trial.until) and each.params == trial.params


def paused(number, at, state=PAUSED, **fields):
    curve = dict.fromkeys([s for s in STEPS.rungs if s <= at], 0.5)
    params = dict(zip("xy", np.random.default_rng(number).random(2).tolist(), strict=True))
    return Trial(
        number, params, state, **{"value": 0.5, "until": at, "curve": curve, "start": 0,
                                  "spent": at, **fields},
    )  # fmt: skip


def promoted(trials, ranked=None):
    problem = Problem(PLANE, "minimize", 0, fidelity=STEPS)
    ranked = [t for t in trials if t.state == PAUSED] if ranked is None else ranked
    return [(each.trial.number, each.until) for each in stages.promotions(problem, trials, ranked)]


def test_of_each_rung_a_third_goes_on_in_the_order_of_the_model():
    low = [paused(i, 1) for i in range(9)]
    assert promoted(low[:2]) == []
    assert promoted(low, low[::-1]) == [(8, 3), (7, 3), (6, 3)]
    middle = [paused(i, 3) for i in range(10, 16)]
    # 15 were at the first rung, of which 6 have gone on; 6 at the next, of which none has.
    assert promoted([*low, *middle]) == [(10, 9), (11, 9)]
    more = [paused(i, 1) for i in range(20, 29)]
    assert promoted([*low, *middle, *more]) == [(10, 9), (11, 9), (0, 3), (1, 3)]


@pytest.mark.parametrize(
    "gone",
    [
        paused(3, 1, RUNNING, until=3),
        paused(3, 1, WAITING, until=3),
        paused(3, 3, STOPPED),
        paused(3, 1, COMPLETE, until=1),
        paused(3, 1, "failed", value=None, until=3),
    ],
    ids=lambda trial: trial.state,
)
def test_a_trial_that_went_on_has_its_place_whatever_became_of_it(gone):
    assert promoted([*(paused(i, 1) for i in range(3)), gone]) == []
    assert len(promoted([*(paused(i, 1) for i in (0, 1, 2, 4, 5)), gone])) == 1


def test_trials_that_have_not_reached_the_first_rung_go_on_last():
    early = Trial(9, {"x": 0.5, "y": 0.5}, PAUSED, 0.5, until=1, curve={1: 0.5})
    steps = tfbo.Fidelity(3, 27)
    problem = Problem(PLANE, "minimize", 0, fidelity=steps)
    trials = [early, *(paused(i, 3) for i in range(3))]
    found = stages.promotions(problem, trials, trials[1:])
    assert [(each.trial.number, each.until) for each in found] == [(0, 9), (9, 3)]


def test_a_training_that_starts_over_costs_the_lead_all_of_its_steps():
    trial = paused(0, 3)
    rest = [paused(i, 1, spent=4) for i in range(1, 4)]
    for resume, spent in ((True, 6), (False, 9)):
        problem = Problem(PLANE, "minimize", 0, fidelity=dataclasses.replace(STEPS, resume=resume))
        few = [trial, *rest[:2]]  # 11 steps: half of them are fewer than either takes
        assert stages.lead(problem, few, [trial]) == []
        many = [trial, *(dataclasses.replace(t, spent=2 * spent - 3) for t in rest[:1])]
        assert stages.lead(problem, many, [trial]) == [(trial, 9, spent)]
        less = [trial, *(dataclasses.replace(t, spent=2 * spent - 4) for t in rest[:1])]
        assert stages.lead(problem, less, [trial]) == []


def test_new_trials_explore_less_and_less_but_a_tenth():
    problem = Problem(PLANE, "minimize", 0, fidelity=STEPS)
    few = 20
    for first, last in ((20, 40), (40, 100), (100, 200), (200, 2200)):
        explored = [stages.explores(problem, [n], few) for n in range(first, last)]
        shares = [max(0.1, few / n) for n in range(first, last)]
        deviation = math.sqrt(sum(p * (1.0 - p) for p in shares))
        assert abs(sum(explored) - sum(shares)) <= 3.0 * deviation
    assert not any(stages.explores(problem, [n, n + 1], few) for n in range(20, 60))
    without = problem._replace(fidelity=None)
    assert not any(stages.explores(without, [n], few) for n in range(20, 60))


def test_exploring_trials_are_those_of_the_initial_design(simulated):
    made, begun = simulated
    problem, *_ = asked(made)
    new = [trial for trial in begun if trial.start == 0 and trial.number >= 8]
    explored = [t for t in new if stages.explores(problem, [t.number], 8)]
    assert 3 <= len(explored) < len(new)
    design = Sobol(centre=True)
    for trial in new:
        begun = design.fold(problem, None, ())
        (expected,) = design.suggest(problem, begun, pending=(), number=trial.number, q=1)
        assert (trial.params == expected.params) == (trial in explored)


def curves_of(strategy, complete):
    """What `asked` takes: so many complete trials, and others that run halfway."""
    trials = []
    for i, drawn in enumerate(tfbo.Study(PLANE, seed=5, strategy=tfbo.strategies.Random()).ask(24)):
        reached = 27 if i < complete else (1, 3, 5, 9)[i % 4]
        curve = {step: value(drawn.params, step) for step in range(1, reached + 1)}
        trial = tfbo.Trial(i, drawn.params, "running", start=0, until=27, curve=curve)
        if reached == 27:
            trial = dataclasses.replace(trial, state="complete", value=curve[27])
        trials.append(trial)
    return SimpleNamespace(trials=trials, advisor=SimpleNamespace(strategy=strategy))


@pytest.mark.parametrize("complete", [3, 6])
def test_a_trial_is_hopeless_where_it_becomes_the_best_with_little_probability(complete):
    made = curves_of(UNBENT, complete)
    problem, strategy, state, pending = asked(made)
    (noted,) = strategy.suggest(problem, state, pending=pending, number=99, q=1)
    state = state._replace(  # a fit, as the study would have written it down
        trials=(dataclasses.replace(state.trials[0], notes=noted.notes), *state.trials[1:])
    )
    assert "theta" in noted.notes
    found = strategy.hopeless(problem, state, trials=pending, pending=pending)
    surrogate = strategy.surrogate(problem, state, pending=pending)
    best = min(surrogate.forecast(t, [27]).mean[0] for t in state.trials)
    expected = set()
    for trial in pending:
        (mean,), (std,) = surrogate.forecast(trial, [27])
        if stats.norm.cdf((best - mean) / (2.0 * std)) < 0.05:
            expected.add(trial.number)
    assert found == expected and 0 < len(expected) < len(pending)
    some = pending[::2]
    assert strategy.hopeless(problem, state, trials=some, pending=pending) == expected & {
        t.number for t in some
    }
    two = state._replace(trials=state.trials[:2], rows=state.rows[:2])
    assert strategy.hopeless(problem, two, trials=pending, pending=pending) == frozenset()


def test_nothing_is_hopeless_before_there_was_a_fit():
    problem, strategy, state, pending = asked(curves_of(UNBENT, 6))
    assert strategy.hopeless(problem, state, trials=pending, pending=pending) == frozenset()


@pytest.mark.parametrize("n_trials", [1, 2, 5])
def test_a_search_of_few_trials_ends_with_one_that_is_complete(n_trials):
    made = study()

    def objective(params, run):
        for step in range(run.start + 1, run.until + 1):
            run.report(step, value(params, step))
        return value(params, run.until)

    made.optimize(objective, n_trials=n_trials)
    states = [trial.state for trial in made.trials]
    assert len(states) == n_trials and states.count(COMPLETE) >= 1
    assert made.best_trial.state == COMPLETE


@pytest.mark.parametrize(
    "strategy", [Bayes(noise="none"), dataclasses.replace(STRATEGY, noise="none")]
)
def test_where_a_space_is_tried_wholly_one_trial_is_trained_to_the_end(strategy):
    """It has fewer configurations than the initial design, or than it takes for rungs to fill."""
    space = tfbo.Space({"k": tfbo.Int(0, 5)})
    made = tfbo.Study(space, seed=0, strategy=strategy, fidelity=tfbo.Fidelity(1, 9))
    with pytest.raises(tfbo.SpaceExhausted):
        for _ in range(30):
            trial = made.ask()
            made.tell(trial, trial.params["k"] + 1.0 / trial.until)
    assert len(made.trials) == 6
    assert made.best_trial.state == COMPLETE and made.best_params["k"] <= 1


def test_no_new_trial_begins_where_the_study_is_closed(simulated):
    made, _ = simulated
    problem, strategy, state, pending = asked(made)
    arguments = {"pending": pending, "number": len(made.trials), "q": 9}
    opened = strategy.suggest(problem, state, **arguments)
    closed = strategy.suggest(problem._replace(closed=True), state, **arguments)
    going = [each for each in opened if each.trial is not None]
    assert closed == going and len(going) < len(opened)


@pytest.mark.parametrize("q", [1, 3])
def test_workers_are_never_asked_for_a_trial_that_runs(q):
    """Four workers, of which any is the next to be through."""
    strategy = dataclasses.replace(STRATEGY, chooser=Greedy())  # one program for any q
    made, running, rng = study(strategy=strategy), [], np.random.default_rng(0)
    for _ in range(60 // q):
        for trial in made.ask(q):
            assert trial.number not in [t.number for t in running]
            assert trial.start < trial.until in STEPS.rungs
            running.append(trial)
        while len(running) > 4 - q:
            train(made, running.pop(rng.integers(len(running))))
    keys = [repr(trial.params) for trial in made.trials]
    assert len(set(keys)) == len(keys)
    assert {trial.until for trial in made.trials} == set(STEPS.rungs)


def test_a_study_that_is_opened_again_goes_on_in_the_same_way(tmp_path):
    """With two trials that run meanwhile."""

    def go_on(made, n, waiting):
        begun = []
        for _ in range(n):
            trial = made.ask()
            begun.append((trial.number, trial.params, trial.start, trial.until, trial.notes))
            waiting.append(trial)
            if len(waiting) > 2:
                train(made, waiting.pop(0))
        return begun

    waiting = []
    whole = go_on(study(), 36, waiting)
    made, waiting = study(storage=str(tmp_path / "runs.db")), []
    first = go_on(made, 20, waiting)
    again = tfbo.Study.load(storage=str(tmp_path / "runs.db"), strategy=STRATEGY)
    assert first + go_on(again, 16, waiting) == whole
    assert any(start for _, _, start, _, _ in whole[20:])
