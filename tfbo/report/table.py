"""The table of all trials, which a click on a column's head sorts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from tfbo._arguments import is_number
from tfbo.report.tags import Html, join, tag
from tfbo.study import Study
from tfbo.trial import FAILED, Trial

_LONGEST_REASON = 300
# Texts of more characters are broken into lines.
_SHORT = 24


def trials(study: Study, listed: Sequence[Trial]) -> Html:
    """Complete trials best first, then the others by number, every one of them.

    With constraints a column for each has how far it is broken, empty where that is not known.
    """
    if not listed:
        return tag("p", "The study has no trial yet.", class_="missing")
    names = list(study.space)
    errors = any(trial.std is not None for trial in listed)
    failed = any(trial.state == FAILED for trial in listed)
    fidelity = study.fidelity
    curved = fidelity is not None or any(trial.curve for trial in listed)
    step = [("step" if fidelity is None else fidelity.name)] if curved else []
    aims = study.stored_trials.aims
    metrics = () if aims.metrics.is_plain else aims.metrics.shown(listed)
    valued = ["value", *(["std"] if errors else [])] if aims.goals is None else []
    # Of one objective its name is in the metrics, too.
    valued += [name for name in metrics if aims.goals is not None or name not in aims.objectives]
    valued += [f"violations_{text}" for text in aims.texts]
    valued += ["feasible"] if aims.constraints is not None else []
    heads = ["trial", *valued, "state", *step, *names]
    heads += ["started", "seconds"]
    heads += ["reason"] if failed else []
    ordered = sorted(listed, key=aims.goal.rank)
    rows = join((_row(trial, names, valued, curved, failed) for trial in ordered), "\n")
    written = {name for t in listed for name, v in t.params.items() if not is_number(v)}
    written |= {"state", "started", "reason", "feasible"}
    head = tag("tr", *(_head(name, name in written) for name in heads))
    return tag(
        "div", tag("table", tag("thead", head), tag("tbody", rows), id="trials"), class_="wide"
    )


def _head(name: str, text: bool) -> Html:
    # Where a head may be broken: long names would make their column wide.
    parts = join(name.replace("_", "_\0").split("\0"), Html("<wbr>"))
    return tag("th", parts, scope="col", tabindex=0, **({"class_": "text"} if text else {}))


def _row(
    trial: Trial, names: Sequence[str], valued: Sequence[str], curved: bool, failed: bool
) -> Html:
    known = {"value": trial.value, "std": trial.std, **trial.values}
    known |= {f"violations_{t}": v for t, v in trial.violations.items() if not math.isnan(v)}
    cells = [_number(trial.number)]
    for name in valued:
        shown = {True: "yes", False: "no", None: ""}[trial.is_feasible]
        text = tag("td", shown, class_="text")
        cells.append(text if name == "feasible" else _number(known.get(name)))
    cells.append(tag("td", trial.state, class_="text"))
    cells += [_number(trial.reached)] if curved else []
    cells += [value(trial.params[name]) if name in trial.params else tag("td") for name in names]
    started = moment(trial.started)
    # To the minute; what is sorted by is the title.
    cells.append(tag("td", started[: -len(":00")], class_="text", title=started))
    cells.append(_number(trial.duration, digits=4))
    if failed:
        reason = "" if trial.reason is None else _reason(trial)
        cells.append(tag("td", reason, class_="text long" if reason else "text"))
    return tag("tr", *cells, **({} if trial.state != FAILED else {"class_": "failed"}))


def _reason(trial: Trial) -> str:
    text = f"{trial.kind}: {trial.reason}"
    left = len(text) - _LONGEST_REASON
    return text if left <= 0 else f"{text[:_LONGEST_REASON]}… ({left} characters more)"


def value(value: Any) -> Html:
    """A cell with the value of a parameter: a number rounded, text without quotes."""
    if is_number(value):
        return _number(value)
    text = str(value)
    return tag("td", text, class_="text long" if len(text) > _SHORT else "text")


def _number(number: float | None, digits: int = 6) -> Html:
    """A cell with a number, whose exact value is the title and is what is sorted by."""
    if number is None:
        return tag("td")
    exact = repr(number)
    shown = exact if isinstance(number, int) else f"{number:.{digits}g}"
    return tag("td", shown) if shown == exact else tag("td", shown, title=exact)


def moment(seconds: float | None) -> str:
    """A time of the clock here, "2026-01-31 12:00:00"; nothing for None."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
