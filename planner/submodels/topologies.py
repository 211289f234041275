"""Real architectures with made-up weights, as ONNX files: for jobs and tests that must not download anything.

Weights are drawn with a fixed seed and scaled such that values keep their size from layer to layer. The networks have
learnt nothing; what they cost, hold and send is what a trained one of the same shape costs, holds and sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.submodels.libraries import onnx

__all__ = ["residual_network", "transformer"]

OPSET = 20
"""The version of ONNX's operators that has layer normalisation and GELU."""
IR_VERSION = 9
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


@dataclass
class _Network:
    """Nodes and weights as they are added, one after the other."""

    draw: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add a node of one output, and give the output's name."""
        self.nodes.append(onnx.helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.weights.append(onnx.numpy_helper.from_array(values, name))
        return name

    def normal(self, name: str, *shape: int, scale: float) -> str:
        return self.constant(name, self.draw.standard_normal(shape, np.float32) * np.float32(scale))

    def save(
        self, path: Path, name: str, inputs: Mapping[str, tuple[int, Sequence[Any]]], output: tuple[str, Sequence[Any]]
    ) -> Path:
        graph = onnx.helper.make_graph(
            self.nodes,
            name,
            [onnx.helper.make_tensor_value_info(key, kind, shape) for key, (kind, shape) in inputs.items()],
            [onnx.helper.make_tensor_value_info(output[0], FLOAT, output[1])],
            self.weights,
        )
        opset = onnx.helper.make_opsetid("", OPSET)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="planner")
        onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)
        return path


def transformer(
    path: str | Path,
    *,
    layers: int = 4,
    width: int = 256,
    heads: int = 4,
    vocabulary: int = 8192,
    longest: int = 512,
    seed: int = 0,
) -> Path:
    """Write an encoder of the BERT kind: embeddings, attention, layer norm and GELU, and the mean over all tokens.

    It takes ``ids`` and ``mask`` (1 for tokens, 0 for padding), int64 of shape (batch, sequence), and gives
    ``embedding``, float32 of shape (batch, width) and of length 1.

    Parameters
    ----------
    path : str or Path
        The file; weights go into ``PATH.data`` beside it.
    layers, width, heads : int
        Encoder layers; the size of a token's vector, divisible by `heads`.
    vocabulary, longest : int
        Tokens that there are; the longest sequence.
    seed : int

    Returns
    -------
    Path

    References
    ----------
    Devlin, Chang, Lee, Toutanova. BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
    NAACL 2019, doi:10.18653/v1/N19-1423.
    """
    path = Path(path)
    net = _Network(np.random.default_rng(seed))
    for name, values in (("zero", [0]), ("one", [1]), ("last", [-1])):
        net.constant(name, np.array(values, np.int64))
    net.constant("heads", np.array([0, 0, heads, width // heads], np.int64))
    net.constant("joined", np.array([0, 0, width], np.int64))
    net.constant("scale", np.array(1 / np.sqrt(width // heads), np.float32))
    net.constant("blocked", np.array(-1e4, np.float32))
    net.constant("unit", np.array(1, np.float32))
    length = net.add("Shape", "ids", name="length", start=1, end=2)
    positions = net.add("Slice", net.normal("positions", longest, width, scale=0.5), "zero", length, name="position")
    words = net.add("Gather", net.normal("words", vocabulary, width, scale=1.0), "ids", name="word")
    hidden = _layer_norm(net, net.add("Add", words, positions, name="embedded"), "embedding_norm", width)
    mask = net.add("Cast", "mask", name="real", to=FLOAT)
    absent = net.add("Sub", "unit", mask, name="absent")
    bias = net.add(
        "Unsqueeze",
        net.add("Mul", absent, "blocked", name="bias"),
        net.constant("axes", np.array([1, 2])),
        name="bias4",
    )
    for i in range(layers):
        hidden = _encoder(net, hidden, bias, f"encoder{i}", width)
    weighed = net.add("Mul", hidden, net.add("Unsqueeze", mask, "last", name="real3"), name="weighed")
    total = net.add("ReduceSum", weighed, "one", name="total", keepdims=0)
    net.add("LpNormalization", total, name="embedding", axis=-1, p=2)
    shape = ["batch", "sequence"]
    inputs = {"ids": (INT, shape), "mask": (INT, shape)}
    return net.save(path, "transformer", inputs, ("embedding", ["batch", width]))


def _encoder(net: _Network, hidden: str, bias: str, at: str, width: int) -> str:
    """Add self-attention and a feed-forward part, each with a residual connection and a layer norm after it."""
    parts = {}
    for part, turn in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        flat = _dense(net, hidden, f"{at}.{part}", width, width)
        split = net.add("Reshape", flat, "heads", name=f"{at}.{part}.heads")
        parts[part] = net.add("Transpose", split, name=f"{at}.{part}.turned", perm=turn)
    scores = net.add("MatMul", parts["query"], parts["key"], name=f"{at}.scores")
    scaled = net.add("Mul", scores, "scale", name=f"{at}.scaled")
    masked = net.add("Add", scaled, bias, name=f"{at}.masked")
    shares = net.add("Softmax", masked, name=f"{at}.shares", axis=-1)
    mixed = net.add("MatMul", shares, parts["value"], name=f"{at}.mixed")
    turned = net.add("Transpose", mixed, name=f"{at}.mixed.turned", perm=[0, 2, 1, 3])
    joined = net.add("Reshape", turned, "joined", name=f"{at}.joined")
    attended = net.add("Add", _dense(net, joined, f"{at}.out", width, width), hidden, name=f"{at}.attended")
    normal = _layer_norm(net, attended, f"{at}.norm1", width)
    wide = net.add("Gelu", _dense(net, normal, f"{at}.up", width, 4 * width), name=f"{at}.gelu")
    fed = net.add("Add", _dense(net, wide, f"{at}.down", 4 * width, width), normal, name=f"{at}.fed")
    return _layer_norm(net, fed, f"{at}.norm2", width)


def _dense(net: _Network, value: str, at: str, inside: int, outside: int) -> str:
    weight = net.normal(f"{at}.weight", inside, outside, scale=1 / np.sqrt(inside))
    product = net.add("MatMul", value, weight, name=f"{at}.product")
    return net.add("Add", product, net.normal(f"{at}.bias", outside, scale=0.02), name=at)


def _layer_norm(net: _Network, value: str, at: str, width: int) -> str:
    gain = net.constant(f"{at}.gain", np.float32(1) + np.float32(0.1) * net.draw.standard_normal(width, np.float32))
    return net.add("LayerNormalization", value, gain, net.normal(f"{at}.bias", width, scale=0.02), name=at, axis=-1)


def residual_network(
    path: str | Path,
    *,
    blocks: Sequence[int] = (2, 2, 2, 2),
    width: int = 64,
    classes: int = 1000,
    seed: int = 0,
) -> Path:
    """Write an image classifier of the ResNet kind, with the 18 layers of ResNet-18 unless told otherwise.

    It takes ``pixels``, float32 of shape (batch, 3, height, width), any height and width from 32 on, and gives
    ``probabilities``, float32 of shape (batch, classes).

    Parameters
    ----------
    path : str or Path
        The file; weights go into ``PATH.data`` beside it.
    blocks : sequence of int
        Blocks of two convolutions in each group; every group but the first halves the image and doubles the channels.
    width : int
        Channels of the first group.
    classes : int
    seed : int

    Returns
    -------
    Path

    References
    ----------
    He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016, doi:10.1109/CVPR.2016.90.
    """
    path = Path(path)
    net = _Network(np.random.default_rng(seed))
    value = _convolution(net, "pixels", "stem", 3, width, size=7, stride=2)
    value = net.add("Relu", value, name="stem.relu")
    value = net.add("MaxPool", value, name="stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = width
    for group, count in enumerate(blocks):
        for block in range(count):
            outside, stride = width * 2**group, 2 if group and not block else 1
            value = _block(net, value, f"group{group}.block{block}", channels, outside, stride)
            channels = outside
    pooled = net.add("Flatten", net.add("GlobalAveragePool", value, name="pooled"), name="flat")
    weight = net.normal("head.weight", channels, classes, scale=1 / np.sqrt(channels))
    scores = net.add("Gemm", pooled, weight, net.normal("head.bias", classes, scale=0.02), name="head")
    net.add("Softmax", scores, name="probabilities", axis=-1)
    inputs = {"pixels": (FLOAT, ["batch", 3, "height", "width"])}
    return net.save(path, "residual_network", inputs, ("probabilities", ["batch", classes]))


def _block(net: _Network, value: str, at: str, inside: int, outside: int, stride: int) -> str:
    """Add two convolutions and the way around them."""
    first = net.add("Relu", _convolution(net, value, f"{at}.first", inside, outside, stride=stride), name=f"{at}.relu1")
    second = _convolution(net, first, f"{at}.second", outside, outside)
    if (inside, stride) != (outside, 1):
        value = _convolution(net, value, f"{at}.around", inside, outside, size=1, stride=stride)
    return net.add("Relu", net.add("Add", second, value, name=f"{at}.sum"), name=f"{at}.relu2")


def _convolution(
    net: _Network, value: str, at: str, inside: int, outside: int, *, size: int = 3, stride: int = 1
) -> str:
    """Add a convolution without bias and a batch normalisation."""
    weight = net.normal(f"{at}.weight", outside, inside, size, size, scale=np.sqrt(1 / (inside * size * size)))
    shape = {"kernel_shape": [size, size], "strides": [stride, stride], "pads": [size // 2] * 4}
    convolved = net.add("Conv", value, weight, name=f"{at}.convolved", **shape)
    gain = net.constant(f"{at}.gain", net.draw.uniform(0.8, 1.2, outside).astype(np.float32))
    offset, mean = (net.normal(f"{at}.{part}", outside, scale=0.1) for part in ("offset", "mean"))
    variance = net.constant(f"{at}.variance", net.draw.uniform(0.5, 1.5, outside).astype(np.float32))
    return net.add("BatchNormalization", convolved, gain, offset, mean, variance, name=at)
