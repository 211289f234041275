"""An ONNX file as a model: measured layer by layer, planned, cut, and corrected by what its stages really take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from planner.errors import Fault, InfeasibleError, InputError
from planner.model.stage_plan import StagePlan
from planner.model.units import format_bytes, parse_bytes
from planner.models.model import Model
from planner.models.plans import ModelPlan
from planner.models.remote import measured_there
from planner.models.running import OnnxRunner
from planner.streaming import StreamLoad

if TYPE_CHECKING:
    from planner.submodels import OnnxModel, Profile, StageFile

__all__ = ["MeasuredModel", "read_onnx_model"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MeasuredModel(Model):
    """A model whose layers were measured here. `planner.models.read_model` makes one of an ONNX file.

    Attributes
    ----------
    source : OnnxModel
    batch : mapping of str to ndarray
        The micro-batch that was measured.
    reserved_bytes : int
        What the process of a stage needs besides the layers: itself, ONNX Runtime, and a micro-batch.
    threads : int
        That one operator may use.
    """

    source: OnnxModel
    batch: Mapping[str, NDArray[Any]] = field(repr=False)
    reserved_bytes: int
    threads: int = 1

    def plan(self, executors: int | None = None, *, memory: str | float | None = None, **options: Any) -> ModelPlan:
        """Split the model, as `Model.plan` does; what a process needs besides its layers is kept free in `memory`.

        Parameters
        ----------
        executors, memory, **options
            As for `Model.plan`.
        """
        if memory is None:
            return super().plan(executors, **options)
        room = _room(memory)
        if room is None:
            return super().plan(executors, memory=memory, **options)
        kept = f"{format_bytes(self.reserved_bytes)} for the process and a micro-batch"
        if room <= self.reserved_bytes:
            problem = f"is {format_bytes(room)}, and each executor needs {kept}, before any layer"
            raise InfeasibleError([Fault("memory", problem)])
        planned = super().plan(executors, memory=room - self.reserved_bytes, **options)
        note = f"of {format_bytes(room)} on each executor, {kept} are kept free"
        return replace(planned, notes=(*planned.notes, note))

    def cut(self, plan: StagePlan, folder: str | Path, *, copy_weights: bool = True) -> list[StageFile]:
        """Write the stages of a plan as ONNX files.

        Parameters
        ----------
        plan : StagePlan
            Of this model.
        folder : str or Path
        copy_weights : bool
            As for `planner.submodels.write_stages`.
        """
        from planner.submodels import write_stages

        return write_stages(self.source, plan.stage.tolist(), folder, copy_weights=copy_weights)

    def corrected(self, plan: StagePlan, measured: StreamLoad | Sequence[int] | None = None) -> Self:
        """Give the model as the stages of a plan show it: times of layers are scaled such that they meet the stages'.

        Layers were measured one by one; in a stage, several of them become one, and some stages win more than others.
        So plan, correct, and plan once more.

        Parameters
        ----------
        plan : StagePlan
            Of this model.
        measured : StreamLoad or sequence of int, optional
            What its stages did when it ran, or nanoseconds of each for a micro-batch; if left out, measured here,
            each in a new process.

        Examples
        --------
        >>> import tempfile
        >>> from planner.models import read_model
        >>> from planner.submodels import transformer
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = transformer(Path(folder) / "small.onnx", layers=1, width=16, heads=2, vocabulary=100)
        ...     model = read_model(path, sizes={"batch": 2, "sequence": 8})
        ...     first = model.plan(executors=2)
        ...     better = model.corrected(first, [3_000_000, 1_000_000])
        >>> round(sum(better.layers.time_ns.tolist()) / 1e6, 3)
        4.0
        """
        from planner.submodels import measure_apart

        if measured is None:
            with TemporaryDirectory() as folder:
                files = [file.path for file in self.cut(plan, folder)]
                measured = [one.time_ns for one in measure_apart(files, self.batch, threads=self.threads)]
        new = super().corrected(plan, measured)
        return new if self.threads == 1 else replace(new, carrying_ns=0)  # else its threads would count twice


def read_onnx_model(
    source: str | Path,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: Mapping[str, NDArray[Any]] | None = None,
    runs: int = 10,
    threads: int = 1,
    spark: Any = None,
) -> MeasuredModel:
    """Read an ONNX file and measure its layers, in this process or on an executor.

    Parameters
    ----------
    source : str or Path
    sizes : mapping of str to int, optional
        Sizes of axes that the file leaves open, such as ``{"batch": 32, "sequence": 128}``; a batch is 1 if left out.
    batch : mapping of str to ndarray, optional
        A micro-batch of yours to measure with; made up if left out.
    runs : int
        Runs of which each layer's time is the median.
    threads : int
        That one operator may use.
    spark : SparkSession, optional
        To measure on one of its executors, which has to see the file under the same name, and to count the cores that
        executors share.

    Raises
    ------
    InputError
        With everything that is wrong with the file, or with what was given.
    """
    from planner.submodels import input_shapes, layer_graph, profile_layers, read_onnx, sample_batch, working_bytes

    model = read_onnx(source)
    given = {"sizes": sizes, "batch": batch}
    faults = [
        Fault(name, f"is {value!r:.60}; expected a dict of names")
        for name, value in given.items()
        if value is not None and not isinstance(value, Mapping)
    ]
    if faults:
        raise InputError(faults)
    if batch is None:
        batch = sample_batch(model, input_shapes(model, sizes or {}))
    cores = None
    if spark is None:
        profile = profile_layers(model, batch, runs=runs, threads=threads)
    else:
        measure = partial(_profile, model.path.absolute(), dict(batch), runs, threads)
        profile, cores = measured_there(spark, measure)
    return MeasuredModel(
        layers=layer_graph(model, profile),
        name=model.path.name,
        source=model,
        batch=batch,
        reserved_bytes=working_bytes(model, profile.value_bytes),
        threads=threads,
        runner=OnnxRunner(model, threads),
        cores=None if cores is None else max(1, cores // threads),
    )


def _profile(path: Path, batch: Mapping[str, NDArray[Any]], runs: int, threads: int) -> Profile:
    from planner.submodels import profile_layers, read_onnx

    return profile_layers(read_onnx(path), batch, runs=runs, threads=threads)


def _room(memory: str | float) -> int | None:
    """Give the bytes that were asked for; None for what is none, which planning refuses in its own words."""
    try:
        return parse_bytes(memory)
    except (InputError, TypeError):
        return None
