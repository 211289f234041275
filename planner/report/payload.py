"""The data that the page's script draws: typed columns as base64 inside JSON inside HTML."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.report.markup import visible
from planner.report.timeline import FAILED, Figures, Timeline, column

__all__ = ["payload", "script_json"]

MOST_EDGES = 1_000_000
"""Above so many edges the page leaves them out, and shows no arrows to what a task waited for."""

DETAILS = ("wait_us", "cpu_us", "bytes_in", "bytes_out", "rows", "peak_memory_bytes", "attempt")


def payload(plan: Plan, load: LoadReport | None, timeline: Timeline) -> dict[str, Any]:
    """Collect what the script draws.

    Columns are ``[type, base64]`` with little-endian bytes; ``*_order`` and ``*_ptr`` list each row's tasks by start.
    """
    graph = plan.graph
    figures = Figures.of(plan, load)
    columns = {
        "kind": _pack(graph.kind, "<i4"),
        "status": _pack(timeline.status, "|i1"),
        **_chart(
            "planned", timeline.planned_lane, timeline.planned_start_us, timeline.planned_finish_us, len(timeline.lanes)
        ),
    }
    if load is not None:
        columns |= _chart(
            "measured",
            timeline.measured_lane,
            timeline.measured_start_us,
            timeline.measured_finish_us,
            len(timeline.lanes),
        )
        columns |= {name: _pack(column(load, name, timeline.row), "<f4") for name in DETAILS}
    if graph.n_edges <= MOST_EDGES:
        columns |= {"pred_ptr": _pack(graph.pred_ptr, "<i4"), "pred": _pack(graph.pred, "<i4")}
        columns |= {"succ_ptr": _pack(graph.succ_ptr, "<i4"), "succ": _pack(graph.succ, "<i4")}
    return {
        "ids": [visible(name) for name in graph.names],
        "kinds": [visible(kind) for kind in graph.kinds],
        "executors": [visible(executor) for executor, _ in timeline.lanes],
        "slots": [slot for _, slot in timeline.lanes],
        "planned_slots": plan.cluster.n_slots,
        "errors": _errors(load, timeline),
        "end": timeline.end_us or MICROSECONDS,
        "bound": figures.bound_us,
        "predicted": figures.predicted_us,
        "measured": figures.measured_us,
        "columns": columns,
    }


def script_json(data: dict[str, Any]) -> str:
    r"""Give JSON that can stand inside a script element: nothing in it can end the element or open another.

    Examples
    --------
    >>> script_json({"id": "</script>"})
    '{"id":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _pack(values: ArrayLike, dtype: str) -> list[str]:
    return [dtype[1:], base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")]


def _chart(name: str, lane: Any, start_us: Any, finish_us: Any, n_lanes: int) -> dict[str, list[str]]:
    order = np.lexsort((finish_us, start_us, lane))
    ptr = np.searchsorted(lane[order], np.arange(n_lanes + 1))
    return {
        f"{name}_start": _pack(start_us, "<f8"),
        f"{name}_finish": _pack(finish_us, "<f8"),
        f"{name}_lane": _pack(lane, "<i4"),
        f"{name}_order": _pack(order, "<i4"),
        f"{name}_ptr": _pack(ptr, "<i4"),
    }


def _errors(load: LoadReport | None, timeline: Timeline) -> dict[str, str]:
    if load is None:
        return {}
    failed = np.flatnonzero(timeline.status == FAILED)
    texts = load.tasks["error"]
    return {str(task): visible(texts[int(timeline.row[task])].as_py() or "")[:500] for task in failed.tolist()}
