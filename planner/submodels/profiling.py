"""How long each layer of a model takes, and how large its values are, as ONNX Runtime measures them here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import Fault, InputError
from planner.model.arrays import Int64
from planner.submodels.libraries import onnx
from planner.submodels.onnx_model import Layer, OnnxModel
from planner.submodels.sessions import open_session
from planner.submodels.stage_files import StageFile, write_stages
from planner.submodels.tensor_data import is_tensor, type_bytes
from planner.submodels.value_types import concrete_bytes

__all__ = ["Profile", "parts", "profile_layers", "sample_batch"]

NAME = "planner/"
"""What the names of nodes begin with while they are measured; a number follows."""
EVENT = "_kernel_time"
"""What ONNX Runtime adds to a node's name where it tells the node's time."""
NS_PER_US = 1000


@dataclass(frozen=True, eq=False)
class Profile:
    """What the layers of a model took for one micro-batch.

    Attributes
    ----------
    time_ns : ndarray of int64, shape (n,)
        Nanoseconds of each layer, the median over `runs`, in whole microseconds; nothing was fused.
        0 where ONNX Runtime did without it, as with casts there and back.
    value_bytes : mapping of str to int
        Of all inputs and values that are tensors.
    shapes : mapping of str to tuple of int
        Of the inputs.
    runs, threads : int
    """

    time_ns: Int64
    value_bytes: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    runs: int
    threads: int


def sample_batch(model: OnnxModel, shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Make up a micro-batch: standard normal numbers, or zeros and ones where a model takes whole numbers.

    Parameters
    ----------
    model : OnnxModel
    shapes : mapping of str to tuple of int
        Of all inputs, as `planner.submodels.value_types.input_shapes` gives them.
    seed : int

    Raises
    ------
    InputError
        If an input is text, which cannot be made up.
    """
    draw, batch = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        element = model.types[name].tensor_type.elem_type
        if element == onnx.TensorProto.STRING:
            raise InputError(
                [Fault(f"inputs[{name!r}]", "is text, which cannot be made up; expected a batch of yours")]
            )
        kind = onnx.helper.tensor_dtype_to_np_dtype(element)
        numbers = draw.standard_normal(shape) if np.issubdtype(kind, np.inexact) else draw.integers(0, 2, shape)
        batch[name] = np.asarray(numbers).astype(kind)
    return batch


def profile_layers(
    model: OnnxModel,
    batch: Mapping[str, NDArray[Any]],
    *,
    runs: int = 10,
    warm_up: int = 3,
    threads: int = 1,
    part_bytes: int = 2**30,
) -> Profile:
    """Measure a model in this process, a part of it at a time; its weights are copied into a temporary folder for that.

    Parameters
    ----------
    model : OnnxModel
    batch : mapping of str to ndarray
        A micro-batch: all inputs of the model.
    runs, warm_up : int
        Runs that count, and runs before them that do not.
    threads : int
        That one operator may use.
    part_bytes : int
        Bytes of weights that are loaded at once, if no single layer has more; so a model may be larger than memory.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        If inputs are missing, numbers are too small, or ONNX Runtime cannot load or run the model.
    """
    wanted = f"is missing; expected {', '.join(model.inputs)}"
    faults = [Fault(f"batch[{name!r}]", wanted) for name in model.inputs if name not in batch]
    for name, number, least in (("runs", runs, 1), ("warm_up", warm_up, 0), ("threads", threads, 1)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            faults.append(Fault(name, f"is {number!r}; expected a whole number from {least} on"))
    if faults:
        raise InputError(faults)
    times = np.zeros(len(model.layers), np.int64)
    shapes = {name: np.shape(batch[name]) for name in model.inputs}
    sizes = concrete_bytes(model, shapes) | {name: int(np.asarray(batch[name]).nbytes) for name in model.inputs}
    values: dict[str, NDArray[Any]] = dict(batch)
    with TemporaryDirectory() as folder:
        for file in write_stages(_numbered(model), parts(model, part_bytes), Path(folder)):
            try:
                values, events = _run(file, values, runs + warm_up, threads)
            except InputError as error:
                raise _named(error, model, file.path) from error
            for i in file.layers:
                layer, records = model.layers[i], events.get(f"{NAME}{i}{EVENT}")
                if not records:
                    continue
                times[i] = NS_PER_US * np.median([record["dur"] for record in records[warm_up:]])
                sizes |= _sizes(model, layer, records[-1]["args"].get("output_type_shape", []))
    return Profile(time_ns=times, value_bytes=sizes, shapes=shapes, runs=runs, threads=threads)


def parts(model: OnnxModel, part_bytes: int) -> list[int]:
    """Cut a model into runs of layers of so many bytes of weights, where a cut is possible at all."""
    ends: dict[str, int] = {}
    for i, layer in enumerate(model.layers):
        ends |= {value: i for value in layer.takes if not is_tensor(model.types.get(value))}
    stage, held, inside, whole_until = list[int](), 0, set[str](), -1
    for i, layer in enumerate(model.layers):
        new = set(layer.constants) - inside
        size = sum(model.constant_bytes(name) for name in new)
        if stage and held + size > part_bytes and i > whole_until:
            stage.append(stage[-1] + 1)
            held, inside = size, set(layer.constants)
        else:
            stage.append(stage[-1] if stage else 0)
            held, inside = held + size, inside | new
        whole_until = max([whole_until, *(ends[value] for value in layer.gives if value in ends)])
    return stage


def _numbered(model: OnnxModel) -> OnnxModel:
    """Give the model with nodes that are named by their positions."""
    layers = []
    for i, layer in enumerate(model.layers):
        node = onnx.NodeProto()
        node.CopyFrom(layer.node)
        node.name = f"{NAME}{i}"
        layers.append(replace(layer, node=node))
    return replace(model, layers=tuple(layers))


def _run(
    file: StageFile, values: Mapping[str, NDArray[Any]], times: int, threads: int
) -> tuple[dict[str, NDArray[Any]], dict[str, list[dict[str, Any]]]]:
    """Run a part several times; give what it gives, and the events of each node, in order."""
    session = open_session(file.path, threads=threads, optimize=False, profile_prefix=str(file.path))
    interface = file.interface
    given: Sequence[Any] = ()
    try:
        for _ in range(times):
            given = session.run(interface.gives, {name: values[name] for name in interface.takes})
    except Exception as error:  # its errors have no common class
        raise InputError([Fault(str(file.path), f"ONNX Runtime cannot run it: {error}")]) from error
    finally:
        told = Path(session.end_profiling())
    events: dict[str, list[dict[str, Any]]] = {}
    for event in json.loads(told.read_text(encoding="utf-8")):
        if event["name"].startswith(NAME):
            events.setdefault(event["name"], []).append(event)
    return dict(zip(interface.gives, given, strict=True)) | {name: values[name] for name in interface.passes}, events


def _named(error: InputError, model: OnnxModel, path: Path) -> InputError:
    """Give what is wrong with a part as what is wrong with the model, its nodes by their own names."""

    def own(number: re.Match[str]) -> str:
        return model.layers[int(number[1])].name

    said = [re.sub(rf"{NAME}(\d+)", own, fault.problem.replace(str(path), str(model.path))) for fault in error.faults]
    return InputError([Fault(str(model.path), problem) for problem in said])


def _sizes(model: OnnxModel, layer: Layer, told: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, int]:
    """Give the bytes of what a layer gave: the tensors among its values, in their order."""
    tensors = [value for value in layer.gives if is_tensor(model.types.get(value))]
    if len(tensors) != len(told):
        return {}
    return {
        value: type_bytes(int(np.prod(shape, dtype=np.int64)), model.types[value].tensor_type.elem_type)
        for value, one in zip(tensors, told, strict=True)
        for shape in one.values()
    }
