r"""Profiles of PipeDream: a line a layer with its times and sizes, and an indented line an edge.

``node1 -- Conv2d(3, 64) -- forward_compute_time=1.5, backward_compute_time=3, activation_size=100, parameter_size=9``;
times in milliseconds, sizes in bytes, several outputs as ``[1.0; 2.0]``. Source: github.com/msr-fiddle/pipedream,
published with D. Narayanan et al., PipeDream, SOSP 2019, doi:10.1145/3341301.3359646. As there, what inputs take is not
counted: they are where they are needed.
"""

from __future__ import annotations

import math
import re

from planner.io.checks import Faults, show
from planner.model.layers import LayerGraph

__all__ = ["is_pipedream", "parse_pipedream"]

_COLUMNS = ("forward_compute_time", "backward_compute_time", "activation_size", "parameter_size")
_VALUES = re.compile(r"(\w+)=(\[[^\]]*\]|[^,]*)(?:, |,|$)")
_NS_PER_MS = 1e6
_BOTH_WAYS = 2
"""An activation goes forth, and its gradient, which is as large, comes back."""


def is_pipedream(text: str) -> bool:
    """Tell whether there is a line of a layer.

    Examples
    --------
    >>> is_pipedream("node1 -- ReLU() -- forward_compute_time=1.0"), is_pipedream("3 1")
    (True, False)
    """
    return re.search(r"^\S+ -- .* -- .*forward_compute_time=", text, re.MULTILINE) is not None


def parse_pipedream(text: str) -> LayerGraph:
    r"""Give the graph of a profile: forward and backward pass of a layer are one.

    Raises
    ------
    InputError
        With every fault and its line.

    Examples
    --------
    >>> times = "forward_compute_time=1, backward_compute_time=2, activation_size=8, parameter_size=0"
    >>> parse_pipedream(f"a -- Conv() -- {times}\nb -- View() -- {times}\n\ta -- b\n")
    LayerGraph(2 layers, 1 edges, 0.006 s a micro-batch)
    """
    faults = Faults()
    index: dict[str, int] = {}
    names: list[str] = []
    rows: list[list[float]] = []
    edges: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip().split(" -- ")
        if not line.strip():
            continue
        if line[:1].isspace():
            edges.append((number, words))
            continue
        if len(words) < 3:
            faults.add(f"line {number}", f"is {show(line)}; expected NODE -- DESCRIPTION -- VALUES")
            continue
        what = " -- ".join(words[1:-1])
        if index.setdefault(words[0], len(names)) != len(names):
            faults.add(f"line {number}", f"node {show(words[0])} stands in a line before; expected it once")
            continue
        names.append(f"{words[0]} {what}")
        rows.append(_values(f"line {number}", words[-1], faults, counts=not what.startswith("Input")))
    source, target = _ends(edges, index, faults)
    faults.raise_if_any()
    forward, backward, activation, parameters = (
        (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 4
    )
    memory = [held + shown for held, shown in zip(parameters, activation, strict=True)]
    return LayerGraph.from_arrays(
        names,
        time_ns=[(forth + back) * _NS_PER_MS for forth, back in zip(forward, backward, strict=True)],
        memory_bytes=memory,
        output_bytes=[_BOTH_WAYS * size for size in activation],
        sync_bytes=parameters,
        source=source,
        target=target,
    )


def _values(path: str, text: str, faults: Faults, *, counts: bool) -> list[float]:
    found = {name: value for name, value in _VALUES.findall(text.strip())}
    row = []
    for column in _COLUMNS:
        if column not in found:
            faults.add(path, f"{column} is missing; expected {', '.join(_COLUMNS)}", also=True)
            continue
        try:
            value = sum(map(float, found[column].strip("[]").split(";")))
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            faults.add(path, f"{column} is {show(found[column])}; expected a number >= 0", also=True)
        row.append(value if counts else 0.0)
    return row if len(row) == len(_COLUMNS) else [0.0] * len(_COLUMNS)


def _ends(edges: list[tuple[int, list[str]]], index: dict[str, int], faults: Faults) -> tuple[list[int], list[int]]:
    source, target = [], []
    for number, words in edges:
        if len(words) != 2:
            faults.add(f"line {number}", f"is {show(' -- '.join(words))}; expected an edge NODE -- NODE")
        elif unknown := [word for word in words if word not in index]:
            faults.add(f"line {number}", f"there is no node {show(unknown[0])}; expected one of this file")
        else:
            source.append(index[words[0]])
            target.append(index[words[1]])
    return source, target
