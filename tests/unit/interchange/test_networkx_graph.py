"""Graphs from and to networkx."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest

from planner import GraphBuilder, InputError
from planner.interchange import from_networkx, to_networkx
from planner.io.job_document import graph_tasks
from planner.model import Graph, Ref


def _three() -> int:
    return 3


def everything() -> Graph:
    """Give a graph with functions, arrays as arguments, shards, a tree, a pin, replicas and retries."""
    builder = GraphBuilder()
    three = builder.add(_three, id="three", work=2, output="1MB", memory=5)
    total = builder.add("operator:add", three, 4, id="total", pin="0", retries=2, apart="group")
    builder.add("builtins:dict", id="named", params={"x": total}, after=[three], timeout=5)
    shards = builder.map(len, [1, 2, 3], id="shards", weights=[1, 2, 3])
    builder.reduce(sum, shards, fan_in=2, id="sum")
    builder.add(np.dot, np.ones(3), total, id="dot", replicas=2)
    return builder.build()


def test_there_and_back_gives_the_same_graph() -> None:
    graph = everything()
    back = from_networkx(to_networkx(graph))
    for one, other in zip(graph_tasks(graph, whole=True), graph_tasks(back, whole=True), strict=True):
        assert list(one) == list(other) and one["id"] == other["id"]
        assert {k: v for k, v in one.items() if k != "args"} == {k: v for k, v in other.items() if k != "args"}
    for was, call in zip(graph.calls, back.calls, strict=True):
        assert was is not None and call is not None
        assert call.run is was.run or isinstance(was.run, str)
        assert [type(value) for value in call.args] == [type(value) for value in was.args]
    assert back.calls[5].args[1] == Ref(1)  # type: ignore[union-attr]
    assert (back.edge_bytes == graph.edge_bytes).all()


def test_networkx_algorithms_take_it() -> None:
    given = to_networkx(everything())
    assert nx.dag_longest_path(given)[0] == "three" and nx.is_directed_acyclic_graph(given)
    assert given.nodes["three"]["work"] == 2.0 and given.edges["three", "total"] == {}


def test_any_nodes_and_numbers_of_numpy_are_taken_and_other_attributes_passed_over() -> None:
    given: nx.DiGraph[Any] = nx.DiGraph(name="mine")
    given.add_node(1, work=np.float64(2), memory=np.int32(4), color="red", pos=(0, 1))
    given.add_node((1, 2), run=max)
    given.add_edge(1, (1, 2), bytes=np.int64(5), weight=3)
    graph = from_networkx(given)
    assert graph.names == ["1", "(1, 2)"] and graph.work_us.tolist() == [2_000_000, 1_000_000]
    assert graph.memory_bytes[0] == 4 and graph.edge_bytes.tolist() == [5] and graph.kinds == ("task", "max")
    assert graph.calls[0] is None and graph.calls[1] is not None and graph.calls[1].args == (Ref(0),)


def test_values_are_handed_on_in_the_order_of_the_edges() -> None:
    given: nx.DiGraph[str] = nx.DiGraph()
    given.add_nodes_from(["two", "eight"], run="builtins:int")
    given.add_node("quotient", run="operator:truediv")
    given.add_edges_from([("eight", "quotient"), ("two", "quotient")])
    call = from_networkx(given).calls[2]
    assert call is not None and call.args == (Ref(1), Ref(0))


def test_a_trace_has_no_calls() -> None:
    assert from_networkx(nx.DiGraph([("a", "b")])).calls == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (nx.Graph(), "graph: is a Graph; expected a DiGraph"),
        (nx.MultiDiGraph(), "graph: is a MultiDiGraph; expected a DiGraph"),
        ({"a": ["b"]}, "graph: is {'a': ['b']}; expected a networkx.DiGraph"),
        (nx.DiGraph([(1, 2), (2, 1)]), "tasks: there is a cycle: 1 -> 2 -> 1"),
        (nx.DiGraph([(1, "1")]), "nodes['1'].id: '1' is the id of nodes[1] already"),
        (nx.DiGraph([(1, 2, {"bytes": "many"})]), "nodes[2].after[0].bytes: is 'many'; expected bytes"),
    ],
)
def test_what_is_wrong_is_told_at_its_node(given: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        from_networkx(given)
    assert said in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    given: nx.DiGraph[str] = nx.DiGraph()
    given.add_node("a", work=-1)
    given.add_node("b", run=7)
    with pytest.raises(InputError) as caught:
        from_networkx(given)
    assert [fault.path for fault in caught.value.faults] == ["nodes['a'].work", "nodes['b'].run"]
