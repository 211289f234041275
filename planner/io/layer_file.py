"""Read the layers of a model from a published profile, recognised by what is in the file."""

from __future__ import annotations

import os

from planner.errors import InputError
from planner.io.checks import Faults, naming
from planner.io.dnn_partitioning import Workload, is_dnn_partitioning, layers_of_workload
from planner.io.documents import parse_json
from planner.io.files import as_path, read_text
from planner.io.pipedream import is_pipedream, parse_pipedream

__all__ = ["KNOWN", "Workload", "read_layers"]

KNOWN = "a workload of dnn-partitioning (JSON) or a profile of PipeDream (graph.txt)"


def read_layers(path: str | os.PathLike[str]) -> Workload:
    """Read a profile. Nothing that the file names is imported or run.

    Raises
    ------
    InputError
        With every fault, each with the file and its place in it.
    """
    file = as_path(path)
    text = read_text(file)
    with naming(file):
        if text.lstrip()[:1] == "{":
            faults = Faults()
            document = parse_json(text, faults)
            if not is_dnn_partitioning(document):
                raise InputError(f"is no model: it has no nodes and maxFPGAs; expected {KNOWN}")
            return layers_of_workload(document, faults)
        if not is_pipedream(text):
            raise InputError(f"is no model; expected {KNOWN}")
        return Workload(parse_pipedream(text))
