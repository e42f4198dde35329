"""tfbo: a study with objectives and constraints, asked and told."""

# ruff: noqa: D102 (`Policy` says what the methods of its kind do)
from __future__ import annotations

from typing import Any

from suites.base import Parameter, Params
from suites.design import Design, Outcome

from goals.runs import Policy


class Tfbo(Policy):
    """The default strategy, which infers the reference point."""

    imports = ("tfbo", "tensorflow")

    def __init__(self, design: Design, seed: int) -> None:
        import tfbo

        super().__init__(design, seed)
        space = tfbo.Space({p["name"]: _converted(p) for p in design.parameters})
        self.limits = [f"g{i}" for i in range(design.constraints)]
        self.names = [f"f{i}" for i in range(design.objectives)]
        constraints = [f"{name} <= 0" for name in self.limits]
        if design.objectives == 1:
            self.names = ["value"]
            self.study = tfbo.Study(space, seed=seed, constraints=constraints)
        else:
            self.study = self._several(space, constraints)
        self.trial: Any = None

    def _several(self, space: Any, constraints: list[str]) -> Any:
        import tfbo

        objectives = dict.fromkeys(self.names, "minimize")
        return tfbo.Study(space, objectives=objectives, constraints=constraints, seed=self.seed)

    def ask(self) -> Params:
        self.trial = self.study.ask()
        return dict(self.trial.params)

    def tell(self, outcome: Outcome) -> None:
        names = [*self.names, *self.limits]
        values = [*outcome.objectives, *outcome.excess]
        self.study.tell(self.trial, dict(zip(names, values, strict=True)))


class TfboReference(Tfbo):
    """The same, given the reference point by which it is judged, as BoTorch is."""

    def _several(self, space: Any, constraints: list[str]) -> Any:
        import tfbo

        return tfbo.Study(
            space,
            objectives=dict.fromkeys(self.names, "minimize"),
            reference=dict(zip(self.names, self.design.reference, strict=True)),
            constraints=constraints,
            seed=self.seed,
        )


def _converted(parameter: Parameter) -> Any:
    import tfbo

    kind = tfbo.Int if parameter["kind"] == "int" else tfbo.Float
    return kind(parameter["low"], parameter["high"], log=parameter["log"])
