"""The sections of a report that are words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfbo import _format
from tfbo.errors import InvalidArgument, NoCompletedTrial, SpaceExhausted, TooFewTrials
from tfbo.report import table
from tfbo.report.tags import Html, tag
from tfbo.study import Study
from tfbo.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, WAITING, Trial

_95 = 1.959963984540054
# So many kinds of failures are described, and so much of a traceback is kept: the end says most.
_MOST_KINDS = 30
_LONGEST_TRACEBACK = 20_000


def summary(study: Study, trials: Sequence[Trial], location: str) -> Html:
    """Facts of the study: counts of its trials, times, seed and place."""
    fidelity = study.fidelity
    staged = () if fidelity is None else (STOPPED, PAUSED)
    counts = {
        state: sum(trial.state == state for trial in trials)
        for state in (COMPLETE, *staged, FAILED, RUNNING, WAITING)
    }
    steps = []
    if fidelity is not None:
        steps = [(f"{fidelity.steps} spent", sum(trial.trained for trial in trials))]
    starts = [trial.started for trial in trials if trial.started is not None]
    ends = [trial.finished for trial in trials if trial.finished is not None]
    spent = sum(trial.duration or 0.0 for trial in trials)
    aims = study.stored_trials.aims
    found = aims.goal.front(trials)
    best = aims.goal.summary(found).removeprefix("best ") if found else "none yet"
    aim = [("direction", study.direction)]
    if aims.named is not None:
        aim = [("objectives", ", ".join(f"{name} {way}" for name, way in study.objectives.items()))]
    aim += [("constraint", text) for text in study.constraints]
    rows = [
        *aim,
        ("trials", len(trials)),
        *counts.items(),
        ("best", best),
        *steps,
        ("hyperparameters", len(study.space)),
        ("seed", study.seed),
        ("first start", table.moment(min(starts, default=None)) or "none yet"),
        ("last end", table.moment(max(ends, default=None)) or "none yet"),
        ("time in trials", _format.duration(spent)),
        ("stored in", location),
    ]
    return tag("section", tag("h2", "Summary"), _list("summary", rows), id="summary")


def best(study: Study) -> Html:
    """The best hyperparameters, rounded to be read and exact to be copied."""
    if len(study.objectives) > 1:
        return _front(study)
    parts: list[Html] = [tag("h2", "Best hyperparameters")]
    try:
        found, observed = study.best_trial, study.best_observed
    except NoCompletedTrial as error:
        parts.append(tag("p", str(error), class_="missing"))
        return tag("section", *parts, id="best")
    std = "" if found.std is None else f" (standard error {found.std:.3g})"
    parts.append(
        tag(
            "p", "Trial ", tag("b", found.number, id="best-trial"), " with the value ",
            tag("b", f"{found.value:.6g}", id="best-value", title=repr(found.value)), f"{std}.",
        )
    )  # fmt: skip
    if observed.number != found.number:
        parts.append(
            tag(
                "p", f"Trial {observed.number} was told a better value, {observed.value:.6g}. Values are "
                f"noisy, and the surrogate believes trial {found.number} to be the better one.",
                id="best-noise",
            )
        )  # fmt: skip
    parts.append(_parameters("best-parameters", found.params))
    parts.append(tag("pre", repr(found.params), id="best-dict"))
    return tag("section", *parts, id="best")


def _front(study: Study) -> Html:
    """The trials between which several objectives leave a choice."""
    parts: list[Html] = [tag("h2", "Best compromises")]
    trials = study.best_trials
    if not trials:
        text = "No trial is complete and feasible yet."
        return tag("section", *parts, tag("p", text, class_="missing"), id="best")
    names = study.stored_trials.aims.metrics.names
    head = tag("tr", *(tag("th", name, scope="col") for name in ("trial", *names, *study.space)))
    cells = [
        [tag("td", trial.number), *(table.value(trial.values.get(name, "")) for name in names)]
        + [table.value(trial.params.get(name, "")) for name in study.space]
        for trial in trials
    ]
    rows = [tag("tr", *row) for row in cells]
    text = (
        "None of these is dominated: no other trial is as good in all objectives and better in one. "
        f"Their hypervolume is {study.hypervolume():.6g}."
    )
    shown = tag("table", tag("thead", head), tag("tbody", *rows), id="front")
    return tag("section", *parts, tag("p", text), tag("div", shown, class_="wide"), id="best")


def expected(study: Study, trials: Sequence[Trial]) -> Html:
    """The next suggestion, and what is predicted of it: each outcome, and if it is feasible."""
    parts: list[Html] = [tag("h2", "What the surrogate expects next")]
    try:
        params = study.suggestion()
    except (SpaceExhausted, InvalidArgument) as error:
        parts.append(tag("p", str(error), class_="missing"))
        return tag("section", *parts, id="next")
    waiting = [trial for trial in trials if trial.state == WAITING]
    where = f"Trial {waiting[0].number}, which is enqueued" if waiting else "The next suggestion"
    parts.append(tag("p", f"{where}:"))
    parts.append(_parameters("next-parameters", params))
    if len(study.objectives) == 1:
        parts += _value(study, params)
    if not study.stored_trials.aims.metrics.is_plain:
        parts += _outcomes(study, params)
    return tag("section", *parts, id="next")


def _value(study: Study, params: Mapping[str, Any]) -> list[Html]:
    """The prediction of the only objective, or why there is none."""
    try:
        prediction = study.predict([params])
        improvement = study.expected_improvement(params)
    except (TooFewTrials, InvalidArgument) as error:
        return [tag("p", str(error), class_="missing")]
    mean, std = float(prediction.mean[0]), float(prediction.std[0])
    rows = [
        ("mean", f"{mean:.6g}"),
        ("std", f"{std:.3g}"),
        ("95 % interval", _interval(mean, std)),
        ("expected improvement", f"{improvement:.3g}"),
    ]
    remark = tag(
        "p", "Mean and standard deviation are of the objective without its noise; the expected "
        "improvement is over the best believed value. See below how far such predictions can be "
        "trusted. The suggestion is that of the default strategy.", class_="remark",
    )  # fmt: skip
    return [_list("next", rows), remark]


def _outcomes(study: Study, params: Mapping[str, Any]) -> list[Html]:
    """The predictions of several objectives and of outcomes under constraints, and the feasibility."""
    aims = study.stored_trials.aims
    names = aims.metrics.others if aims.goals is None else aims.metrics.names
    parts, remark = [], ""
    if names:
        heads = ("outcome", "mean", "std", "95 % interval")
        head = tag("tr", *(tag("th", text, scope="col") for text in heads))
        rows = [_outcome(study, params, name) for name in names]
        body = tag("tbody", *rows)
        parts.append(tag("table", tag("thead", head), body, id="next-outcomes"))
    if aims.goals is not None:
        remark = (
            "Mean and standard deviation are of the outcomes without their noise. The suggestion is that "
            "of the default strategy. "
        )
    if aims.constraints is not None:
        remark += "Feasibility is the probability that the constraints on outcomes hold."
        try:
            feasible = f"{float(study.feasibility([params])[0]):.3g}"
        except (TooFewTrials, InvalidArgument):
            feasible = "not known yet"  # as an outcome is not: above is why
        parts.append(_list("next", [("feasibility", feasible)]))
    return [*parts, tag("p", remark, class_="remark")]


def _outcome(study: Study, params: Mapping[str, Any], name: str) -> Html:
    """A row with the prediction of an outcome, or with why there is none."""
    head = tag("th", name, scope="row")
    try:
        mean, std = (float(each[0]) for each in study.predict([params], outcome=name))
    except (TooFewTrials, InvalidArgument) as error:
        return tag("tr", head, tag("td", str(error), class_="missing", colspan=3))
    texts = (f"{mean:.6g}", f"{std:.3g}", _interval(mean, std))
    return tag("tr", head, *(tag("td", text) for text in texts))


def _interval(mean: float, std: float) -> str:
    return f"{mean - _95 * std:.6g} to {mean + _95 * std:.6g}"


def failures(trials: Sequence[Trial]) -> Html:
    """Failures by their kinds, most frequent first; nothing without any."""
    failed = [trial for trial in trials if trial.state == FAILED]
    if not failed:
        return Html("")
    kinds: dict[tuple[str, str], list[Trial]] = {}
    for trial in failed:
        kinds.setdefault((str(trial.kind), str(trial.reason).split(":")[0]), []).append(trial)
    ordered = sorted(kinds.values(), key=len, reverse=True)
    parts = [tag("h2", f"Failures ({len(failed)})"), *map(_failure, ordered[:_MOST_KINDS])]
    rest = ordered[_MOST_KINDS:]
    if rest:
        count = sum(map(len, rest))
        text = f"{count} trials failed in {len(rest)} further ways; the table has their reasons."
        parts.append(tag("p", text))
    return tag("section", *parts, id="failures")


def _failure(alike: Sequence[Trial]) -> Html:
    last = alike[-1]
    numbers = ", ".join(str(trial.number) for trial in alike)
    head = tag(
        "summary",
        f"{len(alike)} {'time' if len(alike) == 1 else 'times'} {last.kind}: {last.reason}",
    )
    parts = [tag("p", f"Trials {numbers}. The last of them:")]
    text = last.traceback or "It has no traceback."
    left = len(text) - _LONGEST_TRACEBACK
    if left > 0:
        text = f"({left} characters before this)\n{text[left:]}"
    return tag("details", head, *parts, tag("pre", text))


def _list(prefix: str, rows: Sequence[tuple[str, Any]]) -> Html:
    """Names and values; each value has an id: the prefix and its name."""
    pairs = []
    for name, text in rows:
        ending = name.replace(" %", "").replace(" ", "-")
        pairs.append(tag("div", tag("dt", name), tag("dd", text, id=f"{prefix}-{ending}")))
    return tag("dl", *pairs)


def _parameters(name: str, params: Mapping[str, Any]) -> Html:
    rows = [tag("tr", tag("th", key, scope="row"), table.value(v)) for key, v in params.items()]
    return tag("table", tag("tbody", *rows), id=name, class_="parameters")
