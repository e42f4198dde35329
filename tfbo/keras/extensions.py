"""Methods that a subclass may override: each acts, or is refused with what to override instead."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfbo._arguments import plain
from tfbo.errors import InvalidArgument
from tfbo.keras import dimensions
from tfbo.keras.errors import FatalTypeError, FatalValueError
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.trial import TrialStatus
from tfbo.space import Params, checks

_STATUSES = (TrialStatus.RUNNING, TrialStatus.IDLE, TrialStatus.STOPPED)
_COLLISIONS = 20  # as in KerasTuner
_ILLEGAL = 10_000

# Methods of KerasTuner 1.4.8 that nothing calls here, and what to override instead. Those of the first
# group are a subclass's own business once it says in `populate_space` what is tried.
_SUGGESTING = dict.fromkeys(
    (
        "_populate_space", "_random_values", "_duplicate", "_record_values", "_compute_values_hash",
        "_random_populate_space", "_make_gpr", "_vectorize_trials", "_vector_to_values",
        "_nonfixed_space", "_get_hp_bounds", "_compare", "_get_next_combination",
    ),
    "populate_space(trial_id)",
)  # fmt: skip
_OF_ORACLES = {
    "_score_trial": "score_trial(trial)",
    **dict.fromkeys(
        ("_retry", "_check_consecutive_failures"),
        "end_trial(trial), or set max_retries_per_trial and max_consecutive_failed_trials",
    ),
    "_check_objective_found": "update_trial(trial_id, metrics, step)",
    **dict.fromkeys(
        ("_save_trial", "_get_trial_dir", "_get_oracle_fname", "_project_dir", "_set_project_dir"),
        "get_state() and set_state(state), or give the tuner directory= and project_name=",
    ),
}
_OF_TUNERS = {
    "_activate_all_conditions": "_populate_initial_space()",
    "_filter_metrics": "_override_compile_args(model)",
    "_deepcopy_callbacks": "nothing, and pass search(callbacks=) a function of the trial",
    **dict.fromkeys(
        ("_configure_tensorboard_dir", "_get_tensorboard_dir"),
        "run_trial(trial, ...), which may give each trial callbacks of its own",
    ),
    **dict.fromkeys(
        ("_get_checkpoint_fname", "_get_build_config_fname"),
        "save_model(trial_id, model, step) and load_model(trial)",
    ),
    **dict.fromkeys(
        ("_get_tuner_fname", "_is_worker", "project_dir"),
        "nothing, and give the tuner directory= and project_name=",
    ),
}


def is_overridden(owner: Any, base: type, name: str) -> bool:
    """Tell if the class of an object has a method in place of that of a class of ours."""
    found = inspect.getattr_static(type(owner), name, None)
    return found is not None and found is not inspect.getattr_static(base, name, None)


def check_oracle(oracle: Any, base: type) -> None:
    """Raise InvalidArgument, with what to override instead, for an override that nothing calls."""
    decides = is_overridden(oracle, base, "populate_space")
    _check(oracle, base, _OF_ORACLES if decides else {**_SUGGESTING, **_OF_ORACLES})


def check_tuner(tuner: Any, base: type) -> None:
    """See `check_oracle`."""
    _check(tuner, base, _OF_TUNERS)


def check_hyperparameters(given: HyperParameters | None, *, allow: bool, tune: bool) -> None:
    """Refuse no `HyperParameters` to search alone, and ones with own methods: trials get plain copies."""
    for name, wanted in (("tune", tune), ("allow", allow)):
        if not wanted and not given:
            raise InvalidArgument(
                f"{name}_new_entries=False leaves nothing to search. Give the search space as "
                "hyperparameters=."
            )
    if given is None:
        return
    public = [name for name in dir(HyperParameters) if not name.startswith("_")]
    changed = [name for name in public if is_overridden(given, HyperParameters, name)]
    if changed:
        raise InvalidArgument(
            f"hyperparameters: {type(given).__name__} overrides {', '.join(changed)}, and trials get "
            "plain HyperParameters, so that it would have no effect. Write what it does as a function "
            "of hp, and call that in build_model."
        )


def response(origin: str, answer: Any) -> tuple[str, Mapping[str, Any]]:
    """Status and values that `origin`, a `populate_space`, answered; FatalError if that means nothing."""
    expected = 'a dict {"status": "RUNNING", "values": {name: value, ...}}'
    if not isinstance(answer, Mapping) or "status" not in answer:
        hint = "Is a return missing?" if answer is None else ""
        raise FatalTypeError(
            f'{origin} returned {answer!r}, not {expected}. {{"status": "STOPPED"}} ends the search. {hint}'
        )
    status, values = answer["status"], answer.get("values") or {}
    if status not in _STATUSES:
        listed = ", ".join(map(repr, _STATUSES))
        raise FatalValueError(f"{origin}: expected a status of {listed}, got {status!r}.")
    if not isinstance(values, Mapping):
        raise FatalTypeError(f"{origin}: expected values by name, got {values!r} in {expected}.")
    return status, values


def params(origin: str, known: dimensions.Dimensions, values: Mapping[str, Any]) -> Params:
    """Values of hyperparameters as the study takes them; FatalValueError for what is not legal."""
    names = {dimension.definition.name for dimension in known.values()}
    for name in values:
        if name not in names:
            raise FatalValueError(
                f"{origin}: there is no hyperparameter {name!r}. {checks.suggestion(name, names)}"
            )
    given = {name: plain(value) for name, value in values.items()}
    try:
        made = dimensions.to_params(known, given)
    except (TypeError, ValueError) as error:
        raise FatalValueError(f"{origin}: {given!r} is not legal: {error}") from error
    for name, dimension in known.items():
        wanted = given.get(dimension.definition.name, dimension.definition.default)
        if name in made and not _same(dimension.domain.write(made[name]), wanted):
            if dimension.definition.name not in given:
                continue  # a default between two steps counts as the nearer of them
            raise FatalValueError(
                f"{origin}: expected a value of {dimension.definition!r}, got {wanted!r}."
            )
    return made


def _same(legal: Any, given: Any) -> bool:
    if isinstance(legal, float) and isinstance(given, (int, float)):
        return math.isclose(legal, given, rel_tol=1e-9, abs_tol=1e-12)
    return bool(legal == given)


def random_values(
    known: dimensions.Dimensions,
    tried: list[dict[str, Any]],
    seed: list[int],
    breaks: Callable[[Params], str | None],
) -> dict[str, Any] | None:
    """Values at random that are none of those tried; None where twenty draws that are legal bring none.

    Of draws that break a constraint up to 10,000 are left out.
    """
    rng = np.random.default_rng(seed)
    left = _COLLISIONS
    for _ in range(_ILLEGAL):
        drawn: Params = {}
        for name, dimension in known.items():
            u = rng.random()  # also for those that are not active: the others keep their draws
            if dimension.is_active(drawn):
                drawn[name] = dimension.domain.parameter.from_code(u)
        if breaks(drawn) is not None:
            continue
        values = dimensions.to_values(known, drawn)
        if values not in tried:
            return values
        left -= 1
        if not left:
            break
    return None


def _check(owner: Any, base: type, instead: Mapping[str, str]) -> None:
    for name, advice in instead.items():
        if is_overridden(owner, base, name):
            raise InvalidArgument(
                f"{type(owner).__name__}.{name}: nothing in tfbo.keras calls it, so that it would have "
                f"no effect. Override {advice} instead."
            )
