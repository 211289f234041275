"""A plan that is run: stages on the executors that it names for them, through the one door to Spark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from planner.errors import Fault, InputError
from planner.model.stage_plan import StagePlan
from planner.streaming import Stage

if TYPE_CHECKING:
    from planner.spark import StreamResult
    from planner.submodels import OnnxModel

__all__ = ["OnnxRunner", "homes_of", "stream_plan"]


def homes_of(plan: StagePlan) -> list[tuple[int, ...]]:
    """Give the stages of each executor that a plan makes use of.

    Raises
    ------
    InputError
        If it puts stages on hosts, of which Spark knows nothing.

    Examples
    --------
    >>> from planner.model import LayerGraph
    >>> from planner.models.planning import plan_stages
    >>> layers = LayerGraph.from_arrays(time_ns=[1, 9], source=[0], target=[1])
    >>> homes_of(plan_stages(layers, executors=2))
    [(0,), (1,)]
    """
    if plan.on_host.any():
        raise InputError([Fault("hosts", "stages are planned on hosts; expected hosts=0 for a plan that is to run")])
    stages: dict[int, list[int]] = {}
    for stage, executors in enumerate(plan.executors):
        for executor in executors:
            stages.setdefault(executor, []).append(stage)
    return [tuple(stages[executor]) for executor in sorted(stages)]


def stream_plan(
    plan: StagePlan, spark: Any, frame: Any, stages: Sequence[Stage], columns: Sequence[str], batch: int
) -> StreamResult:
    """Pass a DataFrame through the stages of a plan."""
    from planner.spark import stream

    return stream(spark, frame, stages, columns=columns, batch=batch, homes=homes_of(plan))


class OnnxRunner:
    """Cuts an ONNX model as a plan says, and runs it.

    Parameters
    ----------
    source : OnnxModel
    threads : int
        That one operator may use.
    """

    def __init__(self, source: OnnxModel, threads: int) -> None:
        self._source, self._threads = source, threads

    def __call__(
        self, plan: StagePlan, spark: Any, frame: Any, *, columns: Sequence[str], batch: int = 32
    ) -> StreamResult:
        """Run a plan; the first of `columns` is the first input of the model, unless all bear names of inputs.

        Raises
        ------
        InputError
            If columns are not what the model takes; nothing has been cut then.
        """
        from planner.spark.streaming import row_faults
        from planner.streaming.onnx_stages import column_faults, inputs_of, onnx_stages
        from planner.submodels import write_stages

        takes = inputs_of(self._source)
        if faults := row_faults(frame, columns, batch):
            raise InputError(faults)
        if len(columns) != len(takes):
            raise InputError([Fault("columns", f"is {columns!r}; expected one for each input: {', '.join(takes)}")])
        names = columns if set(columns) == set(takes) else takes
        inputs = {column: takes[name] for column, name in zip(columns, names, strict=True)}
        if faults := column_faults(frame.dtypes, columns, inputs, self._source.outputs):
            raise InputError(faults)
        with TemporaryDirectory(prefix="planner-stages-") as folder:
            written = write_stages(self._source, plan.stage.tolist(), folder)
            files = [(Path(one.path), one.data) for one in written]
            stages = onnx_stages(files, inputs, plan.replicas.tolist(), self._threads)
            return stream_plan(plan, spark, frame, stages, columns, batch)
