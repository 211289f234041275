"""Types of values that only ONNX Runtime knows: those of operators that it adds to ONNX's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from planner.errors import InputError
from planner.submodels.libraries import onnx
from planner.submodels.onnx_model import OnnxModel
from planner.submodels.sessions import open_session
from planner.submodels.stage_files import write_stages

__all__ = ["with_runtime_types"]

_ELEMENTS = {"float": "FLOAT", "double": "DOUBLE"}
"""Element types whose name in ONNX Runtime is not that of ONNX in small letters."""


def with_runtime_types(model: OnnxModel) -> OnnxModel:
    """Give the model with the types that inference left open, as ONNX Runtime finds them when it loads the model.

    What it cannot load, for example because operators come from a library of their own, is given as it was: layers
    between which a value of unknown type goes stay together.
    """
    unknown = [value for layer in model.layers for value in layer.gives if value not in model.types]
    if not unknown:
        return model
    asked = replace(model, outputs=tuple(dict.fromkeys([*model.outputs, *unknown])))
    with TemporaryDirectory() as folder:
        (file,) = write_stages(asked, [0] * len(model.layers), Path(folder))
        try:
            found = open_session(file.path, optimize=False).get_outputs()
        except InputError:
            return model
    types = {value.name: _type(value.type, value.shape) for value in found if value.name in unknown}
    return replace(model, types={**model.types, **{name: type_ for name, type_ in types.items() if type_ is not None}})


def _type(text: str, shape: Sequence[int | str | None]) -> onnx.TypeProto | None:
    """Give a type such as ``tensor(float)``; None for sequences and whatever else is no tensor."""
    kind, _, element = text.rstrip(")").partition("(")
    name = _ELEMENTS.get(element, element.upper())
    if kind != "tensor" or name not in onnx.TensorProto.DataType.keys():  # noqa: SIM118, no dictionary
        return None
    # No axes may also mean that their number is not known, so nothing is said of them.
    return onnx.helper.make_tensor_type_proto(onnx.TensorProto.DataType.Value(name), list(shape) or None)
