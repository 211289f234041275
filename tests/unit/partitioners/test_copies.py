"""Active replicas as tasks of their own."""

from __future__ import annotations

import numpy as np
import pytest

from planner import Cluster, Executor, Graph, GraphBuilder, InfeasibleError, InputError, Pin, Replicas
from planner.model import Call, Over, Ref
from planner.partitioners import decompose

THREE = Cluster(tuple(Executor(str(i), kind="gpu" if i < 2 else "cpu") for i in range(3)))


def test_a_copy_has_all_of_its_task_but_its_successors() -> None:
    graph = Graph.from_arrays(
        ["in", "a", "out"],
        work=[1, 2, 3],
        source=[0, 1],
        target=[1, 2],
        edge_bytes=[5, 6],
        memory=[7, 8, 9],
        output=[10, 11, 12],
        kind=["x", "y", "z"],
        calls=[Call("m:f"), Call("m:g", (Ref(0), 4)), Call("m:h", (Ref(1),))],
        pins={1: Pin(kind="gpu")},
        replicas={1: Replicas(2, "active"), 2: Replicas(2)},
        retries={1: 2},
        timeouts_us={1: 3},
    )
    copied = decompose(graph, THREE).graph
    assert copied.names == ["in", "a", "out", "a~2"] and copied.copy_of == {3: 1}
    for column in (copied.work_us, copied.memory_bytes, copied.output_bytes, copied.kind):
        assert column[3] == column[1]
    np.testing.assert_array_equal(copied.kind[:3], graph.kind)
    assert copied.calls[3] == copied.calls[1] and copied.calls[:3] == graph.calls
    assert copied.predecessors(3).tolist() == [0] and copied.successors(3).tolist() == []
    assert copied.predecessors(2).tolist() == [1] and copied.edge_bytes.tolist() == [5, 6, 5]
    assert copied.pins[3] == Pin(kind="gpu") and copied.retries[3] == 2 and copied.timeouts_us[3] == 3
    assert copied.replicas == graph.replicas
    assert decompose(copied, THREE).graph is copied, "copies are made once"


def test_every_shard_and_every_task_of_a_tree_has_copies() -> None:
    builder = GraphBuilder()
    mapped = builder.map("m:f", range(9), id="m", work=9, replicas=2, redundancy="active", retries=1, timeout=5)
    builder.reduce("m:g", mapped, id="tree", fan_in=2, replicas=3, redundancy="standby")
    graph = decompose(builder.build(), THREE).graph
    shards = [task for task, name in enumerate(graph.names) if name.startswith("m[") and "~" not in name]
    assert len(shards) > 2
    assert {graph.names[copy]: graph.names[task] for copy, task in graph.copy_of.items()} == {
        f"{graph.names[task]}~2": graph.names[task] for task in shards
    }
    assert all(graph.replicas[task] == Replicas(2, "active") for task in shards)
    tree = [task for task, name in enumerate(graph.names) if name.startswith("tree")]
    assert len(tree) > 1 and all(graph.replicas[task] == Replicas(3) for task in tree)
    assert graph.retries == dict.fromkeys((*shards, *graph.copy_of), 1)
    assert graph.timeouts_us == dict.fromkeys((*shards, *graph.copy_of), 5_000_000)


def test_copies_that_a_graph_has_stay_beside_what_is_cut() -> None:
    graph = Graph.from_arrays(
        ["m", "a", "a~2", "b"],
        work=[9, 1, 1, 1],
        source=[0, 0, 1],
        target=[1, 2, 3],
        calls=[Call("m:f"), Call("m:g", (Ref(0),)), Call("m:g", (Ref(0),)), Call("m:h", (Ref(1),))],
        over={0: Over(items=tuple(range(9)))},
        replicas={1: Replicas(2, "active"), 3: Replicas(2, "active")},
        copy_of={2: 1},
    )
    cut = decompose(graph, THREE).graph
    assert {cut.names[copy]: cut.names[task] for copy, task in cut.copy_of.items()} == {"a~2": "a", "b~2": "b"}
    shards = [task for task, name in enumerate(cut.names) if name.startswith("m[")]
    a, copy = cut.index["a"], cut.index["a~2"]
    assert cut.predecessors(a).tolist() == cut.predecessors(copy).tolist() == shards
    assert cut.calls[a] == cut.calls[copy]


@pytest.mark.parametrize("mode", ["active", "standby"])
def test_more_replicas_than_executors_are_told_before_any_copy_is_made(mode: str) -> None:
    builder = GraphBuilder()
    builder.add("m:f", id="a", replicas=10**6, redundancy=mode)  # type: ignore[arg-type]
    builder.add("m:f", id="b", replicas=3, redundancy="active", pin={"kind": "gpu"})
    builder.add("m:f", id="c", replicas=2, redundancy="active", pin={"kind": "cpu"})
    with pytest.raises(InfeasibleError) as caught:
        decompose(builder.build(), THREE)
    assert [str(fault) for fault in caught.value.faults] == [
        "tasks['a'].replicas: is 1000000, and 3 executors may take it; expected an executor for each",
        "tasks['b'].replicas: is 3, and 2 executors may take it; expected an executor for each",
        "tasks['c'].replicas: is 2, and 1 executor may take it; expected an executor for each",
    ]


def test_the_name_of_a_copy_is_not_taken() -> None:
    graph = Graph.from_arrays(["a", "a~3"], work=[1, 1], replicas={0: Replicas(3, "active")})
    with pytest.raises(InputError, match=r"tasks\['a~3'\]: is the name of a copy of 'a'; expected another id"):
        decompose(graph, THREE)
