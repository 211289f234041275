"""One model run in several ways: the whole of it in each slot, in stages, and in stages some of which are copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from planner.errors import Fault, InputError
from planner.model.units import format_bytes, format_seconds
from planner.models.model import Model
from planner.models.planning import SHARED, shared_ns
from planner.models.plans import ModelPlan
from planner.report.markup import asset, bar, escape, table
from planner.report.shell import page, write_text
from planner.streaming import StreamLoad

__all__ = ["StreamRun", "compared", "ways_of", "write_streams"]

_NS_PER_US = 1000
_US_PER_S = 1_000_000
SHARE = 0.75
"""Of the whole model's memory: what an executor has in the hybrid way, so that it cannot hold all of it."""


class StreamRun(NamedTuple):
    """A plan by its name, and what its stages really did."""

    name: str
    plan: ModelPlan
    load: StreamLoad


def ways_of(model: Model, executors: int) -> dict[str, ModelPlan]:
    """Plan a model in three ways on as many executors.

    Parameters
    ----------
    model : Model
        Its layers hold memory, at least some of them.
    executors : int
        At least 2.

    Returns
    -------
    dict of str to ModelPlan
        ``data-parallel``: the whole model in each slot. ``model-parallel``: stages, one slot each. ``hybrid``: stages
        and copies of them, as is best where an executor has room for `SHARE` of the model.

    Raises
    ------
    InputError
        If there are fewer than two executors.

    Examples
    --------
    >>> from planner.model import LayerGraph
    >>> chain = LayerGraph.from_arrays(
    ...     time_ns=[50, 40, 10, 20], memory_bytes=[1, 1, 1, 1], source=[0, 1, 2], target=[1, 2, 3]
    ... )
    >>> {name: (p.bottleneck_ns, p.replicas.tolist()) for name, p in ways_of(Model(chain, "chain"), 3).items()}
    {'data-parallel': (40, [3]), 'model-parallel': (50, [1, 1, 1]), 'hybrid': (45, [2, 1])}
    """
    if executors < 2:
        raise InputError([Fault("executors", f"is {executors}; expected at least 2, for stages to be apart")])
    room = int(model.layers.memory_bytes.sum() * SHARE) + int(getattr(model, "reserved_bytes", 0))
    return {
        "data-parallel": _whole(model, executors),
        "model-parallel": model.plan(executors=executors),
        "hybrid": model.plan(executors=executors, memory=room, replicate=True),
    }


def _whole(model: Model, executors: int) -> ModelPlan:
    """Put the whole model on each executor: nothing can be faster than all of them sharing all the work."""
    alone = model.plan(executors=1)
    each = -(-int(alone.load_ns[0]) // executors)
    shared = shared_ns(alone)
    return replace(
        alone,
        replicas=np.array([executors], np.int32),
        executors=(tuple(range(executors)),),
        load_ns=np.array([each], np.int64),
        bottleneck_ns=max(each, shared),
        lower_bound_ns=max(each, shared),
        bound_reason="all executors share all the work" if each >= shared else SHARED,
        n_executors=executors,
        method="the whole model in each slot",
    )


def compared(runs: Sequence[StreamRun]) -> pd.DataFrame:
    """Lay runs out as a table.

    Returns
    -------
    pandas.DataFrame
        ``way``; ``stages``, as slots of each; ``rows/s``; ``predicted`` and ``measured``: between two micro-batches, at
        the stage that gives them least often; ``error``: of the prediction, relative to what was measured; ``memory``:
        the most that a slot had.
    """
    rows = []
    for name, plan, load in runs:
        predicted, measured = plan.bottleneck_ns / _NS_PER_US, _period_us(load)
        rows.append(
            {
                "way": name,
                "slots of stages": " + ".join(map(str, plan.replicas.tolist())),
                "rows/s": round(load.rows * _US_PER_S / max(load.elapsed_us, 1), 1),
                "predicted": format_seconds(predicted),
                "measured": format_seconds(measured),
                "error": f"{(predicted - measured) / measured:+.0%}" if measured else "",
                "memory": format_bytes(max((stage.peak_memory_bytes for stage in load.stages), default=0)),
            }
        )
    return pd.DataFrame(rows)


def _period_us(load: StreamLoad) -> float:
    return load.stages[load.bottleneck].period_us


def write_streams(title: str, runs: Sequence[StreamRun], path: str | Path) -> Path:
    """Write a page: the runs beside each other, then each plan's picture, and what its stages did.

    Parameters
    ----------
    title : str
    runs : sequence of StreamRun
    path : str or Path

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    rows = compared(runs)
    cells = [[escape(str(cell)) for cell in row] for row in rows.itertuples(index=False, name=None)]
    parts = [f'<div class="caption">{escape(title)}</div>', table(list(rows.columns), cells, text_columns=(0, 1))]
    for run in runs:
        parts += [f'<div class="caption">{escape(run.name)}</div>', run.plan._repr_html_(), _loads(run.load)]
    body = f'<div class="planner-view">{"".join(parts)}</div>'
    return write_text(page(title, body, style=asset("fragment.css")), path)


def _loads(load: StreamLoad) -> str:
    """Draw what the slots of each stage spent their time on."""
    rows = [
        [
            escape(stage.name),
            bar([("busy", stage.busy)]),
            f"{stage.busy:.0%}",
            f"{stage.waiting_for_core:.0%}",
            f"{stage.waiting_for_input:.0%}",
            f"{stage.waiting_for_room:.0%}",
            format_seconds(stage.busy_us + stage.core_us),
            f"{stage.batches:,}",
            format_bytes(stage.peak_memory_bytes),
        ]
        for stage in load.stages
    ]
    head = ["stage, as run", "", "busy", "waits for core", "for input", "for room", "a batch", "batches", "peak memory"]
    return table(head, rows, text_columns=(0, 1))
