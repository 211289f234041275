"""Columns of Parquet files that say where tasks may run: ``pin_executor``, ``pin_host``, ``pin_kind``, ``apart``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.errors import Fault
from planner.io.checks import Faults
from planner.model.faults import tell
from planner.model.graph import Graph, Pin

__all__ = ["PLACED_COLUMNS", "placed_columns", "read_placed"]

PIN_COLUMNS = {"pin_executor": "executor", "pin_host": "host", "pin_kind": "kind"}
PLACED_COLUMNS = (*PIN_COLUMNS, "apart")


def read_placed(texts: Mapping[str, pa.Array | None], faults: Faults) -> tuple[dict[int, Pin], dict[int, str]]:
    """Give the pins and the groups that columns hold.

    Parameters
    ----------
    texts : mapping of str to pyarrow.StringArray
        The columns that there are; null where a task has none. A column that was wrong is None.
    faults : Faults
        Gets what is wrong.

    Examples
    --------
    >>> read_placed({"pin_kind": pa.array([None, "gpu"]), "apart": pa.array(["g", None])}, Faults())
    ({1: Pin(executor=None, host=None, kind='gpu')}, {0: 'g'})
    """
    given: dict[int, dict[str, str]] = {}
    apart: dict[int, str] = {}
    for name, column in texts.items():
        if column is None:
            continue
        faults.add_all(_empty(name, column))
        rows = np.flatnonzero(np.asarray(column.is_valid())).tolist()
        for row, text in zip(rows, column.drop_null().to_pylist(), strict=True):
            if name == "apart":
                apart[row] = text
            else:
                given.setdefault(row, {})[PIN_COLUMNS[name]] = text
    return {row: Pin(**names) for row, names in given.items()}, apart


def _empty(name: str, column: pa.Array) -> list[Fault]:
    found: list[Fault] = []
    rows = np.flatnonzero(np.asarray(pc.fill_null(pc.equal(column, ""), False)))
    tell(found, rows, name, lambda row: Fault(f"{name}[{row}]", "is empty; expected a name, or null"))
    return found


def placed_columns(graph: Graph) -> dict[str, pa.Array]:
    """Give the columns that a graph needs, which are none when its tasks may run anywhere."""
    columns = {}
    for name, key in PIN_COLUMNS.items():
        said = {task: text for task, pin in graph.pins.items() if (text := getattr(pin, key)) is not None}
        if said:
            columns[name] = _column(graph.n, said)
    return columns if not graph.apart else {**columns, "apart": _column(graph.n, graph.apart)}


def _column(n: int, said: Mapping[int, str]) -> pa.Array:
    """Put texts in their rows, and null in the others."""
    place = np.full(n, -1, dtype=np.int64)
    place[list(said)] = np.arange(len(said))
    return pa.array(list(said.values()), pa.string()).take(pa.array(place, mask=place < 0))
