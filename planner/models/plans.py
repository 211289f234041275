"""A stage plan that shows itself, and runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.errors import Fault, InputError
from planner.model.stage_plan import StagePlan

__all__ = ["ModelPlan"]


@dataclass(frozen=True, eq=False, repr=False)
class ModelPlan(StagePlan):
    """A `planner.model.StagePlan` that shows itself in a notebook or terminal, and runs where the model can.

    Attributes
    ----------
    model : str
        The model's name.
    runner : callable or None
        As in `Model`.
    """

    model: str = ""
    runner: Callable[..., Any] | None = None

    def run(self, spark: Any, frame: Any, **settings: Any) -> Any:
        """Stream a DataFrame through the stages.

        Parameters
        ----------
        spark : SparkSession
        frame : DataFrame
        **settings
            What the kind of model takes: ``columns``, ``batch``.

        Raises
        ------
        InputError
            For a profile.
        """
        if self.runner is None:
            problem = "is a profile: it says what layers take, and holds none that could run; expected a model"
            raise InputError([Fault(self.model, problem)])
        return self.runner(self, spark, frame, **settings)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file."""
        from planner.report import write_stages

        return write_stages(self, self.model, path)

    def _repr_html_(self) -> str:
        from planner.report import stages_html

        return stages_html(self, self.model)

    def __str__(self) -> str:
        from planner.report import stages_text

        return stages_text(self, self.model)
