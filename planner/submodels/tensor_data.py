"""Where the bytes of a tensor lie, how many they are, and how they get into another file without being held at once.

ONNX keeps a tensor's values inside the model's file, or as a piece of a file beside it (*external data*): its folder,
a name, an offset and a length. A protobuf message ends at 2 GB, so all larger models use the second way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from planner.errors import Fault
from planner.submodels.libraries import onnx

__all__ = [
    "DataFile",
    "has_plain_type",
    "is_external",
    "is_tensor",
    "piece_fault",
    "tensor_bytes",
    "type_bytes",
    "value_bytes",
    "with_values",
]

CHUNK = 16 * 2**20
"""Bytes that are copied at once."""
ALIGNMENT = 4096
"""Pieces begin at multiples of this, so that they can be mapped into memory."""
STRING_BYTES = 32
"""What an element of text is taken to need."""

_BITS: dict[int, int] = {
    **dict.fromkeys((onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1), 4),
    **dict.fromkeys((onnx.TensorProto.STRING, onnx.TensorProto.UNDEFINED), 8 * STRING_BYTES),
}


def has_plain_type(tensor: onnx.TensorProto) -> bool:
    """Tell whether each element of a tensor is a whole number of bytes, one after the other."""
    return tensor.data_type not in _BITS


@dataclass(frozen=True)
class _Piece:
    """A piece of a file; `length` is None where it goes to the file's end."""

    path: Path
    offset: int
    length: int | None


def type_bytes(elements: int, data_type: int) -> int:
    """Give the bytes of so many elements of an ONNX type.

    Examples
    --------
    >>> type_bytes(3, onnx.TensorProto.FLOAT), type_bytes(3, onnx.TensorProto.INT4)
    (12, 2)
    """
    bits = _BITS.get(data_type) or 8 * int(onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize)
    return (elements * bits + 7) // 8


def tensor_bytes(tensor: onnx.TensorProto | onnx.SparseTensorProto) -> int:
    """Give the bytes of a tensor's values; of a sparse one, with its indices. Its data is not looked at."""
    if isinstance(tensor, onnx.SparseTensorProto):
        return tensor_bytes(tensor.values) + tensor_bytes(tensor.indices)
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    return type_bytes(int(np.prod(tensor.dims, dtype=np.int64)), tensor.data_type)


def is_tensor(type_: onnx.TypeProto | None) -> bool:
    """Tell whether values of a type are tensors of a known element type, and so can leave a stage."""
    return type_ is not None and type_.HasField("tensor_type") and type_.tensor_type.elem_type != 0


def value_bytes(type_: onnx.TypeProto) -> int | None:
    """Give the bytes of a value, or None where its type leaves a size open."""
    if not is_tensor(type_) or not type_.tensor_type.HasField("shape"):
        return None
    axes = type_.tensor_type.shape.dim
    if any(not axis.HasField("dim_value") for axis in axes):
        return None
    return type_bytes(int(np.prod([axis.dim_value for axis in axes], dtype=np.int64)), type_.tensor_type.elem_type)


def is_external(tensor: onnx.TensorProto) -> bool:
    """Tell whether a tensor's values lie in another file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _piece(tensor: onnx.TensorProto, folder: Path) -> _Piece:
    """Give where the values of an external tensor lie.

    Raises
    ------
    ValueError
        If what the model says of it is no number.
    """
    said = {entry.key: entry.value for entry in tensor.external_data}
    length = int(said["length"]) if said.get("length") else None
    return _Piece(folder / said.get("location", ""), int(said.get("offset") or 0), length)


def piece_fault(tensor: onnx.TensorProto, name: str, folder: Path) -> Fault | None:
    """Say what is wrong with where the values of an external tensor are said to lie, or nothing.

    A model is given by others: it may name files of its own folder and below, and no others.
    """
    path = f"weights[{name!r}]"
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    inside = PurePosixPath(os.path.normpath(location))
    if not location or inside.is_absolute() or ".." in inside.parts:
        return Fault(path, f"lies in {location!r}; expected a file of the model's folder")
    try:
        where = _piece(tensor, folder)
    except ValueError:
        return Fault(path, f"has an offset or a length that is no number, in {location!r}")
    if not where.path.is_file():
        return Fault(path, f"lies in {location!r}, and there is no such file beside the model")
    wanted, there = tensor_bytes(tensor), where.path.stat().st_size - where.offset
    if where.length not in (None, wanted):
        return Fault(path, f"is {where.length} bytes long in {location!r}; expected {wanted}, for its shape")
    if where.offset < 0 or there < wanted:
        return Fault(path, f"needs {wanted} bytes from byte {where.offset} of {location!r}, which ends before that")
    return None


def with_values(tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
    """Give a tensor whose values are in it: the tensor itself, or a copy with what was read from the other file."""
    if not is_external(tensor):
        return tensor
    inside = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    inside.raw_data = b"".join(_chunks(tensor, folder))
    return inside


@dataclass
class DataFile:
    """A file of external data that is being written.

    Attributes
    ----------
    file : binary file
    location : str
        Its name, as models beside it say it.
    end : int
        Bytes written.
    """

    file: BinaryIO
    location: str
    end: int = 0

    def add(self, name: str, tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
        """Copy a tensor's values, a chunk at a time, and give the tensor that says where they are now.

        Parameters
        ----------
        name : str
            Its new name.
        tensor : TensorProto
        folder : Path
            Where the model of the tensor lies.
        """
        self.end += self.file.write(b"\0" * (-self.end % ALIGNMENT))
        offset = self.end
        for chunk in _chunks(tensor, folder):
            self.end += self.file.write(chunk)
        outside = onnx.TensorProto(name=name, data_type=tensor.data_type, dims=tensor.dims)
        outside.data_location = onnx.TensorProto.EXTERNAL
        said = {"location": self.location, "offset": str(offset), "length": str(self.end - offset)}
        for key, value in said.items():
            outside.external_data.add(key=key, value=value)
        return outside


def _chunks(tensor: onnx.TensorProto, folder: Path) -> Iterator[bytes | memoryview]:
    """Give the values of a tensor as little-endian bytes."""
    if not is_external(tensor):
        yield tensor.raw_data if tensor.HasField("raw_data") else onnx.numpy_helper.to_array(tensor).tobytes()
        return
    where, left = _piece(tensor, folder), tensor_bytes(tensor)
    with where.path.open("rb") as file:
        file.seek(where.offset)
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
