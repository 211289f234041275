"""ONNX models for tests: published topologies with drawn weights, and small ones that have one awkward thing each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from planner.submodels import LoadedStage, OnnxModel, StageFile, input_shapes, sample_batch

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
"""Published topologies without weights, which ONNX's package ships."""
TOPOLOGIES = ("bvlc_alexnet", "inception_v1", "resnet50", "squeezenet")

Batch = Mapping[str, NDArray[Any]]


def parsed(path: Path, text: str, weights: Mapping[str, NDArray[Any]] | None = None) -> Path:
    """Write a model that is given in ONNX's text form, with weights beside it."""
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in (weights or {}).items())
    onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)
    return path


def through(files: Sequence[StageFile], batch: Batch, *, optimize: bool = False) -> dict[str, NDArray[Any]]:
    """Send a batch through all stages."""
    values = dict(batch)
    for file in files:
        values = LoadedStage(file.path, optimize=optimize)(values)
    return values


def whole(model: OnnxModel, batch: Batch, *, optimize: bool = False) -> dict[str, NDArray[Any]]:
    """Run a model as it was read, by ONNX Runtime alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(batch)), strict=True))


def same_bits(one: Batch, other: Batch) -> bool:
    """Tell whether two batches are the same, to the last bit."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


def prefix_cut(model: OnnxModel, *ends: int) -> list[int]:
    """Give the cut after the first so many layers, for each number."""
    return np.searchsorted(ends, range(len(model.layers)), side="right").tolist()


def head(name: str) -> str:
    """Give the head of a model in text form; `name` is its graph's."""
    return f'<ir_version: 9, opset_import: ["": 20, "com.microsoft": 1, "local": 1]> {name} '


AWKWARD: dict[str, tuple[str, dict[str, NDArray[Any]]]] = {
    "a branch that captures": (
        """(float[b, 4] x, bool c) => (float[b, 4] y) {
            a = MatMul(x, w)
            k = Relu(a)
            t = If(c) <
                then_branch = yes () => (float[b, 4] p) { q = Add(k, v) p = Neg(q) },
                else_branch = no () => (float[b, 4] r) { s = MatMul(a, w) r = Mul(s, v) }
            >
            y = Add(t, x)
        }""",
        {"w": np.arange(16, dtype=np.float32).reshape(4, 4) / 7, "v": np.ones(4, np.float32) / 3},
    ),
    "a loop that captures": (
        """(float[b, 4] x) => (float[b, 4] y) {
            times = Constant <value_int = 3> ()
            on = Constant <value = bool {1}> ()
            k = Sin(x)
            l = Loop(times, on, x) <
                body = one (int64 i, bool before, float[b, 4] h) => (bool after, float[b, 4] n) {
                    after = Identity(before)
                    m = Mul(h, v)
                    n = Add(m, k)
                }
            >
            y = Exp(l)
        }""",
        {"v": np.full(4, 0.3, np.float32)},
    ),
    "inputs and outputs": (
        """(float[b, 4] x, float[b, 4] z, float[b, 4] idle)
            => (float[b, 4] y, float[b, 4] m, float[b, 4] z, float[4] v, float[4] u) {
            m = Tanh(x)
            a = Add(m, z)
            u = Neg(v)
            y = Mul(a, u)
        }""",
        {"v": np.full(4, 0.3, np.float32)},
    ),
    "constants of constants": (
        """(float[b, 4] x) => (float[b, 4] y) {
            shape = Constant <value = int64[2] {4, 4}> ()
            ones = ConstantOfShape <value = float[1] {0.7}> (shape)
            both = Add(ones, w)
            half, other = Split <axis = 0, num_outputs = 2> (both)
            a = MatMul(x, both)
            c = MatMul(a, both)
            d, e = Split <axis = 1, num_outputs = 2> (c)
            f = MatMul(d, half)
            g = MatMul(e, other)
            y = Add(f, g)
        }""",
        {"w": np.arange(16, dtype=np.float32).reshape(4, 4) / 7},
    ),
    "functions": (
        """(float[b, 4] x) => (float[b, 4] y) {
            a = local.twice(x)
            c = Sin(a)
            y = local.twice(c)
        }
        <opset_import: ["": 20], domain: "local">
        twice (p) => (q) {
            two = Constant <value_float = 2.0> ()
            r = Mul(p, two)
            q = Sigmoid(r)
        }""",
        {},
    ),
    "a sequence": (
        """(float[b, 4] x) => (float[c, 4] y) {
            a = Sin(x)
            d = Cos(x)
            s = SequenceConstruct(a, d)
            e = ConcatFromSequence <axis = 0> (s)
            y = Exp(e)
        }""",
        {},
    ),
    "operators of the runtime": (
        """(float[b, 4] x) => (y) {
            a = com.microsoft.FusedMatMul(x, w)
            y = com.microsoft.QuickGelu(a)
        }""",
        {"w": np.arange(16, dtype=np.float32).reshape(4, 4) / 7},
    ),
    "shapes of an earlier version": (
        """(float[b, 4] x) => (float[7, 5] y) <float[1, 4] a, float[3, 9] c> {
            a = Sin(x)
            c = Cos(a)
            y = Exp(c)
        }""",
        {},
    ),
    "types of weights that are stated": (
        """(float[b, 4] x) => (float[c, 1] y)
        <int64[1] start, int64[1] end, int64[1] axis, float[b, 4] a, float[b, 1] d> {
            a = Sin(x)
            d = Slice(a, start, end, axis)
            y = Exp(d)
        }""",
        {name: np.array([place]) for name, place in (("start", 2), ("end", 3), ("axis", 1))},
    ),
    "out of order": (
        """(float[b, 4] x) => (float[b, 4] y) {
            y = Exp(c)
            c = Cos(a)
            a = Sin(x)
        }""",
        {},
    ),
    "large weights of a branch": (
        """(float[b, 4] x, bool c) => (float[b, 400] y) {
            a = Sin(x)
            t = If(c) <
                then_branch = yes () => (float[b, 400] p) { p = MatMul(a, w) },
                else_branch = no () => (float[b, 400] r) { r = Gemm(a, w, v) }
            >
            y = Neg(t)
        }""",
        {
            "w": np.random.default_rng(0).standard_normal((4, 400)).astype(np.float32),
            "v": np.random.default_rng(1).standard_normal(400).astype(np.float32),
        },
    ),
}
"""Models in text form, without their heads, each with its weights."""


def awkward(name: str, folder: Path) -> Path:
    """Write one of the awkward models."""
    text, weights = AWKWARD[name]
    return parsed(folder / "awkward.onnx", head("awkward") + text, weights)


def some_batch(model: OnnxModel, rows: int = 3) -> dict[str, NDArray[Any]]:
    """Give a batch with an axis of any size that is `rows` long."""
    return sample_batch(model, input_shapes(model, {"batch": rows}))
