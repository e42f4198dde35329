"""Records of studies: made for a new one, or found and held against what was asked for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tfbo import _arguments
from tfbo._messages import printable
from tfbo.errors import InvalidArgument, StudyMismatch, invalid
from tfbo.space import Params, Space, checks
from tfbo.storage import Record, Storage, damaged, no_study, read_space, shown
from tfbo.study import aims
from tfbo.study.aims import Aims
from tfbo.trial import Fidelity

_SEED_BITS = 63
_STRATEGIES = ("Bayes", "Sobol", "Random", "Grid")


def create(
    storage: Storage,
    space: Space,
    *,
    aim: Aims,
    name: str,
    seed: int | None,
    fidelity: Fidelity | None = None,
) -> Record:
    """The record of a new study, or of the one of its name; StudyMismatch where that is another study."""
    drawn = secrets.randbits(_SEED_BITS) if seed is None else int(seed)
    steps = None if fidelity is None else fidelity.to_json()
    wanted = Record(name, space.to_json(), aim.direction, drawn, time.time(), steps)
    wanted = wanted._replace(goals=aim.goals_json, constraints=aim.constraints_json)
    stored = storage.create(wanted)
    _check_same(space, wanted, stored, seed is not None, storage.location)
    return stored


def find(storage: Storage, name: str | None) -> Record:
    """The record of a stored study; without a name that of the only one, or an InvalidArgument."""
    if name is None:
        names = [record.name for record in storage.studies()]
        if not names:
            raise no_study(storage.location)
        if len(names) != 1:
            listed = ", ".join(map(shown, names))
            advice = f"There are: {listed}."
            raise invalid("name", "one of the studies in the storage", "nothing", advice)
        name = names[0]
    return storage.find(name)


def check(space: Any, name: Any, seed: Any, fidelity: Any = None) -> None:
    """Raise InvalidArgument for anything with which there can be no study."""
    if not isinstance(space, Space):
        raise invalid("space", "a Space", space, 'Write Space({"x": Float(0.0, 1.0)}).')
    if not isinstance(name, str) or not name:
        raise invalid("name", "a text that is not empty", name, "Name the study.")
    checks.text("name", name)
    if seed is not None:
        _arguments.seed(seed)
    if not (fidelity is None or isinstance(fidelity, Fidelity)):
        advice = 'For example tfbo.Fidelity(1, 50, name="epoch").'
        raise invalid("fidelity", "a tfbo.Fidelity or None", fidelity, advice)


def fidelity(record: Record) -> Fidelity | None:
    """The fidelity of a stored study; StorageError, which names the study, for a damaged one."""
    if record.fidelity is None:
        return None
    try:
        return Fidelity.from_json(record.fidelity)
    except InvalidArgument as error:
        raise damaged(record.name, printable(str(error)), part="the fidelity of ") from error


def configurations(space: Space, listed: Any) -> list[Params]:
    """The legal configurations that an argument of that name stands for; InvalidArgument otherwise."""
    if isinstance(listed, Mapping) or not isinstance(listed, Iterable):
        advice = "Put it in a list: predict([params])."
        raise invalid("configurations", "a list of configurations", listed, advice)
    return [
        space.validate(params, f"configurations[{i}]", constrained=False)
        for i, params in enumerate(listed)
    ]


def steps(fidelity: Fidelity, listed: Any) -> list[int]:
    """The steps that an argument of that name stands for, all for None; InvalidArgument otherwise."""
    if listed is None:
        return list(range(1, fidelity.high + 1))
    if isinstance(listed, (str, Mapping)) or not isinstance(listed, Iterable):
        raise invalid(
            "steps", "a list of steps", listed, "Put it in a list: forecast(trial, [50])."
        )
    return [_arguments.count("steps", step, "Steps are counted from 1.") for step in listed]


def check_means(strategy: Any, device: Any, retries: Any = 0) -> None:
    """Raise InvalidArgument for a strategy or a number that is none, or a device that is not here."""
    check_strategy(strategy)
    _arguments.count("retries", retries, least=0, advice="With 0, no trial is tried again.")
    if device is not None:
        from tfbo._compile import devices  # TensorFlow, which reading a study need not import

        devices.check(device)


def check_strategy(strategy: Any) -> None:
    """Raise InvalidArgument for anything but a strategy or None."""
    if strategy is None:
        return
    from tfbo.strategies import Strategy  # TensorFlow, which reading need not import

    if not isinstance(strategy, Strategy):
        raise invalid("strategy", "a strategy", strategy, _strategy_advice(strategy))


def early_stopping(given: Any) -> Any:
    """The rule that an argument of that name stands for; InvalidArgument for anything else."""
    if given is None:
        return None
    from tfbo.strategies import EarlyStopping, Median  # TensorFlow, as above

    if given == "median":
        return Median()
    if not isinstance(given, EarlyStopping):
        expected = '"median", a tfbo.strategies.EarlyStopping or None'
        advice = "For example early_stopping=tfbo.strategies.Median(warm_up=5)."
        raise invalid("early_stopping", expected, given, advice)
    return given


def _strategy_advice(given: Any) -> str:
    """The advice for something else than a strategy: what was meant, or what there is."""
    if isinstance(given, type) and hasattr(given, "suggest"):
        return f"Call it: strategy={given.__name__}()."
    if hasattr(given, "suggest"):
        name = type(given).__name__
        return f"Derive its class from the interface: class {name}(tfbo.strategies.Strategy)."
    if hasattr(given, "evaluate") and hasattr(given, "logarithmic"):
        return f"It is an acquisition: strategy=tfbo.strategies.Bayes({given!r})."
    named = str(given).lower() if isinstance(given, str) else ""
    for name in _STRATEGIES:
        if named.startswith(name.lower()[:4]):
            return f"Pass the strategy itself: strategy=tfbo.strategies.{name}()."
    listed = ", ".join(f"{name}()" for name in _STRATEGIES)
    return f"There are {listed}, in tfbo.strategies; Bayes() is what None stands for."


def _check_same(space: Space, wanted: Record, stored: Record, seeded: bool, location: str) -> None:
    there = read_space(stored.name, stored.space)
    lines = [] if there.is_extension_of(space) else space.difference(there)
    if seeded and wanted.seed != stored.seed:
        lines.append(f"seed: {wanted.seed} here, {stored.seed} there")
    lines += aims.of(stored).difference(aims.of(wanted))
    if wanted.fidelity != stored.fidelity:
        lines.append(f"fidelity: {fidelity(wanted)} here, {fidelity(stored)} there")
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise StudyMismatch(
            f"The study {wanted.name!r} in {location!r} differs from what was asked for:\n{listed}\n"
            "Give this one another name, or open that one with Study.load."
        )
