"""Of what type and shape the values of an ONNX graph are, and how many bytes that makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from planner.errors import Fault, InputError
from planner.submodels.libraries import onnx
from planner.submodels.onnx_model import OnnxModel, Weight
from planner.submodels.tensor_data import is_tensor, tensor_bytes, value_bytes, with_values

__all__ = ["SMALL", "concrete_bytes", "infer_types", "input_shapes"]

SMALL = 1024
"""Bytes below which a weight may be a shape, an axis or the like, which inference has to look at."""


def infer_types(
    proto: onnx.ModelProto,
    nodes: Iterable[onnx.NodeProto],
    weights: Mapping[str, Weight],
    inputs: Iterable[str],
    folder: Path,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, onnx.TypeProto]:
    """Infer the types of all values, without looking at large weights.

    What the file states of values between layers is asked only where nothing can be inferred.

    Parameters
    ----------
    proto : ModelProto
    nodes : iterable of NodeProto
        In a topological order.
    weights : mapping of str to TensorProto or SparseTensorProto
    inputs : iterable of str
    folder : Path
        Where the model lies.
    shapes : mapping of str to tuple of int, optional
        Shapes of the inputs, where those of the file leave something open.

    Returns
    -------
    dict of str to TypeProto
        Of inputs, weights and values, as far as they are known.
    """
    skeleton = onnx.ModelProto(ir_version=max(proto.ir_version, 4), opset_import=proto.opset_import)
    graph = skeleton.graph
    graph.name = "skeleton"
    graph.node.extend(nodes)
    stated = {value.name: value for value in proto.graph.input}
    for name in inputs:
        value = graph.input.add()
        value.CopyFrom(stated[name])
        if shapes and name in shapes:
            value.type.CopyFrom(onnx.helper.make_tensor_type_proto(value.type.tensor_type.elem_type, shapes[name]))
    for name, weight in weights.items():
        if isinstance(weight, onnx.TensorProto) and tensor_bytes(weight) < SMALL:
            tensor = graph.initializer.add()
            tensor.CopyFrom(with_values(weight, folder))
            tensor.name = name
        else:
            graph.input.add(name=name, type=_weight_type(weight))
    types = _inferred(skeleton)
    said = [*proto.graph.value_info, *proto.graph.output]
    known = types.keys() | weights.keys()  # exporters state the types of weights, too
    helpful = {value.name: _without_shape(value.type) for value in said if value.name not in known and _says(value)}
    if helpful:
        for name, type_ in helpful.items():
            graph.value_info.add(name=name, type=type_)
        types = helpful | _inferred(skeleton)
    return types | {name: _weight_type(weight) for name, weight in weights.items()}


def _inferred(skeleton: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    graph = onnx.shape_inference.infer_shapes(skeleton, data_prop=True).graph
    known = [*graph.input, *graph.value_info, *graph.output]
    return {value.name: value.type for value in known if _says(value)}


def _says(value: onnx.ValueInfoProto) -> bool:
    """Tell whether a type is stated at all, and not an empty one."""
    kind = value.type.WhichOneof("value")
    return kind is not None and (kind != "tensor_type" or value.type.tensor_type.elem_type != 0)


def _without_shape(type_: onnx.TypeProto) -> onnx.TypeProto:
    """Give the type that a file states for a value, of which the shape is often that of an earlier version."""
    if not type_.HasField("tensor_type"):
        return type_
    return onnx.helper.make_tensor_type_proto(type_.tensor_type.elem_type, None)


def input_shapes(model: OnnxModel, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Give the shapes of a model's inputs when its open axes have some sizes.

    Parameters
    ----------
    model : OnnxModel
    sizes : mapping of str to int
        Size of each axis by its name in the model, or as ``"input:position"``. ``"batch"`` also names the first axis
        of every input, which is 1 when nothing is said of it.

    Raises
    ------
    InputError
        With every fault: axes that stay open, names of no axis, sizes below 1, inputs that are no tensors.
    """
    known, faults, shapes = {"batch"}, list[Fault](), {}
    for name in model.inputs:
        type_ = model.types.get(name)
        if not is_tensor(type_) or type_ is None or not type_.tensor_type.HasField("shape"):
            faults.append(Fault(f"inputs[{name!r}]", "is no tensor of a known number of axes; expected one"))
            continue
        shape = []
        for k, axis in enumerate(type_.tensor_type.shape.dim):
            called = [axis.dim_param or f"{name}:{k}", f"{name}:{k}", *["batch"][k:]]
            if axis.dim_value > 0:
                shape.append(axis.dim_value)
                continue
            known.update(called)
            size = next((sizes[word] for word in called if word in sizes), 1 if k == 0 else None)
            if size is None:
                problem = f"axis {k} may have any size; expected one to plan for, such as sizes={{{called[0]!r}: 128}}"
                faults.append(Fault(f"inputs[{name!r}]", problem))
            shape.append(size or 1)
        shapes[name] = tuple(shape)
    for word, size in sizes.items():
        if word not in known:
            faults.append(Fault(f"sizes[{word!r}]", f"is no open axis; expected one of {', '.join(sorted(known))}"))
        elif isinstance(size, bool) or not isinstance(size, int) or size < 1:
            faults.append(Fault(f"sizes[{word!r}]", f"is {size!r}; expected a whole number from 1 on"))
    if faults:
        raise InputError(faults)
    return shapes


def concrete_bytes(model: OnnxModel, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Give the bytes of all values for some shapes of the inputs, as far as they follow from these.

    Parameters
    ----------
    model : OnnxModel
    shapes : mapping of str to tuple of int
        Of all inputs, as `input_shapes` gives them.
    """
    nodes = [*model.constants, *(layer.node for layer in model.layers)]
    types = infer_types(model.proto, nodes, model.weights, model.inputs, model.path.parent, shapes)
    sizes = {name: value_bytes(type_) for name, type_ in types.items()}
    return {name: size for name, size in sizes.items() if size is not None}


def _weight_type(weight: Weight) -> onnx.TypeProto:
    """Give the type of a weight."""
    data_type = weight.values.data_type if isinstance(weight, onnx.SparseTensorProto) else weight.data_type
    return onnx.helper.make_tensor_type_proto(data_type, list(weight.dims))
