"""Read a graph from any of the formats that planner knows, recognised by what is in the file; write one."""

from __future__ import annotations

import os
from typing import Any

from planner.errors import Fault, InputError
from planner.io.adjacency import graph_from_adjacency, is_adjacency
from planner.io.checks import Faults, naming, show
from planner.io.documents import dump_document, parse_json, parse_toml
from planner.io.dot import DOT_SUFFIXES, is_dot, parse_dot, write_dot
from planner.io.files import as_path, decode, is_folder, read_bytes, write_atomically
from planner.io.job_document import graph_document
from planner.io.job_file import graph_from_document
from planner.io.parquet import MAGIC, is_parquet_folder, read_parquet, write_parquet
from planner.io.stg import is_stg, parse_stg
from planner.io.wfformat import graph_from_wfformat, is_wfformat
from planner.model.graph import Graph

__all__ = ["read_graph", "write_graph"]

KNOWN = "a job file (JSON or TOML), a Parquet pair, WfFormat 1.5 or adjacency JSON, STG or DOT"


def read_graph(path: str | os.PathLike[str], *, edges: str | os.PathLike[str] | None = None) -> Graph:
    """Read a graph. Nothing that the file names is imported or run.

    Parameters
    ----------
    path : str or path
        A job file (``planner.graph/1`` in JSON or TOML), the tasks of a Parquet pair or the folder of one, a trace in
        WfFormat 1.5, a graph in STG or DOT format, an adjacency (JSON, also of Airflow and Dagster), or a plan, whose
        graph is read. The content decides, not the name.
    edges : str or path, optional
        The edges of a Parquet pair, where they do not lie beside the tasks.

    Raises
    ------
    InputError
        With every fault, each with the file, the path inside it, and what was expected.
    """
    file = as_path(path)
    if is_parquet_folder(file):
        return read_parquet(file, edges)
    if is_folder(file):
        raise InputError([Fault(str(file), "is a folder without tasks.parquet; expected a file, or a Parquet pair")])
    data = read_bytes(file, stop_at=MAGIC)
    if data == MAGIC:
        return read_parquet(file, edges)
    with naming(file):
        if edges is not None:
            raise InputError("is no Parquet file, so its edges are in it; expected no file of edges beside it")
        return _graph(decode(data))


def _graph(text: str) -> Graph:
    faults = Faults()
    if text.lstrip()[:1] == "{":
        return _from_document(parse_json(text, faults), faults)
    if is_stg(text):
        return parse_stg(text)
    if is_dot(text):
        return parse_dot(text)
    if "=" not in text:
        raise InputError(f"is no graph; expected {KNOWN}")
    try:
        document = parse_toml(text, faults)
    except InputError as error:
        raise InputError(f"{error}; expected {KNOWN}") from error
    return _from_document(document, faults)


def _from_document(document: dict[str, Any], faults: Faults) -> Graph:
    if is_wfformat(document):
        return graph_from_wfformat(document, faults)
    if is_adjacency(document):
        return graph_from_adjacency(document, faults)
    if str(document.get("format", "")).startswith("planner.plan/"):
        with naming("graph"):
            return graph_from_document(document.get("graph"), faults)
    if "format" not in document and "tasks" not in document:
        raise InputError(f"is no graph: its keys are {show(list(document))}; expected {KNOWN}")
    return graph_from_document(document, faults)


def write_graph(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write a graph: a Parquet pair when the name ends in ``.parquet`` or is a folder's, DOT for Graphviz, or our JSON.

    Parameters
    ----------
    graph : Graph
    path : str or path
        ``x.json``; ``tasks.parquet``, whose edges go to ``edges.parquet`` beside it; a folder for the two; or ``x.dot``
        or ``x.gv``, which hold what tasks cost and not what they run.

    Raises
    ------
    InputError
        If the file cannot be written, or calls stand in the way: Parquet holds none, JSON none of Python objects.
    """
    file = as_path(path)
    if file.suffix == ".parquet" or is_folder(file):
        write_parquet(graph, file)
        return
    if file.suffix in DOT_SUFFIXES:
        write_dot(graph, file)
        return
    if file.suffix not in (".json", ""):
        raise InputError([Fault(str(file), f"ends in {file.suffix}; expected .json, .parquet, .dot or .gv")])
    with naming(file):
        data = dump_document(graph_document(graph))
    write_atomically(file, lambda out: out.write(data))
