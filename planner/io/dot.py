"""The DOT language of Graphviz: graphs and plans to look at, and what tasks cost read back.

A node is a task; its attributes ``work``, ``memory``, ``output`` and ``kind`` mean what they mean in a job file, and an
edge's ``bytes`` what crosses it. Graphviz passes over attributes that it does not know, and so does this reader. What
tasks run is not in such a file. Files are written without a library; reading them is left to pydot (extra ``dot``).
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from planner.errors import InputError
from planner.io.checks import Faults, show
from planner.io.extras import extra
from planner.io.files import write_atomically
from planner.io.translated import graph_from_tasks
from planner.model.graph import Graph
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_seconds

__all__ = ["DOT_SUFFIXES", "graph_dot", "is_dot", "parse_dot", "plan_dot", "write_dot"]

DOT_SUFFIXES = (".dot", ".gv")
"""How names of such files end."""

NODE_KEYS = ("work", "memory", "output", "kind")
EDGE_KEY = "bytes"
_COLORS = 9
_LOOK = f'node [shape=box, style="rounded,filled", colorscheme=pastel1{_COLORS}, fontname="sans-serif"];'
_COMMENTS = r"(?:\s++|(?://|#)[^\n]*+|(?>/\*.*?\*/))*+"  # possessive: what does not match is not tried in other ways
_BEGINS = re.compile(rf"{_COMMENTS}(strict\s+)?(di)?graph\b[^{{;=]*\{{", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r'("(?:[^"\\]|\\.)*"|<.*>|[^:]*)(:.*)?', re.DOTALL)


def is_dot(text: str) -> bool:
    """Tell whether a text begins as one in DOT does.

    Examples
    --------
    >>> is_dot("/* a comment */ strict digraph tasks { a -> b }"), is_dot('graph = "x"')
    (True, False)
    """
    return _BEGINS.match(text) is not None


def graph_dot(graph: Graph) -> str:
    r"""Give a graph in DOT: a node a task, coloured by its kind.

    Examples
    --------
    >>> print(graph_dot(Graph.from_arrays(["a", "b"], work=[1, 2.5], source=[0], target=[1])))
    digraph {
      rankdir=LR;
      node [shape=box, style="rounded,filled", colorscheme=pastel19, fontname="sans-serif"];
      "a" [label="a\n1 s", work="1.0", fillcolor=1];
      "b" [label="b\n2.5 s", work="2.5", fillcolor=1];
      "a" -> "b";
    }
    <BLANKLINE>
    """
    nodes = [f"  {node}" for node in _nodes(graph)]
    return _digraph([*nodes, *_edges(graph)])


def plan_dot(plan: Plan) -> str:
    """Give a plan in DOT: a box an executor, in it its tasks with the slot, start and finish (seconds) of each."""
    schedule, cluster, graph = plan.schedule, plan.cluster, plan.graph
    executors = cluster.slot_executor[schedule.slot].tolist()
    placed = zip(
        cluster.slot_number[schedule.slot].tolist(),
        (schedule.start_us / MICROSECONDS).tolist(),
        (schedule.finish_us / MICROSECONDS).tolist(),
        strict=True,
    )
    facts = [f', slot="{slot}", start="{start}", finish="{finish}"' for slot, start, finish in placed]
    inside: list[list[str]] = [[] for _ in cluster.executors]
    for executor, node in zip(executors, _nodes(graph, facts), strict=True):
        inside[executor].append(f"    {node}")
    lines: list[str] = []
    for i, (executor, nodes) in enumerate(zip(cluster.executors, inside, strict=True)):
        label = _quoted(f"executor {executor.id}")
        lines += [f'  subgraph "cluster_{i}" {{', f"    label={label};", *nodes, "  }"]
    return _digraph([*lines, *_edges(graph)])


def write_dot(drawn: Graph | Plan, path: Path) -> None:
    """Write a graph or a plan.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    data = (graph_dot(drawn) if isinstance(drawn, Graph) else plan_dot(drawn)).encode(errors="replace")
    write_atomically(path, lambda out: out.write(data))


def _digraph(lines: Iterable[str]) -> str:
    return "\n".join(["digraph {", "  rankdir=LR;", f"  {_LOOK}", *lines, "}", ""])


def _nodes(graph: Graph, facts: list[str] | None = None) -> Iterator[str]:
    columns = zip(
        graph.names,
        graph.work_us.tolist(),
        graph.memory_bytes.tolist(),
        graph.output_bytes.tolist(),
        graph.kind.tolist(),
        facts or [""] * graph.n,
        strict=True,
    )
    for name, work_us, memory, output, kind, more in columns:
        label = f'{_quoted(name)[:-1]}\\n{format_seconds(work_us)}"'
        said = f'label={label}, work="{work_us / MICROSECONDS}"'
        said += f', memory="{memory}"' * (memory > 0) + f', output="{output}"' * (output > 0)
        said += f", kind={_quoted(graph.kinds[kind])}" * (graph.kinds[kind] != "task")
        yield f"{_quoted(name)} [{said}{more}, fillcolor={kind % _COLORS + 1}];"


def _edges(graph: Graph) -> Iterator[str]:
    names = [_quoted(name) for name in graph.names]
    plain = graph.edge_bytes == graph.output_bytes[graph.pred]
    ptr, pred, sizes = graph.pred_ptr.tolist(), graph.pred.tolist(), graph.edge_bytes.tolist()
    for task in range(graph.n):
        for edge in range(ptr[task], ptr[task + 1]):
            size = "" if plain[edge] else f' [{EDGE_KEY}="{sizes[edge]}"]'
            yield f"  {names[pred[edge]]} -> {names[task]}{size};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str) -> str:
    """Give what stands between the quotes."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r'\\(["\\])', r"\1", text[1:-1])


def parse_dot(text: str) -> Graph:
    """Give the graph of a text in DOT; a node is a task, of one second where it does not say its work.

    Raises
    ------
    InputError
        With every fault; if it is no DOT, or not one directed graph; or if pydot is not installed.
    """
    pydot = extra("pydot", "dot", "reading DOT")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):  # it prints what is wrong
        graphs = pydot.graph_from_dot_data(text)
    if not graphs:
        lines = [line.strip() for line in said.getvalue().splitlines() if line.strip(" ^")]
        raise InputError(f"is no DOT: {lines[-1] if lines else 'it is empty'}; expected digraph {{ a -> b }}")
    if len(graphs) > 1:
        raise InputError(f"holds {len(graphs)} graphs; expected one")
    if graphs[0].get_type() != "digraph":
        raise InputError("is an undirected graph; expected a digraph, whose edges say who waits for whom")
    reader = _Statements(pydot)
    reader.read(graphs[0], {}, {})
    names = list(reader.nodes)
    waits: dict[str, list[Any]] = {name: [] for name in names}
    for source, target, sizes in reader.edges:
        waits[target].append({"task": source, **sizes})
    tasks = [{"id": name, "after": waits[name], **reader.nodes[name]} for name in names]
    return graph_from_tasks(tasks, Faults(), lambda task: f"node {show(names[task])}")


class _Statements:
    """Goes over the statements of a graph in their order: defaults hold for what comes after them."""

    def __init__(self, pydot: Any) -> None:
        self._subgraph = pydot.Subgraph
        self.nodes: dict[str, dict[str, str]] = {}
        self.edges: list[tuple[str, str, dict[str, str]]] = []

    def read(self, graph: Any, of_nodes: dict[str, str], of_edges: dict[str, str]) -> list[str]:
        """Read a graph or subgraph, with the defaults around it; give the names of its nodes."""
        inside: list[str] = []
        statements = [*graph.get_node_list(), *graph.get_edge_list(), *graph.get_subgraph_list()]
        for statement in sorted(statements, key=lambda statement: statement.get_sequence() or 0):
            attributes = statement.get_attributes() or {}
            kind = statement.obj_dict["type"]
            if kind == "node" and statement.get_name() == "node":
                of_nodes = of_nodes | _known(attributes, NODE_KEYS)
            elif kind == "node" and statement.get_name() == "edge":
                of_edges = of_edges | _known(attributes, (EDGE_KEY,))
            elif kind == "node" and statement.get_name() != "graph":
                inside.append(self._node(statement.get_name(), of_nodes, _known(attributes, NODE_KEYS)))
            elif kind == "edge":
                sizes = of_edges | _known(attributes, (EDGE_KEY,))
                sources, targets = (
                    self._end(end, of_nodes, of_edges) for end in (statement.get_source(), statement.get_destination())
                )
                self.edges += [(source, target, sizes) for source in sources for target in targets]
                inside += [*sources, *targets]
            elif kind in ("subgraph", "graph", "digraph"):
                inside += self.read(statement, of_nodes, of_edges)
        return list(dict.fromkeys(inside))

    def _node(self, written: str, defaults: dict[str, str], own: dict[str, str]) -> str:
        match = _NAME.fullmatch(written)
        name = sys.intern(_plain(match[1] if match else written))
        self.nodes[name] = self.nodes.get(name, defaults) | own
        return name

    def _end(self, end: Any, of_nodes: dict[str, str], of_edges: dict[str, str]) -> list[str]:
        if isinstance(end, str):
            return [self._node(end, of_nodes, {})]
        return self.read(self._subgraph(obj_dict=end), of_nodes, of_edges)


def _known(attributes: dict[str, Any], keys: tuple[str, ...]) -> dict[str, str]:
    return {key: _plain(str(attributes[key])) for key in keys if key in attributes}
