"""A stage plan that shows itself, and runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import Fault, InputError
from planner.model.stage_plan import StagePlan

if TYPE_CHECKING:
    from planner.spark import StreamResult

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

    def run(self, spark: Any, frame: Any, *, columns: Sequence[str], batch: int = 32) -> Any:
        """Stream a DataFrame through the stages; give it with the model's outputs added, its rows in their order.

        Parameters
        ----------
        spark, frame, columns, batch
            As for `stream`, which also tells what the stages took.
        """
        return self.stream(spark, frame, columns=columns, batch=batch).frame

    def stream(self, spark: Any, frame: Any, *, columns: Sequence[str], batch: int = 32) -> StreamResult:
        """Stream a DataFrame through the stages; give it and what each stage really did.

        Parameters
        ----------
        spark : SparkSession
        frame : DataFrame
        columns : sequence of str
            What the model takes.
        batch : int
            Rows of a micro-batch.

        Raises
        ------
        InputError
            For a profile.
        """
        if self.runner is None:
            problem = "is a profile: it says what layers take, and holds none that could run; expected a model"
            raise InputError([Fault(self.model, problem)])
        result: StreamResult = self.runner(self, spark, frame, columns=columns, batch=batch)
        return result

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
