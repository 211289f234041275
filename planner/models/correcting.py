"""Layers as stages that ran show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.errors import Fault, InputError
from planner.model.arrays import Int64
from planner.model.layers import LayerGraph
from planner.model.stage_plan import StagePlan
from planner.streaming import StreamLoad

__all__ = ["corrected_layers"]


def corrected_layers(plan: StagePlan, measured: StreamLoad | Sequence[int]) -> LayerGraph:
    """Scale the times of layers such that each stage takes what was measured of it as a whole.

    Layers are measured one by one. In a stage that was loaded some of them become one, so some stages win more than
    others.

    Parameters
    ----------
    plan : StagePlan
    measured : StreamLoad or sequence of int
        What its stages did, or nanoseconds of each for a micro-batch. Time that a stage waited for a core is not its
        own; how many share the cores is told to the next plan.

    Raises
    ------
    InputError
        If there are more or fewer times than stages.

    Examples
    --------
    >>> from planner.models.planning import plan_stages
    >>> graph = LayerGraph.from_arrays(time_ns=[300, 100, 400], source=[0, 1], target=[1, 2])
    >>> corrected_layers(plan_stages(graph, executors=2), [200, 400]).time_ns.tolist()
    [150, 50, 400]
    """
    if isinstance(measured, StreamLoad):
        measured = [max(1, round(stage.busy_us * 1000)) for stage in measured.stages]
    if len(measured) != plan.n_stages:
        raise InputError([Fault("measured", f"has {len(measured)} times; the plan has {plan.n_stages} stages")])
    graph, stage = plan.graph, plan.stage
    added = np.bincount(stage, weights=graph.time_ns)
    alike = np.bincount(stage)
    share = np.where(added[stage] > 0, graph.time_ns / np.maximum(added[stage], 1), 1 / alike[stage])
    times: Int64 = np.rint(share * np.asarray(measured, np.float64)[stage]).astype(np.int64)
    return replace(graph, time_ns=times, host_ns=times)
