"""What is learned of the intermediate values of an Optuna study."""

import math

import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import FloatDistribution  # noqa: E402
from optuna.trial import TrialState, create_trial  # noqa: E402

from tfbo import Fidelity, InvalidArgument  # noqa: E402
from tfbo.integrations.optuna import TFBOSampler, curves  # noqa: E402
from tfbo.strategies import Sobol  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = {"x": FloatDistribution(0.0, 1.0)}


class Listening(Sobol):
    """Keeps what it was given."""

    def fold(self, problem, state, told):
        self.told = [*(() if state is None else self.told), *told]
        return super().fold(problem, state, told)

    def suggest(self, problem, state, *, pending, number, q):
        self.problem, self.pending = problem, list(pending)
        return super().suggest(problem, state, pending=pending, number=number, q=q)


def made(value=None, state=TrialState.COMPLETE, x=0.5, **reported):
    steps = {int(name[1:]): v for name, v in reported.items()}
    if state == TrialState.PRUNED and value is None and steps:
        last = steps[max(steps)]
        value = None if math.isnan(last) else last  # as Optuna does
    return create_trial(
        state=state, value=value, params={"x": x}, distributions=SPACE, intermediate_values=steps
    )


def asked(*trials, **settings):
    """The strategy of a study with these trials that was asked for one more."""
    strategy = Listening()
    study = optuna.create_study(sampler=TFBOSampler(seed=0, strategy=strategy, **settings))
    study.add_trials([made(0.0), *trials])  # the space is that of complete ones
    study.ask(SPACE)
    return strategy


def told(*trials):
    """What the strategy is told of the trials: state, value, curve."""
    return [(t.state, t.value, t.curve) for t in asked(*trials).told[1:]]


def test_a_pruned_trial_is_stopped_where_it_was():
    trials = [made(state=TrialState.PRUNED, s1=5.0, s2=3.0), made(1.0, s1=4.0, s5=1.5)]
    assert told(*trials) == [
        ("stopped", 3.0, {1: 5.0, 2: 3.0}),
        ("complete", 1.0, {1: 4.0, 5: 1.0}),
    ]


def test_steps_are_those_of_the_longest_trial_and_may_begin_at_zero():
    strategy = asked(made(1.0, s0=4.0, s3=2.0), made(2.0, s0=4.0, s7=2.5))
    assert strategy.problem.fidelity == Fidelity(1, 8)
    assert [(t.start, t.until, t.spent) for t in strategy.told] == [(0, 8, 8), (0, 8, 4), (0, 8, 8)]
    # Values of complete trials are final: nothing more comes after an end of their own.
    assert [t.curve for t in strategy.told] == [
        {8: 0.0},
        {1: 4.0, 4: 2.0, 8: 1.0},
        {1: 4.0, 8: 2.0},
    ]
    assert asked(made(1.0, s10=4.0, s30=2.0)).problem.fidelity == Fidelity(10, 30)


def test_a_trial_that_reports_once_goes_on_from_there():
    trials = [made(1.0, s0=4.0), made(state=TrialState.PRUNED, s0=5.0)]
    assert asked(*trials).problem.fidelity == Fidelity(1, 2)
    assert told(*trials) == [("complete", 1.0, {1: 4.0, 2: 1.0}), ("stopped", 5.0, {1: 5.0})]


def test_values_that_are_no_numbers():
    trials = [
        made(1.0, s1=math.inf, s2=2.0),
        made(state=TrialState.PRUNED, s1=5.0, s2=math.nan),
        made(state=TrialState.PRUNED),
        made(state=TrialState.FAIL, s1=4.0),
    ]
    (complete, first), *failed = [(t[:2], t[2]) for t in told(*trials)]
    assert complete == ("complete", 1.0) and math.isnan(first[1]) and first[2] == 1.0
    assert [state for state, _ in failed] == [("failed", None)] * 3
    assert [list(curve) for _, curve in failed] == [[1, 2], [], [1]]


def test_running_trials_are_pending_with_their_curves():
    strategy = Listening()
    study = optuna.create_study(sampler=TFBOSampler(seed=0, strategy=strategy))
    study.add_trial(made(1.0, s0=4.0, s3=2.0))
    running = study.ask(SPACE)
    running.report(3.0, 0)
    study.ask(SPACE)
    (pending,) = strategy.pending
    assert (pending.state, pending.start, pending.until) == ("running", 0, 4)
    assert pending.curve == {1: 3.0}


def test_trials_are_told_anew_when_there_are_more_steps():
    strategy = Listening()
    study = optuna.create_study(sampler=TFBOSampler(seed=0, strategy=strategy))
    for trial in (made(1.0, s1=2.0, s2=1.0), made(3.0, s1=4.0, s9=3.0)):
        study.add_trial(trial)
        study.ask(SPACE)
    assert [t.curve for t in strategy.told] == [{1: 2.0, 2: 1.0, 9: 1.0}, {1: 4.0, 9: 3.0}]


@pytest.mark.parametrize("settings", [{}, {"curves": False}])
def test_without_curves_nothing_has_steps(settings):
    reported = {} if not settings else {"s1": 4.0}
    trials = [made(1.0, **reported), made(state=TrialState.PRUNED, **reported)]
    strategy = asked(*trials, **settings)
    assert strategy.problem.fidelity is None
    assert [(t.state, t.value, t.until, t.curve) for t in strategy.told] == [
        ("complete", 0.0, None, {}),
        ("complete", 1.0, None, {}),
        ("failed", None, None, {}),
    ]


def test_curves_is_a_flag():
    with pytest.raises(InvalidArgument, match="curves"):
        TFBOSampler(curves="yes")


def test_no_trial_no_steps():
    assert curves.steps([]) is None


def stepwise(trial):
    """A curve that falls towards (x - 0.3)^2 in nine steps, and rises again where x is large."""
    x = trial.suggest_float("x", 0.0, 1.0)
    for step in range(9):
        value = (x - 0.3) ** 2 + math.exp(-(step + 1) / 2) + 0.1 * step * max(0.0, x - 0.5)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


PRUNERS = {
    "median": optuna.pruners.MedianPruner(n_startup_trials=3),
    "hyperband": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9),
    "halving": optuna.pruners.SuccessiveHalvingPruner(),
    "patient": optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(3), patience=1),
    "threshold": optuna.pruners.ThresholdPruner(upper=0.5, n_warmup_steps=2),
}


@pytest.mark.parametrize("name", PRUNERS)
def test_beside_a_pruner(name):
    study = optuna.create_study(sampler=TFBOSampler(seed=0), pruner=PRUNERS[name])
    study.optimize(stepwise, n_trials=14)
    states = [t.state for t in study.trials]
    assert states.count(TrialState.PRUNED) and states.count(TrialState.COMPLETE)
    assert len({t.params["x"] for t in study.trials}) == 14
    assert study.best_value < 0.15


def test_all_brackets_of_hyperband_are_learned_from():
    strategy = Listening()
    sampler, pruner = TFBOSampler(seed=0, strategy=strategy), PRUNERS["hyperband"]
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    study.optimize(stepwise, n_trials=12)
    assert [t.number for t in strategy.told] == list(range(11))
