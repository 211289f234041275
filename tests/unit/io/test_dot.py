"""DOT: written for Graphviz, and read back by the rules of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydot
import pytest

from planner import Cluster, GraphBuilder, InputError, plan, read_graph, write_graph
from planner.io import extras
from planner.io.dot import is_dot, parse_dot
from planner.model import Graph


def said_of(graph: Graph) -> dict[str, tuple[float, list[str]]]:
    """Give the work of each task and those it waits for."""
    return {
        name: (graph.work_us[task] / 1e6, [graph.names[before] for before in graph.predecessors(task)])
        for task, name in enumerate(graph.names)
    }


def test_defaults_chains_subgraphs_ports_and_quotes_mean_what_graphviz_says() -> None:
    text = r"""
    // defaults hold for nodes that are named first after them, inside a subgraph only there
    strict digraph "a name" {
      before;
      node [work=2] edge [bytes="1kB"] graph [rankdir=LR]
      before -> "two \"words\"" -> ported:p:nw [bytes=3];
      {left right} -> joined
      subgraph cluster_x { node [work=5, kind=inner]; inside [label=<<b>html</b>>]; before }
      outside [work=0.5, color=red];  /* its own */
      "a:b" -> outside
      joined [memory="1.5GB"]
    }"""
    graph = parse_dot(text)
    assert said_of(graph) == {
        "before": (1.0, []),
        'two "words"': (2.0, ["before"]),
        "ported": (2.0, ['two "words"']),
        "left": (2.0, []),
        "right": (2.0, []),
        "joined": (2.0, ["left", "right"]),
        "inside": (5.0, []),
        "outside": (0.5, ["a:b"]),
        "a:b": (2.0, []),
    }
    sizes = {graph.names[task]: graph.edge_bytes[graph.pred_ptr[task] : graph.pred_ptr[task + 1]] for task in range(9)}
    assert {name: bytes.tolist() for name, bytes in sizes.items() if len(bytes)} == {
        'two "words"': [3],
        "ported": [3],
        "joined": [1000, 1000],
        "outside": [1000],
    }
    assert graph.kinds[graph.kind[graph.index["inside"]]] == "inner"
    assert graph.memory_bytes[graph.index["joined"]] == 1_500_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digraph { a -> ", "is no DOT: Expected"),
        ("graph { a -- b }", "is an undirected graph; expected a digraph"),
        ("digraph { a } digraph { b }", "holds 2 graphs; expected one"),
        ("digraph { a -> b -> a }", "tasks: there is a cycle: a -> b -> a"),
        ("digraph { a [work=soon] }", "node 'a'.work: 'soon' is no duration"),
        ('digraph { a [memory="-1"] }', "node 'a'.memory: is '-1'; expected bytes >= 0"),
        ("digraph { a -> b [bytes=many] }", "node 'b'.after[0].bytes: is 'many'; expected bytes"),
        ('digraph { "" }', "node ''.id: is empty"),
        (f"digraph {'{' * 3000}", "is nested too deeply"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_printed(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.dot"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_graph(file)
    assert str(file) in str(caught.value) and said in str(caught.value)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["#" * 10_000 + "\nx = 1", "/*" * 10_000, " " * 10_000 + "graph = 1", "//" * 10_000])
def test_what_is_no_dot_is_seen_at_once(text: str) -> None:
    assert not is_dot(text)


def test_without_pydot_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    file = tmp_path / "graph.dot"
    file.write_text("digraph { a }")
    with pytest.raises(InputError, match=r"reading DOT needs pydot; expected: pip install 'spark-planner\[dot\]'"):
        read_graph(file)


def test_a_plan_is_drawn_with_a_box_an_executor(tmp_path: Path) -> None:
    builder = GraphBuilder()
    first = builder.add("builtins:int", id="first", work=1)
    builder.add("builtins:int", first, id="second", work=2)
    builder.add("builtins:int", id="other", work=3)
    planned = plan(builder.build(), Cluster.uniform(2))
    [drawn] = pydot.graph_from_dot_file(str(planned.save(tmp_path / "plan.dot")))
    boxes = drawn.get_subgraph_list()
    assert [box.get_label() for box in boxes] == ['"executor 0"', '"executor 1"']
    together = [sorted(node.get_name().strip('"') for node in box.get_node_list()) for box in boxes]
    assert sorted(together) == [["first", "second"], ["other"]]
    [second] = [node for box in boxes for node in box.get_node_list() if node.get_name() == '"second"']
    assert [second.get(key) for key in ("slot", "start", "finish")] == ['"0"', '"1.0"', '"3.0"']
    assert said_of(read_graph(tmp_path / "plan.dot"))["second"] == (2.0, ["first"])


def test_graphs_are_written_by_the_name_of_the_file(tmp_path: Path) -> None:
    graph = Graph.from_arrays(["a", "b"], work=[1e-6, 2], source=[0], target=[1], output=[7, 0], edge_bytes=[3])
    for name in ("graph.dot", "graph.gv"):
        write_graph(graph, tmp_path / name)
        back = read_graph(tmp_path / name)
        assert (back.names, back.work_us.tolist(), back.edge_bytes.tolist()) == (["a", "b"], [1, 2_000_000], [3])
    with pytest.raises(InputError, match=r"ends in \.svg; expected \.json, \.parquet, \.dot or \.gv"):
        write_graph(graph, tmp_path / "graph.svg")
