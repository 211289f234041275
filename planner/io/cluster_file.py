"""Cluster files: TOML for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from planner.io.checks import Faults, naming
from planner.io.cluster_document import cluster_document, cluster_from_document
from planner.io.documents import dump_document, parse_json, parse_toml
from planner.io.files import as_path, read_text, write_atomically
from planner.model.cluster import Cluster

__all__ = ["read_cluster", "write_cluster"]


def read_cluster(path: str | os.PathLike[str]) -> Cluster:
    """Read a cluster from a TOML file, a JSON file of the same keys, or the plan that was made for it.

    ::

        overhead = "2ms"                  # fixed cost of every task

        [network]
        latency = "0.5ms"
        bandwidth = "1Gbit"

        [[network.links]]                 # where it differs between two hosts
        hosts = ["a", "b"]
        bandwidth = "10Gbit"

        [[executors]]
        id = "gpu"                        # numbered from 0 when left out
        host = "a"
        kind = "gpu"
        slots = 1
        speed = 8.0
        speeds = {embed = 20.0}           # for tasks of a kind, where it is another
        memory = "16GB"

        [[executors]]
        count = 4                         # so many of them: cpu-0, cpu-1, …
        id = "cpu"
        host = "b"
        slots = 2

    Raises
    ------
    InputError
        With every fault.
    """
    file = as_path(path)
    text = read_text(file)
    with naming(file):
        faults = Faults()
        document = parse_json(text, faults) if text.lstrip()[:1] == "{" else parse_toml(text, faults)
        if isinstance(document, dict) and str(document.get("format", "")).startswith("planner.plan/"):
            document = document.get("cluster")
        return cluster_from_document(document, faults)


def write_cluster(cluster: Cluster, path: str | os.PathLike[str], *, about: str = "") -> None:
    """Write a cluster: JSON when the name ends in ``.json``, else TOML.

    Parameters
    ----------
    cluster : Cluster
    path : path-like
    about : str
        Lines for people, which begin a TOML file as its comment; JSON has no place for them.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    file, document = as_path(path), cluster_document(cluster)
    comment = [f"# {line}".rstrip() for line in about.splitlines()]
    data = dump_document(document) if file.suffix == ".json" else "\n".join([*comment, *_toml(document), ""]).encode()
    write_atomically(file, lambda out: out.write(data))


def _toml(table: dict[str, Any], name: str = "") -> Iterator[str]:
    """Write plain keys first, since all that follows the head of a table belongs to it."""
    for key, value in table.items():
        if not isinstance(value, dict) and not _is_tables(value):
            yield f"{_toml_key(key)} = {_toml_value(value)}"
    for key, value in table.items():
        inner = f"{name}.{_toml_key(key)}" if name else _toml_key(key)
        if isinstance(value, dict):
            yield from ("", f"[{inner}]", *_toml(value, inner))
        elif _is_tables(value):
            for entry in value:
                yield from ("", f"[[{inner}]]", *_toml(entry, inner))


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _toml_value(value: Any) -> str:
    """Give text, numbers and lists of text as TOML, which takes JSON's text but for one character."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
