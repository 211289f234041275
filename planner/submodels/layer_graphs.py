"""From a model and what was measured of it to the graph that a plan is made for, and back once more."""

from __future__ import annotations

from collections.abc import Mapping

from planner.model.layers import LayerGraph
from planner.submodels.onnx_model import OnnxModel
from planner.submodels.profiling import Profile
from planner.submodels.tensor_data import is_tensor

__all__ = ["layer_graph", "working_bytes"]

LOADED = 2.1
"""Memory that a stage takes at the most for each byte of its weights. Measured: 1.1 where they are multiplied as
matrices, 2.05 for convolutions, which are laid out anew while the file is still mapped."""
LOADED_CONVOLUTION = 3.7
"""The same for convolutions that a batch normalisation follows: ONNX Runtime makes one of both, and lays that out."""
CONVOLUTIONS = frozenset(("Conv", "ConvTranspose"))
SESSION_BYTES = 16 * 10**6
"""What ONNX Runtime takes for a stage, whatever its size; 12 to 14 MB were measured."""
PROCESS_BYTES = 128 * 10**6
"""A Python process that has numpy, pyarrow, ONNX and ONNX Runtime loaded, and no stage; 102 to 115 MB were measured."""
ARENA = 2
"""Memory for values comes in blocks that double, so up to twice of what is needed is taken; 1.7 was measured."""


def layer_graph(model: OnnxModel, profile: Profile) -> LayerGraph:
    """Give a model as a graph of layers, for planning.

    A layer's memory is what the constants it reads take when a stage is loaded, and each reader of a shared one counts
    all of it: a stage holds no more than the sum. What is not in it: `working_bytes`, once for each process.
    Layers between which something goes that is no tensor are of one class, and stay together.

    Parameters
    ----------
    model : OnnxModel
    profile : Profile
        Of this model.
    """
    edges = [
        (model.producer[value], i)
        for i, layer in enumerate(model.layers)
        for value in layer.takes
        if value in model.producer
    ]
    read = {value for layer in model.layers for value in layer.takes}
    weights = [sum(map(model.constant_bytes, layer.constants)) for layer in model.layers]
    return LayerGraph.from_arrays(
        [layer.name for layer in model.layers],
        time_ns=profile.time_ns,
        source=[giver for giver, _ in edges],
        target=[taker for _, taker in edges],
        memory_bytes=[round(factor * size) for factor, size in zip(_factors(model), weights, strict=True)],
        output_bytes=[
            sum(profile.value_bytes.get(value, 0) for value in layer.gives if value in read) for layer in model.layers
        ],
        color_class=_classes(model),
    )


def working_bytes(model: OnnxModel, value_bytes: Mapping[str, int]) -> int:
    """Give what a process needs besides the weights of its stage: for itself, ONNX Runtime, and a micro-batch.

    Each value is counted from when it is computed until its last reader ran, with layers in their order, and the most
    of this is taken for every stage.

    Parameters
    ----------
    model : OnnxModel
    value_bytes : mapping of str to int
        As a profile has it.
    """
    last = {value: i for i, layer in enumerate(model.layers) for value in layer.takes}
    last |= dict.fromkeys(model.outputs, len(model.layers))
    held = sum(value_bytes.get(name, 0) for name in model.inputs)
    most = held
    for i, layer in enumerate(model.layers):
        held += sum(value_bytes.get(value, 0) for value in layer.gives)
        most = max(most, held)
        done = {value for value in (*layer.takes, *layer.gives) if last.get(value, i) == i}
        held -= sum(value_bytes.get(value, 0) for value in done)
    return PROCESS_BYTES + SESSION_BYTES + ARENA * most


def _factors(model: OnnxModel) -> list[float]:
    normalised = {layer.takes[0] for layer in model.layers if layer.node.op_type == "BatchNormalization"}
    return [
        LOADED_CONVOLUTION if layer.node.op_type in CONVOLUTIONS and normalised & {*layer.gives} else LOADED
        for layer in model.layers
    ]


def _classes(model: OnnxModel) -> list[int]:
    """Give layers that a value joins which cannot leave a stage the same number."""
    classes = list(range(len(model.layers)))
    for i, layer in enumerate(model.layers):
        for value in layer.takes:
            if value in model.producer and not is_tensor(model.types.get(value)):
                joined = {classes[i], classes[model.producer[value]]}
                classes = [min(joined) if number in joined else number for number in classes]
    return classes
