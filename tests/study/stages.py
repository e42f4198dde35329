"""A study in stages, without TensorFlow: what tests and their processes share."""

import tfbo
from tfbo.strategies import Random, Strategy, Suggestion
from tfbo.trial import PAUSED

STEPS = tfbo.Fidelity(1, 9)
SPACE = tfbo.Space({"x": tfbo.Float(0.0, 1.0)})


class Threshold(Strategy):
    """Draws configurations; those below 0.3 go on to the next rung, those above 0.6 are hopeless."""

    def suggest(self, problem, state, *, pending, number, q):
        paused = [t for t in pending if t.state == PAUSED and t.params["x"] < 0.3]
        after = problem.fidelity.after
        going = [Suggestion(t.params, {}, after(t.until), t.number) for t in paused[:q]]
        if problem.closed or len(going) == q:
            return going
        new = Random().suggest(problem, state, pending=pending, number=number, q=q - len(going))
        return going + [each._replace(until=problem.fidelity.low) for each in new]

    def hopeless(self, problem, state, *, trials, pending):
        return frozenset(t.number for t in trials if t.params["x"] > 0.6)


def value(params, step):
    return params["x"] + 0.1 / step


def train(params, run):
    """Reports each step, and ends where that says so."""
    for step in range(run.start + 1, run.until + 1):
        if not run.report(step, value(params, step)):
            break
    return value(params, step)


def study(**arguments):
    options = {"seed": 0, "strategy": Threshold(), "fidelity": STEPS, **arguments}
    return tfbo.Study(SPACE, **options)
