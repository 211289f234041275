"""A published topology that comes without its weights, with weights that were drawn."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.submodels.libraries import onnx

__all__ = ["with_made_up_weights"]


def with_made_up_weights(source: str | Path, target: str | Path, seed: int = 0) -> Path:
    """Write a model again, with drawn weights in place of those that are one number throughout.

    ONNX's own package ships topologies such as ResNet-50 in this form: each weight is a ``ConstantOfShape`` node. What
    is drawn is scaled by what reads it, so that values neither vanish nor grow over the layers.

    Parameters
    ----------
    source, target : str or Path
        ONNX files; weights of the second go into ``TARGET.data`` beside it.
    seed : int

    Returns
    -------
    Path
        The second.
    """
    model, target, draw = onnx.load_model(source), Path(target), np.random.default_rng(seed)
    graph = model.graph
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    empty = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    for node in empty:
        shape = tuple(map(int, shapes[node.input[0]]))
        graph.initializer.append(
            onnx.numpy_helper.from_array(_drawn(node.output[0], shape, graph.node, draw), node.output[0])
        )
        graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    _keep(graph.initializer, read)
    _keep(graph.input, read)
    model.ir_version = max(model.ir_version, 4)  # from 4 on, weights need not be listed as inputs
    onnx.save_model(model, target, save_as_external_data=True, location=f"{target.name}.data", size_threshold=1024)
    return target


def _drawn(
    name: str, shape: tuple[int, ...], nodes: Iterable[onnx.NodeProto], draw: np.random.Generator
) -> NDArray[np.float32]:
    """Draw a weight for its first reader."""
    reader, place = next((node, list(node.input).index(name)) for node in nodes if name in node.input)
    match reader.op_type, place:
        case ("BatchNormalization", 4):  # variance
            values: NDArray[Any] = draw.uniform(0.5, 1.5, shape)
        case ("BatchNormalization", 1):  # gain: what residual connections add up stays in bounds
            values = draw.uniform(0.5, 0.9, shape)
        case ("Mul", _):
            values = draw.uniform(0.8, 1.2, shape)
        case ("Conv" | "Gemm" | "MatMul", 1):
            values = draw.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        case _:
            values = draw.standard_normal(shape, np.float32) * np.float32(0.1)
    return values.astype(np.float32)


def _keep(entries: MutableSequence[Any], names: set[str]) -> None:
    for entry in [entry for entry in entries if entry.name not in names]:
        entries.remove(entry)
