"""Graphs from dask: the values of their tasks are what dask computes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pytest
from dask import delayed
from dask.base import tokenize

from planner import Cluster, InputError, plan
from planner.interchange import from_dask
from planner.model import Graph, Ref
from planner.runtime.process import imported


def values_of(graph: Graph) -> dict[str, Any]:
    """Call one task after the other; give the values on which none waits."""
    values: dict[int, Any] = {}
    for task in graph.order.tolist():
        call = graph.calls[task]
        assert call is not None and isinstance(call.run, str)
        given = [values[value.task] if isinstance(value, Ref) else value for value in call.args]
        values[task] = imported(call.run)(*given)
    return {graph.names[task]: value for task, value in values.items() if not len(graph.successors(task))}


def _increment(value: int) -> int:
    return value + 1


def squares() -> Any:
    """Give an array of four blocks."""
    return da.from_array(np.arange(36.0).reshape(6, 6), chunks=3)


def collections() -> dict[str, Any]:
    one = delayed(_increment)(1)
    table = squares()
    return {
        "delayed": delayed(sum)([one, delayed(_increment)(one)]),
        "nested": delayed([one, {"deep": (one, 5)}]),
        "one delayed value": one,
        "array": table @ table.T + 1,
        "reduced": (table * 2).sum(axis=0),
        "a number": table.std(),
        "blocks of data": table,
        "random": da.random.default_rng(7).normal(size=(8, 8), chunks=4).cumsum(axis=1),
        "bag": db.from_sequence(range(10), npartitions=3).map(_increment).frequencies(),
    }


@pytest.mark.parametrize("name", list(collections()))
def test_the_result_is_what_dask_computes(name: str) -> None:
    collection = collections()[name]
    found = values_of(from_dask(collection))
    expected = collection.compute(scheduler="sync")
    assert found.keys() == {"result"} and type(found["result"]) is type(expected)
    assert np.array_equal(found["result"], expected) if hasattr(expected, "shape") else found["result"] == expected


def test_several_collections_share_their_tasks_and_have_names() -> None:
    one = delayed(_increment)(1)
    two, table = delayed(_increment)(one), squares()
    named = {"one": one, "two": two, "again": two, "sum": table.sum(), "mean": table.mean()}
    graph = from_dask(named)
    assert values_of(graph) == {"one": 2, "two": 3, "again": 3, "sum": 630.0, "mean": 17.5}
    kinds = [graph.kinds[kind] for kind in graph.kind]
    assert kinds.count("increment") == 2 and kinds.count("array") == 4


def test_kinds_are_those_of_dask_and_take_the_work_that_is_given() -> None:
    total = squares().sum(split_every=2)
    graph = from_dask({"total": total, "table": squares() + 1}, work={"sum": "2 s", "sum-aggregate": 0.5})
    work = {graph.kinds[graph.kind[task]]: graph.work_us[task] / 1e6 for task in range(graph.n)}
    assert work["sum"] == 2.0 and work["sum-aggregate"] == 0.5 and work["add"] == 1.0
    assert work["array"] == 0, "data is there already"
    assert set(from_dask(squares() * 2, work=3).work_us.tolist()) == {3_000_000}, "data was fused with what takes it"
    with pytest.raises(InputError, match=r"work\['smu'\]: there is no such kind; did you mean 'sum'\?"):
        from_dask({"total": total, "table": squares()}, work={"smu": 1})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "result: is 3; expected a dask collection"),
        ({}, "names no collections; expected one at least"),
        ({"a": delayed(1), "b": [delayed(2)]}, "b: is [Delayed("),
    ],
)
def test_what_is_no_collection_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        from_dask(given)
    assert said in str(caught.value)


def _told() -> str:
    up, total = delayed(abs, pure=True), delayed(sum, pure=True)
    graph = from_dask({"a": total([up(i) for i in range(9)]), "b": total([up(3), total([up(4), 5])])})
    return str((graph.names, graph.pred.tolist(), [call.args[1] for call in graph.calls if call]))


def test_the_graph_is_the_same_whatever_the_hash_seed() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_dask_graph; print(test_dask_graph._told())"
    words = [sys.executable, "-c", code, str(Path(__file__).parent)]
    said = subprocess.run(words, env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, check=True, text=True)
    assert said.stdout.strip() == _told()


def test_it_is_planned_like_any_graph() -> None:
    planned = plan(from_dask(squares().sum()), Cluster.uniform(2), method="heft")
    assert planned.makespan > 0


def test_dask_tells_collections_apart_as_this_does() -> None:
    """`dask.compute` wants one value of equal collections, and of distinct ones their values in order."""
    seen: list[Any] = []

    def get(graph: Any, keys: Any, **_: Any) -> Any:
        seen.append((graph.__dask_graph__(), list(keys)))
        raise KeyError

    one, other = delayed(_increment)(1), squares().sum()
    with pytest.raises(KeyError):
        dask.compute(one, other, squares().sum(), scheduler=get, traverse=False)
    [(graph, keys)] = seen
    assert len(keys) == 2 and keys[0] == one.key and all(key in graph for key in keys)
    assert tokenize(other) == tokenize(squares().sum())
