"""A model: its layers, and how its stages run where there is something to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from planner.model.layers import NANOSECONDS, LayerGraph
from planner.model.stage_plan import StagePlan
from planner.model.units import format_bytes, format_seconds
from planner.models.correcting import corrected_layers
from planner.models.planning import plan_stages
from planner.models.plans import ModelPlan
from planner.streaming import StreamLoad

__all__ = ["Model"]


@dataclass(frozen=True, eq=False)
class Model:
    """A model that can be split into stages. `planner.models.read_model` makes one.

    Attributes
    ----------
    layers : LayerGraph
    name : str
    executors : int or None
        How many its file states that there are; None, where it states nothing.
    hosts : int
        Devices beside them without a limit of memory.
    memory_bytes : int or None
        Of each executor, where its file states it.
    cores : int or None
        That all executors have together, where it was measured on them; None, where each is taken to have its own.
    carrying_ns : int
        Processor time that each stage takes for a micro-batch besides its layers, where that was measured.
    runner : callable or None
        Given a plan and what `ModelPlan.run` takes, runs it; None for a profile, which holds no layers.
    """

    layers: LayerGraph
    name: str
    executors: int | None = None
    hosts: int = 0
    memory_bytes: int | None = None
    runner: Callable[..., Any] | None = None
    cores: int | None = None
    carrying_ns: int = 0

    def plan(
        self,
        executors: int | None = None,
        *,
        memory: str | float | None = None,
        bandwidth: str | float = "inf",
        replicate: bool = False,
        stages: int | None = None,
        hosts: int | None = None,
        overlap: bool = False,
        cores: int | None = None,
    ) -> ModelPlan:
        """Split the model into contiguous stages, so that the slowest executor is as fast as possible.

        Parameters
        ----------
        executors : int, optional
            As many as there are to be used; what the model's file states, when left out.
        memory : str or float, optional
            Of each executor: bytes, or text such as ``"2GB"``; what the file states, when left out.
        bandwidth : str or float
            Of each executor's link: bytes a second, or text such as ``"1GB/s"`` or ``"10Gbit"``. Not asked where the
            file states what sending costs.
        replicate : bool
            Whether several executors may run copies of a stage, to which micro-batches are dealt in turn.
        stages : int, optional
            To cut into more stages than there are executors, which then take several.
        hosts : int, optional
            Devices without a limit of memory beside the executors; what the file states, when left out.
        overlap : bool
            Whether executors send and receive while they compute: then a stage takes the longest of the three, as in
            PipeDream, else their sum.
        cores : int, optional
            That all executors have together, where there may be fewer than executors, as on one machine; what was found
            where the model was measured, when left out.

        Returns
        -------
        ModelPlan

        Raises
        ------
        InputError
            With everything that is wrong with the arguments.
        InfeasibleError
            Where the model does not fit, with the layers and bytes that do not.

        Examples
        --------
        >>> from planner.model import LayerGraph
        >>> chain = LayerGraph.from_arrays(["a", "b", "c"], time_ns=[5000, 1000, 4000], source=[0, 1], target=[1, 2])
        >>> found = Model(chain, "chain").plan(executors=2)
        >>> found.stage.tolist(), found.bottleneck_ns, found.status
        ([0, 1, 1], 5000, 'optimal')
        """
        found = plan_stages(
            self.layers,
            executors=self.executors if executors is None else executors,
            hosts=self.hosts if hosts is None else hosts,
            memory=self.memory_bytes if memory is None else memory,
            bandwidth=bandwidth,
            replicate=replicate,
            stages=stages,
            overlap=overlap,
            cores=self.cores if cores is None else cores,
            carrying_ns=self.carrying_ns,
        )
        return ModelPlan(**vars(found), model=self.name, runner=self.runner)

    def corrected(self, plan: StagePlan, measured: StreamLoad | Sequence[int]) -> Self:
        """Give the model as the stages of a plan show it, so that the next plan cuts better.

        Parameters
        ----------
        plan : StagePlan
            Of this model.
        measured : StreamLoad or sequence of int
            What its stages did when it ran, or nanoseconds of each for a micro-batch.

        Raises
        ------
        InputError
            If there are more or fewer times than stages.

        Examples
        --------
        >>> from planner.model import LayerGraph
        >>> layers = LayerGraph.from_arrays(time_ns=[10, 10, 10, 10], source=[0, 1, 2], target=[1, 2, 3])
        >>> model = Model(layers, "chain")
        >>> first = model.plan(executors=2)
        >>> first.stage.tolist(), model.corrected(first, [20, 80]).plan(executors=2).stage.tolist()
        ([0, 0, 1, 1], [0, 0, 0, 1])
        """
        new = replace(self, layers=corrected_layers(plan, measured))
        return replace(new, carrying_ns=round(measured.carrying_us * 1000)) if isinstance(measured, StreamLoad) else new

    def __repr__(self) -> str:
        time = format_seconds(int(self.layers.time_ns.sum()) * 1_000_000 / NANOSECONDS)
        size = format_bytes(int(self.layers.memory_bytes.sum()))
        return f"Model({self.name!r}, {self.layers.n} layers, {time} a micro-batch, {size})"
