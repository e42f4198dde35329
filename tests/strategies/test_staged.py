"""What the strategies by rungs share."""

import pytest

import tfbo
from tfbo.strategies import Grid, Hyperband, Random, Strategy, SuccessiveHalving, Suggestion

SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})


class Witness(Strategy):
    """Remembers what it was shown."""

    def __init__(self):
        self.seen = []

    def fold(self, problem, state, told):
        return (*(state or ()), *told)

    def suggest(self, problem, state, *, pending, number, q):
        self.seen.append(([(t.number, t.state) for t in state], [t.number for t in pending]))
        return [Suggestion({"x": i / 10}, {"own": i}) for i in range(number, number + q)]


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband])
def test_another_strategy_chooses_configurations_and_sees_paused_trials_as_stopped(kind):
    witness = Witness()
    study = tfbo.Study(SPACE, fidelity=tfbo.Fidelity(1, 27), strategy=kind(witness))
    one, two = study.ask(2)
    study.tell(one, 0.5)
    three = study.ask()
    assert witness.seen == [([], []), ([(0, "stopped")], [1])]
    assert [t.params["x"] for t in (one, two, three)] == [0.0, 0.1, 0.2]
    assert three.notes["own"] == 2


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband])
def test_a_study_without_steps_is_refused(kind):
    study = tfbo.Study(SPACE, strategy=kind())
    with pytest.raises(tfbo.InvalidArgument, match=r"fidelity.*tfbo.Fidelity\(1, 50\)"):
        study.ask()


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband])
@pytest.mark.parametrize("given", [None, "bayes", Random, Hyperband()])
def test_what_is_no_strategy_of_configurations_is_named(kind, given):
    with pytest.raises(tfbo.InvalidArgument, match="configurations"):
        kind(given)


def test_iterations_are_a_count():
    with pytest.raises(tfbo.InvalidArgument, match="iterations"):
        Hyperband(iterations=0)


def test_part_of_a_batch_is_new_where_not_all_can_be():
    """Two configurations are left, and a third worker goes on with what is paused."""
    study = tfbo.Study(
        tfbo.Space({"k": tfbo.Int(0, 4)}), fidelity=tfbo.Fidelity(1, 9),
        strategy=Hyperband(Grid()),
    )  # fmt: skip
    for trial in study.ask(3):
        study.tell(trial, float(trial.number))
    asked = study.ask(2)
    assert [trial.until for trial in asked] == [1, 1]
    with pytest.raises(tfbo.SpaceExhausted, match="2 trials run"):
        study.ask()
