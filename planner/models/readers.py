"""Where models come from: the first reader that takes what is given reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from planner.errors import Fault, InputError
from planner.io.layer_file import KNOWN, read_layers
from planner.models.callables import is_chain, read_callables
from planner.models.measured_model import read_onnx_model
from planner.models.model import Model

__all__ = ["READERS", "Reader", "read_model"]


class Reader(NamedTuple):
    """What a reader reads, in words; whether it takes a source; and how it makes a model of it."""

    reads: str
    takes: Callable[[Any], bool]
    read: Callable[..., Model]


def read_model(source: Any, **settings: Any) -> Model:
    """Read a model. Reading a profile never runs what is in it; an ONNX model is measured here, layer by layer.

    Parameters
    ----------
    source : str or path, or what another reader takes
        An ONNX model, ``.onnx``. A profile: a workload of dnn-partitioning, or PipeDream's ``graph.txt``; the content
        decides, not the name. A list of callables that follow one another.
    **settings
        What its reader takes besides: for ONNX those of `planner.models.measured_model.read_onnx_model`, above all
        ``sizes={"batch": 32, "sequence": 128}`` for axes that the file leaves open; none for profiles; for
        callables those of `planner.models.callables.read_callables`, above all ``batch``, with which they are measured.

    Raises
    ------
    InputError
        If no reader takes it, or with every fault of the file.
    """
    for reader in READERS:
        if reader.takes(source):
            return reader.read(source, **settings)
    known = "; ".join(reader.reads for reader in READERS)
    raise InputError([Fault("model", f"is {type(source).__name__} {source!r:.60}; expected one of: {known}")])


def _is_path(source: Any) -> bool:
    return isinstance(source, str | os.PathLike)


def _read_profile(source: str | os.PathLike[str], **settings: Any) -> Model:
    if settings:
        raise InputError([Fault(name, "is given, and a profile takes no settings") for name in settings])
    layers, executors, hosts, memory_bytes = read_layers(source)
    return Model(layers, Path(source).name, executors, hosts, memory_bytes)


def _is_onnx(source: Any) -> bool:
    return _is_path(source) and os.fspath(source).lower().endswith(".onnx")


READERS: tuple[Reader, ...] = (
    Reader("an ONNX model", _is_onnx, read_onnx_model),
    Reader(KNOWN, _is_path, _read_profile),
    Reader("a list of callables", is_chain, read_callables),
)
"""In the order in which they are asked; that of profiles takes any path."""
