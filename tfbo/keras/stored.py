"""A search that is stored, held against what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfbo.errors import StudyMismatch
from tfbo.keras.hyperparameters import HyperParameters
from tfbo.keras.objective import DIRECTIONS, Objective
from tfbo.keras.project import Project
from tfbo.keras.trial import OF_STATE, Trial
from tfbo.space import Space
from tfbo.space.parameters import Parameter
from tfbo.storage import SQLiteStorage
from tfbo.study import Study
from tfbo.trial import FAILED
from tfbo.trial import Trial as StudyTrial


def definitions(project: Project, objective: Objective, found: HyperParameters) -> HyperParameters:
    """The stored definitions, then those that were found now and are not among them.

    The stored ones come first because the parameters of the study are named in that order.

    Raises:
        StudyMismatch: where the stored search has another objective or other ranges.
    """
    content = project.read_definitions()
    if content is None:
        return found
    if content["objective"] != str(objective):
        raise _mismatch(project, f"objective: {objective} here, {content['objective']} there")
    made = HyperParameters.from_config(content)
    made._settled = found._settled
    there = {definition.key: definition for definition in made.space}
    differing = [
        f"{ours!r} here, {there[ours.key]!r} there"
        for ours in found.space
        if ours.key in there and ours.range() != there[ours.key].range()
    ]
    if differing:
        raise _mismatch(project, "\n  ".join(differing))
    made.merge(found, overwrite=False)
    return made


def study(
    project: Project, parameters: Mapping[str, Parameter], seed: int | None, strategy: Any
) -> Study | None:
    """The stored study, with the parameters that were found now; None where there is none.

    Raises:
        StudyMismatch: where it has another seed.
    """
    if project.study is None or not project.is_begun:
        return None
    storage = SQLiteStorage(project.study)
    names = [record.name for record in storage.studies()]
    if not names:  # its process was killed while it made the file
        return None
    # The folder may have been renamed since.
    name = project.name if project.name in names else names[0]
    found = Study.load(storage=storage, name=name, strategy=strategy)
    if seed is not None and seed != found.seed:
        raise _mismatch(project, f"seed: {seed} here, {found.seed} there")
    found.extend(parameters)
    return found


def begun(
    project: Project,
    parameters: Mapping[str, Parameter],
    objective: Objective,
    seed: int | None,
    strategy: Any,
) -> Study:
    """A new study of that space, where the project has it stored."""
    return Study(
        Space(parameters),
        direction=DIRECTIONS[objective.direction],
        storage=project.study,
        name=project.name,
        seed=seed,
        strategy=strategy,
    )


def trial(
    project: Project,
    hyperparameters: HyperParameters,
    values: dict[str, Any],
    trial_id: str,
    found: StudyTrial,
) -> Trial:
    """A trial of the study as a tuner sees it.

    Args:
        project: where more is stored of it.
        hyperparameters: the space.
        values: of the hyperparameters that are active.
        trial_id: by which a tuner knows it.
        found: as the study has it.
    """
    state = project.read_trial(trial_id)
    if found.is_finished and state is not None:
        made = Trial.from_state(state)
    else:
        hyperparameters = hyperparameters.copy()
        hyperparameters.values = values
        made = Trial(hyperparameters, trial_id)
    made.status = OF_STATE[found.state]
    made.score, made.std = found.value, found.std
    if found.state == FAILED and made.message is None:
        made.message = found.traceback or found.reason
    return made


def _mismatch(project: Project, text: str) -> StudyMismatch:
    return StudyMismatch(
        f"The search in {str(project.path)!r} differs from what was asked for:\n  {text}\n"
        "Give this one another project_name, or overwrite=True to start anew."
    )
