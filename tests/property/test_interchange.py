"""Graphs that go out and come back: whatever the names, everything that the form can say is the same."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import layered, load_of
from strategies import graphs

from planner.errors import InputError
from planner.interchange import from_networkx, to_networkx
from planner.io.adjacency import graph_from_adjacency
from planner.io.checks import Faults
from planner.io.dot import graph_dot, is_dot, parse_dot
from planner.io.job_document import graph_tasks
from planner.io.load_series import LoadSeries
from planner.model import Graph

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=6)


@st.composite
def named(draw: st.DrawFn) -> Graph:
    """Draw a graph whose tasks and kinds have any names, and whose edges have sizes of their own."""
    graph = draw(graphs(most=6))
    names = draw(st.lists(NAMES, min_size=graph.n, max_size=graph.n, unique=True))
    kinds = draw(st.lists(NAMES, min_size=graph.n, max_size=graph.n))
    return Graph.from_arrays(
        names,
        work=graph.work_us / 1e6 + draw(st.sampled_from([0, 1e-6, 0.1, 123456.789])),
        memory=graph.memory_bytes,
        output=graph.output_bytes,
        kind=kinds,
        source=graph.pred,
        target=np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr)),
        edge_bytes=[draw(st.integers(0, 9)) for _ in range(graph.n_edges)],
    )


def said(graph: Graph) -> list[dict[str, Any]]:
    return list(graph_tasks(graph, whole=True))


@settings(max_examples=30, deadline=None)
@given(named())
def test_dot_there_and_back(graph: Graph) -> None:
    text = graph_dot(graph)
    assert is_dot(text) and said(parse_dot(text)) == said(graph)


@settings(max_examples=40, deadline=None)
@given(named())
def test_networkx_there_and_back(graph: Graph) -> None:
    given = to_networkx(graph)
    assert said(from_networkx(given)) == said(graph)
    assert nx.is_directed_acyclic_graph(given)


@settings(max_examples=40, deadline=None)
@given(named(), st.sampled_from(["upstream", "downstream"]))
def test_adjacencies_say_the_same_edges(graph: Graph, direction: str) -> None:
    names = graph.names
    of = graph.predecessors if direction == "upstream" else graph.successors
    lists = {names[task]: [names[other] for other in of(task)] for task in range(graph.n)}
    read = graph_from_adjacency({"format": "planner.adjacency/1", direction: lists}, Faults())
    assert read.names == names and read.pred.tolist() == graph.pred.tolist()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b", "", "run", "work"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "path", "work", "task_id"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.fixed_dictionaries(
            {"format": st.just("planner.adjacency/1")}, optional={"upstream": JSON, "downstream": JSON, "tasks": JSON}
        ),
        st.fixed_dictionaries(
            {
                "tasks": st.lists(
                    st.fixed_dictionaries({"task_id": JSON, "downstream_task_ids": JSON}) | JSON, min_size=1
                )
            }
        ),
        st.fixed_dictionaries(
            {"assetNodes": st.lists(st.fixed_dictionaries({"assetKey": JSON, "dependencyKeys": JSON}) | JSON)}
        ),
    )
)
def test_any_json_is_a_graph_or_an_input_error(document: dict[str, Any]) -> None:
    try:
        assert isinstance(graph_from_adjacency(document, Faults()), Graph)
    except InputError as error:
        assert error.faults


@settings(max_examples=30, deadline=None)
@given(
    st.text(st.sampled_from('abn=-><{}[];:"\\,.1 /*#\n'), max_size=30),
    st.sampled_from(["digraph", "graph", "strict digraph"]),
)
def test_any_text_is_a_graph_or_an_input_error(text: str, begin: str) -> None:
    try:
        assert isinstance(parse_dot(f"{begin} {{ {text} }}"), Graph)
    except InputError as error:
        assert error.faults


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(1, 4), st.integers(0, 100))
def test_windows_add_up_to_what_slots_did(n: int, slots: int, seed: int) -> None:
    load = load_of(layered(n, slots, seed), seed=seed)
    series = LoadSeries.of(load)
    for row in load.slots.to_pylist():
        one = series[row["executor"], row["slot"]]
        widths = np.diff(np.concatenate([[0], one.end_us]))
        assert abs((one.busy * widths).sum() - row["busy_us"]) <= 1e-6 * max(row["busy_us"], 1)
        assert (one.busy + one.waiting <= 1 + 1e-9).all() and (np.diff(one.tasks) >= 0).all()
        assert one.tasks[-1:].sum() == row["tasks"] == len(one.seconds)
