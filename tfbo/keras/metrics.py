"""Metrics of a trial: for each, its values by step."""

from __future__ import annotations

import statistics
from typing import Any

from tfbo.errors import InvalidArgument
from tfbo.keras.objective import infer_metric_direction


class MetricObservation:
    """The values of a metric at one step (the epoch, for example), one for each execution."""

    def __init__(self, value: Any, step: int) -> None:
        self.value = [float(v) for v in (value if isinstance(value, list) else [value])]
        self.step = step

    def append(self, value: Any) -> None:
        """Add the value of another execution."""
        self.value += MetricObservation(value, self.step).value

    def mean(self) -> float:
        """The mean over executions."""
        return statistics.fmean(self.value)

    def get_config(self) -> dict[str, Any]:
        """Its arguments."""
        return {"value": self.value, "step": self.step}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetricObservation) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((tuple(self.value), self.step))

    def __repr__(self) -> str:
        return f"MetricObservation(value={self.value}, step={self.step})"


class MetricHistory:
    """The values of one metric, by step; the direction, "min" or "max", says what its best value is."""

    def __init__(self, direction: str = "min") -> None:
        self.direction = direction
        self._observations: dict[int, MetricObservation] = {}

    def update(self, value: Any, step: int) -> None:
        """Add a value."""
        if step in self._observations:
            self._observations[step].append(value)
        else:
            self._observations[step] = MetricObservation(value, step)

    def get_history(self) -> list[MetricObservation]:
        """Observations, by step."""
        return [self._observations[step] for step in sorted(self._observations)]

    def get_best_value(self) -> float | None:
        """The best mean over executions; None before anything was observed."""
        means = [observation.mean() for observation in self.get_history()]
        numbers = [mean for mean in means if mean == mean] or means
        return (min if self.direction == "min" else max)(numbers) if numbers else None

    def get_best_step(self) -> int | None:
        """The step of the best value; None where there is none."""
        best = self.get_best_value()
        steps = (o.step for o in self.get_history() if o.mean() == best)
        return next(steps, None)

    def get_last_value(self) -> float | None:
        """The mean over executions at the last step; None before anything was observed."""
        history = self.get_history()
        return history[-1].mean() if history else None

    def get_statistics(self) -> dict[str, float]:
        """Of the means: min, max, mean, median, var and std; empty where there are none."""
        means = [o.mean() for o in self.get_history()]
        numbers = [mean for mean in means if mean == mean]
        if not numbers:
            return {}
        return {
            "min": min(numbers),
            "max": max(numbers),
            "mean": statistics.fmean(numbers),
            "median": statistics.median(numbers),
            "var": statistics.pvariance(numbers),
            "std": statistics.pstdev(numbers),
        }

    def get_config(self) -> dict[str, Any]:
        """Its direction and observations."""
        observations = [observation.get_config() for observation in self.get_history()]
        return {"direction": self.direction, "observations": observations}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MetricHistory:
        """The one of which `get_config` wrote."""
        made = cls(config["direction"])
        for observation in config["observations"]:
            made.update(**observation)
        return made


class MetricsTracker:
    """The metrics of a trial, by name."""

    def __init__(self) -> None:
        self.metrics: dict[str, MetricHistory] = {}

    def exists(self, name: str) -> bool:
        """Tell if there is a metric of that name."""
        return name in self.metrics

    def register(self, name: str, direction: str | None = None) -> None:
        """Add a metric; where its direction is not known, less is better."""
        self.metrics[name] = MetricHistory(direction or infer_metric_direction(name) or "min")

    def update(self, name: str, value: Any, step: int = 0, direction: str | None = None) -> bool:
        """Add a value, of that direction where it is the first; True where the best one is another now."""
        if not self.exists(name):
            self.register(name, direction)
        before = self.get_best_value(name)
        self.metrics[name].update(float(value), step)
        return before != self.get_best_value(name)

    def get_history(self, name: str) -> list[MetricObservation]:
        """See `MetricHistory`."""
        return self._of(name).get_history()

    def get_best_value(self, name: str) -> float | None:
        """See `MetricHistory`."""
        return self._of(name).get_best_value()

    def get_best_step(self, name: str) -> int | None:
        """See `MetricHistory`."""
        return self._of(name).get_best_step()

    def get_last_value(self, name: str) -> float | None:
        """See `MetricHistory`."""
        return self._of(name).get_last_value()

    def get_statistics(self, name: str) -> dict[str, float]:
        """See `MetricHistory`."""
        return self._of(name).get_statistics()

    def get_direction(self, name: str) -> str:
        """Either "min" or "max"."""
        return self._of(name).direction

    def get_config(self) -> dict[str, Any]:
        """The metrics, as JSON."""
        return {"metrics": {name: m.get_config() for name, m in self.metrics.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MetricsTracker:
        """The one of which `get_config` wrote."""
        made = cls()
        for name, metric in config["metrics"].items():
            made.metrics[name] = MetricHistory.from_config(metric)
        return made

    def _of(self, name: str) -> MetricHistory:
        if name not in self.metrics:
            there = ", ".join(map(repr, self.metrics)) or "none"
            raise InvalidArgument(f"name: there is no metric {name!r}. There are: {there}.")
        return self.metrics[name]
