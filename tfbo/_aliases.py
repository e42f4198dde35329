"""Names that other libraries have for what tfbo has, and errors that say which is ours.

Optuna, KerasTuner, scikit-optimize, Ax, hyperopt and Ray Tune; one table for arguments, one for names.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

Target = TypeVar("Target", bound=Callable[..., Any])

# Of arguments: ours, and theirs.
_ARGUMENTS = {
    "n_trials": "n_calls max_evals max_trials trials num_trials num_samples n_iter n_iters max_iter "
    "iterations num_iterations total_trials n_evals max_evaluations budget count n",
    "total_steps": "max_steps total_epochs max_total_epochs n_steps",
    "fidelity": "max_resource budgets max_budget max_epochs",
    "timeout": "max_time time_budget time_budget_s timeout_seconds time_limit max_runtime seconds",
    "target": "stop_value goal threshold f_target loss_threshold target_value",
    "patience": "early_stopping early_stop early_stop_fn no_improvement n_iter_no_change",
    "n_jobs": "n_workers num_workers workers max_workers parallelism max_concurrent "
    "max_concurrent_trials n_parallel parallel",
    "executor": "backend pool client",
    "gpus": "gpu devices resources",
    "trial_timeout": "timeout_per_trial max_trial_time trial_time_limit per_trial_timeout",
    "progress": "show_progress_bar show_progressbar progress_bar verbose verbosity",
    "callbacks": "callback hooks",
    "catch": "catch_exceptions catch_eval_exceptions raise_exceptions",
    "max_failures": "max_consecutive_failed_trials max_failed_trials max_errors error_limit",
    "objective": "func fn fun f evaluation_function objective_function trainable",
    "space": "dimensions search_space param_space parameter_space pbounds bounds parameters params "
    "hyperparameters domain",
    "direction": "mode maximize minimize objective metric goal_direction",
    "objectives": "directions metrics",
    "constraints": "constraint constraints_func outcome_constraints metric_constraints "
    "parameter_constraints inequality_constraints nonlinear_inequality_constraints forbidden_clauses",
    "reference": "ref_point reference_point objective_thresholds",
    "storage": "path db url database directory storage_path filename file log_dir",
    "name": "study_name experiment_name project_name trial_name",
    "seed": "random_state random_seed rng rstate np_random random",
    "strategy": "sampler algo algorithm search_alg generation_strategy base_estimator optimizer "
    "suggester method",
    "retries": "max_retries max_retries_per_trial max_failed n_retries",
    "n_initial": "n_startup_trials n_startup_jobs n_initial_points num_initial_points n_random_starts "
    "init_points num_initialization_trials n_init initial_points",
    "acquisition": "acq_func acq acquisition_function acquisition_func utility_function",
    "noise": "alpha noise_level noise_variance deterministic_objective",
    "kernel": "covariance kernel_function",
    "n_candidates": "n_ei_candidates n_points num_candidates raw_samples",
    "n_restarts": "n_restarts_optimizer num_restarts restarts",
    "device": "gpu cuda devices",
    "q": "n n_points n_trials count batch_size num_trials",
    "value": "values loss result score y outcome objective_value",
    "std": "sem stderr standard_error sd noise",
    "state": "status",
    "reason": "message error exception",
    "low": "min_value minimum min lower lower_bound lb start left a",
    "high": "max_value maximum max upper upper_bound ub stop end right b",
    "log=True": "sampling log_scale prior log_uniform loguniform distribution scale base",
    "step": "q quantization step_size stepsize digits resolution",
    "choices": "values categories options items values_list",
    "values": "choices categories options sequence ordered items",
    "when": "condition conditions parent parent_name parent_values depends_on dependents active_if",
    "resolution": "n_levels levels points steps num_points",
}
# Of arguments that have no counterpart of one word: what to do.
_INSTEAD = {
    "load_if_exists": "Leave it out: a Study with the name of one that is stored goes on with it.",
    "resume": "Leave it out: a Study with the name of one that is stored goes on with it.",
    "overwrite": "Give the study another name, or delete its file.",
    "pruner": "fidelity=tfbo.Fidelity(1, 50) has trials trained in stages, and only good ones to the end; "
    'early_stopping="median" stops them by a rule.',
    "default": "Leave it out; study.enqueue(params) has a configuration tried first.",
    "initial": "Leave it out; study.enqueue(params) has a configuration tried first.",
    "x0": "Leave it out; study.enqueue(params) has a configuration tried first.",
    "points_to_evaluate": "Leave it out; study.enqueue(params) has a configuration tried first.",
    "gc_after_trial": "Leave it out; with executor='process' a trial gives back all its memory.",
    "label": "Leave it out: names are the keys of the Space.",
    "name": "Leave it out: names are the keys of the Space.",
}
# Where our arguments belong, if not where they were given.
_HOMES = {
    "Study.optimize": "n_trials total total_steps timeout target patience executor n_jobs gpus "
    "trial_timeout catch callbacks progress max_failures interrupt",
    "tfbo.Study": "space direction storage name seed strategy device retries fidelity early_stopping "
    "objectives constraints reference",
    "tfbo.strategies.Bayes": "acquisition kernel n_initial n_restarts n_candidates n_modelled noise",
}
# Of modules, studies and trials.
_NAMES = {
    "tfbo": {
        "create_study": "tfbo.Study(space, direction=..., storage=..., name=...)",
        "load_study": "tfbo.Study.load(storage=..., name=...)",
        "fmin gp_minimize forest_minimize dummy_minimize": "tfbo.minimize(objective, space, n_trials=...)",
        "optimize": "tfbo.minimize or tfbo.maximize",
        "Real Uniform LogUniform uniform loguniform quniform FloatDistribution": "tfbo.Float(low, high)",
        "Integer IntUniform randint quniformint IntDistribution": "tfbo.Int(low, high)",
        "Choice choice CategoricalDistribution ChoiceParameter": "tfbo.Categorical(choices)",
        "Bool": "tfbo.Boolean()",
        "Fixed FixedParameter": "tfbo.Constant(value)",
        "hp": "tfbo.Float, Int, Categorical and the like",
        "TPESampler GPSampler RandomSampler samplers": "tfbo.strategies.Bayes, Sobol, Random or Grid",
        "Bayes Sobol Random Grid": "It is in tfbo.strategies.",
        "BayesianOptimization RandomSearch GridSearch Tuner HyperModel HyperParameters Objective": (
            "It is in tfbo.keras."
        ),
        "Optimizer BayesSearchCV AxClient Experiment": "tfbo.Study, with ask and tell",
        "TFBOSampler": "It is in tfbo.integrations.optuna.",
        "TFBOSearch RayExecutor": "It is in tfbo.integrations.ray.",
        "TrialPruned": "Return the value where run.report(step, value) is False.",
    },
    "Study": {
        "enqueue_trial": "enqueue(params)",
        "trials_dataframe get_trials_data_frame to_frame to_pandas": "to_dataframe()",
        "get_trials": "trials",
        "study_name": "name",
        "add_trial": "enqueue(params), then tell(trial, value)",
        "best_config best_x": "best_params",
        "best_score best_loss best_result": "best_value",
        "minimize maximize run search fit": "optimize(objective, n_trials=...)",
        "suggest get_next_trial": "ask()",
        "observe report complete_trial": "tell(trial, value)",
        "sampler": "the argument strategy= of Study",
        "param_importances get_param_importances": "importance()",
        "user_attrs set_user_attr system_attrs": "Keep notes of your own by the number of the trial.",
    },
    "Trial": {
        "suggest_float suggest_uniform suggest_loguniform suggest_int suggest_categorical "
        "suggest_discrete_uniform": "params['name']: the Space says what is searched",
        "parameters config hyperparameters x": "params",
        "trial_id id number_": "number",
        "score loss objective_value": "value",
        "status": "state",
        "report should_prune": "study.report(trial, step, value), False where the trial is hopeless",
        "datetime_start": "started",
        "datetime_complete": "finished",
        "user_attrs set_user_attr system_attrs": "Keep notes of your own by the number of the trial.",
    },
}


def explained(target: Target) -> Target:
    """Have a function, or the making of a class, say which argument of ours is meant.

    Of `Study` and `Trial` the methods, too, and which attribute.

    Example:
        >>> @explained
        ... def search(*, n_trials): ...
        >>> search(n_calls=3)
        Traceback (most recent call last):
        TypeError: search() has no argument 'n_calls'. In tfbo it is n_trials.
    """
    if not inspect.isclass(target):
        return _explained(target)
    init = _explained(vars(target)["__init__"], target.__name__)
    setattr(target, "__init__", init)  # noqa: B010
    if target.__name__ in _NAMES:
        setattr(target, "__getattr__", _attribute)  # noqa: B010
        members = {
            name: m for cls in reversed(target.__mro__[:-1]) for name, m in vars(cls).items()
        }
        for name, member in members.items():
            called = f"{target.__name__}.{name}"
            if isinstance(member, classmethod):
                setattr(target, name, classmethod(_explained(member.__func__, called)))
            elif inspect.isfunction(member) and not name.startswith("_"):
                setattr(target, name, _explained(member, called))
    return target


def _explained(function: Any, name: str | None = None) -> Any:
    """A function that looks at the names of its arguments before it is called."""
    called = name or function.__qualname__
    signature = inspect.signature(function)
    named = [p.name for p in signature.parameters.values() if p.kind not in (0, 2, 4)]
    known = frozenset(named)
    places = sum(p.kind in (0, 1) for p in signature.parameters.values())

    def explaining(*arguments: Any, **options: Any) -> Any:
        if not known.issuperset(options) or len(arguments) > places:
            refuse(called, named, places, len(arguments), options)
        return function(*arguments, **options)

    refuse = _refuse
    # With the function's globals, by which doctest finds the examples of a module.
    made = types.FunctionType(
        explaining.__code__, function.__globals__, closure=explaining.__closure__
    )
    return functools.wraps(function)(made)


def _refuse(
    called: str, named: list[str], places: int, given: int, options: dict[str, Any]
) -> NoReturn:
    bound = int(named[0] in ("self", "cls"))
    unknown = [name for name in options if name not in named]
    if unknown:
        said = [f"{called}() has no argument {n!r}. {_argument(n, named[bound:])}" for n in unknown]
        raise TypeError(" ".join(said))
    by_name = ", ".join(f"{name}=" for name in named[places : places + 6])
    advice = f"Give the others by name: {by_name}." if by_name else "Leave out the others."
    counted = f"{places - bound} argument{'' if places - bound == 1 else 's'}"
    raise TypeError(f"{called}() takes {counted} without a name, got {given - bound}. {advice}")


def _argument(name: str, named: list[str]) -> str:
    """The advice for an argument that a function of such arguments does not have."""
    for ours, theirs in _ARGUMENTS.items():
        if ours.split("=")[0] in named and name in theirs.split():
            return f"In tfbo it is {ours}."
    if name in _INSTEAD and ("when" in named or name != "name"):
        return _INSTEAD[name]
    for home, homes in _HOMES.items():
        for ours in homes.split():
            if name == ours:
                return f"It is an argument of {home}."
            if name in _ARGUMENTS.get(ours, "").split():
                return f"In tfbo it is {ours}, an argument of {home}."
    close = difflib.get_close_matches(name, named, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There are: {', '.join(named)}." if named else "It takes none."


def named(owner: str, name: str) -> str:
    """The end of the error for a name that `tfbo`, a study or a trial lacks."""
    for theirs, ours in _NAMES[owner].items():
        if name in theirs.split():
            return f" {ours}" if ours.endswith(".") else f" In tfbo it is {ours}."
    return ""


def _attribute(self: Any, name: str) -> NoReturn:
    """`__getattr__`: Python calls it where an attribute is missing."""
    if hasattr(type(self), name):  # a property that raised AttributeError: raise that one again
        object.__getattribute__(self, name)
    owner = type(self).__name__
    known = next(cls.__name__ for cls in type(self).__mro__ if cls.__name__ in _NAMES)
    raise AttributeError(f"{owner!r} object has no attribute {name!r}.{named(known, name)}")
