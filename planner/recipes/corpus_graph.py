"""The index of Python source files as a dependency graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.errors import InputError
from planner.model.builder import GraphBuilder
from planner.model.graph import Graph
from planner.recipes.source_text import SourceFile

__all__ = ["RESULT", "corpus_graph"]

RESULT = "index"
"""Id of the task whose value is the result."""

STEPS = "planner.recipes.corpus:"

SECONDS_PER_MB = {
    "clean": 0.01,
    "tokenise": 0.07,
    "count": 0.003,
    "merge": 0.001,
    "weigh": 0.004,
    "invert": 0.001,
    "nearest": 0.05,
}
"""Seconds that each step takes for a megabyte of source: a guess, from one run on one machine."""

BYTES_PER_BYTE = {
    "clean": 1.0,
    "tokenise": 0.2,
    "count": 0.05,
    "merge": 0.02,
    "weigh": 0.12,
    "invert": 0.16,
    "nearest": 0.005,
}
"""Size of each step's value for a byte of source: a guess, from one run."""


def corpus_graph(files: Sequence[SourceFile], root: str | None = None, *, top: int = 8, neighbours: int = 5) -> Graph:
    """Build the graph of an index: clean, tokenise, count as a tree, weigh, find neighbours, assemble.

    Parameters
    ----------
    files : sequence of SourceFile
        As `planner.recipes.source_text.source_files` gives them; their sizes are the weights by which they are cut.
    root : str, optional
        The folder that they are below, on the executors too; there the standard library when left out.
    top, neighbours : int
        Top terms and nearest neighbours for each module.

    Returns
    -------
    Graph
        The value of its task `RESULT` is the index as one Arrow table.

    Raises
    ------
    InputError
        If there are no files.
    """
    if not files:
        raise InputError(f"there is no Python file below {root or 'the standard library'}; expected at least one")
    total = sum(size for _, _, size in files)

    def costs(step: str) -> dict[str, Any]:
        return {"work": SECONDS_PER_MB[step] * total / 1e6, "output": int(BYTES_PER_BYTE[step] * total)}

    graph = GraphBuilder()
    sizes = [float(size) for _, _, size in files]
    place = {"root": root} if root else {}
    cleaned = graph.map(
        "planner.recipes.source_text:clean", files, weights=sizes, params=place, id="clean", **costs("clean")
    )
    tokens = graph.map(f"{STEPS}tokenise", cleaned, id="tokenise", **costs("tokenise"))
    counts = graph.map(f"{STEPS}count_documents", tokens, id="count", **costs("count"))
    documents = graph.reduce(f"{STEPS}merge_documents", counts, id="merge", **costs("merge"))
    weighed = graph.map(f"{STEPS}weigh", tokens, documents, params={"top": top}, id="weigh", **costs("weigh"))
    index = graph.add(f"{STEPS}index_terms", weighed, id="invert", **costs("invert"))
    wanted = {"documents": len(files), "count": neighbours}
    near = graph.map(f"{STEPS}nearest", weighed, index, params=wanted, id="nearest", **costs("nearest"))
    graph.add(f"{STEPS}assemble", weighed, near, id=RESULT, work=0.005)
    return graph.build()
