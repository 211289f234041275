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

from planner.submodels import OnnxModel, Stage, StageFile

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
        values = Stage(file.path, optimize=optimize)(values)
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
