"""Cut a model: write each stage as an ONNX file of its own, with the weights it needs and no others.

Files are written a tensor at a time, so a model may be larger than memory. Weights above `value_types.SMALL` go into
one file of external data beside each stage: ONNX Runtime maps that into memory, while weights inside a model's file
are held twice while it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from planner.errors import Fault, InputError
from planner.submodels.interfaces import Interface, interfaces
from planner.submodels.libraries import onnx
from planner.submodels.onnx_model import Layer, OnnxModel
from planner.submodels.references import tensors
from planner.submodels.tensor_data import DataFile, has_plain_type, is_external, tensor_bytes, with_values
from planner.submodels.value_types import SMALL

__all__ = ["PASSES", "StageFile", "write_stages"]

PASSES = "planner.passes"
"""The entry of a stage file's metadata that lists, in JSON, what goes through it untouched."""


@dataclass(frozen=True)
class StageFile:
    """A stage as an ONNX file.

    Attributes
    ----------
    path : Path
    data : Path or None
        The file of external data beside it, which it needs; None where it needs none of its own.
    interface : Interface
    layers : tuple of int
        Positions of its layers in the model.
    weight_bytes : int
        Of the weights that it loads.
    """

    path: Path
    data: Path | None
    interface: Interface
    layers: tuple[int, ...]
    weight_bytes: int


def write_stages(
    model: OnnxModel, stage: Sequence[int], folder: str | Path, *, copy_weights: bool = True
) -> list[StageFile]:
    """Cut a model into stages and write each as ``NAME.STAGE.onnx``, with its weights in ``NAME.STAGE.onnx.data``.

    Constant nodes are copied into every stage that needs them; so are weights that several stages share.

    Parameters
    ----------
    model : OnnxModel
    stage : sequence of int, length n
        The stage of each layer, as for `interfaces`.
    folder : str or Path
        Made if it is not there.
    copy_weights : bool
        False leaves weights that lie beside the model where they are, for stages that are written into the model's own
        folder, on a file system that all executors see: nothing is copied, and each maps what it needs.

    Returns
    -------
    list of StageFile

    Raises
    ------
    InputError
        If it is no cut, or weights cannot stay where they are because `folder` is another than the model's.
    """
    folder = Path(folder)
    found = interfaces(model, stage)
    if not copy_weights and folder.resolve() != model.path.parent.resolve():
        raise InputError([Fault("folder", f"is {folder}; weights that are not copied need that of {model.path}")])
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _Stage(model, k, interface, [i for i, number in enumerate(stage) if number == k]).write(folder, copy_weights)
        for k, interface in enumerate(found)
    ]


@dataclass(frozen=True)
class _Stage:
    model: OnnxModel
    number: int
    interface: Interface
    places: Sequence[int]

    def write(self, folder: Path, copy_weights: bool) -> StageFile:
        layers = [self.model.layers[i] for i in self.places]
        read = [name for layer in layers for name in layer.constants]
        nodes, weights = self.model.needed([*read, *self.interface.gives])
        path = folder / f"{self.model.path.stem}.{self.number}.onnx"
        data = path.with_name(f"{path.name}.data")
        proto = self._proto(layers, nodes)
        with ExitStack() as stack:
            file = DataFile(stack.enter_context(data.open("wb")), data.name)
            for name in weights:
                self._add_weight(proto.graph, name, file, copy_weights)
            for node in proto.graph.node if copy_weights else ():
                for tensor in filter(is_external, tensors(node)):
                    tensor.CopyFrom(file.add(tensor.name, tensor, self.model.path.parent))
        if not file.end:
            data.unlink()
        _write(path, proto.SerializeToString(deterministic=True))
        return StageFile(
            path=path,
            data=data if file.end else None,
            interface=self.interface,
            layers=tuple(self.places),
            weight_bytes=sum(tensor_bytes(self.model.weights[name]) for name in weights),
        )

    def _proto(self, layers: Iterable[Layer], constants: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
        """Give the stage without its weights."""
        whole = self.model.proto
        nodes = [*constants, *(layer.node for layer in layers)]
        proto = onnx.ModelProto(
            ir_version=max(whole.ir_version, 4),  # from 4 on, weights need not be listed as inputs
            opset_import=whole.opset_import,
            producer_name=whole.producer_name,
            metadata_props=whole.metadata_props,
        )
        proto.metadata_props.add(key=PASSES, value=json.dumps(self.interface.passes))
        proto.graph.name = f"{whole.graph.name or self.model.path.stem}.{self.number}"
        proto.graph.node.extend(nodes)
        types = self.model.types
        for name in self.interface.takes:
            proto.graph.input.add(name=name, type=types[name])
        for name in self.interface.gives:
            proto.graph.output.add(name=name, type=types.get(name))
        inside = {value for node in nodes for value in [*node.input, *node.output]}
        notes = whole.graph.quantization_annotation
        proto.graph.quantization_annotation.extend(note for note in notes if note.tensor_name in inside)
        return proto

    def _add_weight(self, graph: onnx.GraphProto, name: str, file: DataFile, copy_weights: bool) -> None:
        weight, folder = self.model.weights[name], self.model.path.parent
        if isinstance(weight, onnx.SparseTensorProto):
            inside = graph.sparse_initializer.add(dims=weight.dims)
            inside.values.CopyFrom(with_values(weight.values, folder))
            inside.indices.CopyFrom(with_values(weight.indices, folder))
        elif is_external(weight) and not copy_weights:
            graph.initializer.add().CopyFrom(weight)
        elif tensor_bytes(weight) < SMALL or not has_plain_type(weight):
            graph.initializer.add().CopyFrom(with_values(weight, folder))
            graph.initializer[-1].name = name
        else:
            graph.initializer.append(file.add(name, weight, folder))


def _write(path: Path, content: bytes) -> None:
    """Write a file that is either whole or not there."""
    other = path.with_name(f"{path.name}.part")
    other.write_bytes(content)
    other.replace(path)
