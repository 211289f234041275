"""Micro-batches: a dict of numpy arrays for those who compute, Arrow buffers on the way.

Arrays of numbers travel as the bytes that they are, of any shape; arrays of objects (strings, bytes, lists of unequal
length) as Arrow arrays. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Batch", "as_batch", "decode", "encode", "from_rows", "to_rows"]

Batch: TypeAlias = dict[str, NDArray[Any]]

_RAW = "biufcmM"
"""Kinds of numpy types whose arrays travel as bytes."""

_HEAD = b"planner.batch"
_SIGNED = {"u1": np.int16, "u2": np.int32, "u4": np.int64, "f2": np.float32}
"""What Spark has in place of types that it lacks."""


def as_batch(made: Any) -> Batch:
    """Make sure that what a stage gave is a batch; what is no array in it is made one.

    Raises
    ------
    TypeError
        If it is no mapping of names to arrays.

    Examples
    --------
    >>> as_batch({"x": [1, 2]})
    {'x': array([1, 2])}
    """
    if not isinstance(made, Mapping) or not all(isinstance(name, str) for name in made):
        what = "a dict with other names than strings" if isinstance(made, Mapping) else f"a {type(made).__name__}"
        raise TypeError(f"a stage gave {what}; expected a dict of names and numpy arrays")
    return {name: np.asarray(value) for name, value in made.items()}


def encode(batch: Batch, rows: int) -> pa.RecordBatch:
    """Put a batch into an Arrow record batch of one row. Its arrays are copied, as a stage may use them again.

    Parameters
    ----------
    batch : dict of str to ndarray
        Of any shapes.
    rows : int
        Of the DataFrame, which the batch stands for.

    Raises
    ------
    TypeError
        If the objects of an array are not of one type that Arrow knows.

    Examples
    --------
    >>> decode(encode({"x": np.ones((2, 3)), "word": np.array(["a", None], object)}, 2))[0]["word"]
    array(['a', None], dtype=object)
    """
    heads, columns = [], []
    for name, array in batch.items():
        if array.dtype.kind in _RAW:
            flat = np.array(array, order="C").reshape(-1)
            dtype, data = array.dtype.str, pa.py_buffer(flat.view(np.uint8))
        else:
            dtype, data = "", _written(_objects(name, array))
        heads.append([name, dtype, list(array.shape)])
        offsets = pa.py_buffer(np.array([0, data.size], dtype=np.int64))
        columns.append(pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, data]))
    columns = columns or [pa.nulls(1)]  # without a column, the one row would not arrive
    schema = pa.schema([(str(place), column.type) for place, column in enumerate(columns)])
    return pa.record_batch(columns, schema=schema.with_metadata({_HEAD: json.dumps([rows, heads])}))


def decode(record: pa.RecordBatch) -> tuple[Batch, int]:
    """Undo `encode`; the arrays belong to the one who takes them, and may be written to.

    Returns
    -------
    batch : dict of str to ndarray
    rows : int
    """
    rows, heads = json.loads(record.schema.metadata[_HEAD])
    batch = {}
    for (name, dtype, shape), column in zip(heads, record.columns, strict=False):
        data = _data(column)
        if dtype:
            batch[name] = np.frombuffer(data, dtype=dtype).reshape(shape).copy()
        else:
            array = pa.ipc.open_stream(data).read_all().column(0).combine_chunks()
            batch[name] = _as_objects(array).reshape(shape)
    return batch, rows


def from_rows(rows: pa.RecordBatch) -> Batch:
    """Give the columns of a DataFrame as arrays.

    Numbers are arrays of numbers (with a null among them of floats, in which it is NaN); lists of numbers that are all
    of one length, one array with a further axis; everything else is an array of objects.

    Examples
    --------
    >>> from_rows(pa.record_batch({"x": [[1.0, 2.0], [3.0, 4.0]]}))["x"].shape
    (2, 2)
    """
    return {name: _array(column) for name, column in zip(rows.schema.names, rows.columns, strict=True)}


def to_rows(batch: Batch, rows: int) -> pa.RecordBatch:
    """Give the arrays that the last stage made as columns of a DataFrame; further axes become nested lists.

    Raises
    ------
    ValueError
        If there is none, or one has not as many entries as the batch has rows.
    TypeError
        If there is no column for arrays of such a type.

    Examples
    --------
    >>> to_rows({"score": np.float32([0.5, 1])}, 2).schema.field("score").type
    DataType(float)
    """
    if not batch:
        raise ValueError("the last stage gave no array; expected one for each column to add")
    columns = {}
    for name, array in batch.items():
        if array.ndim == 0 or len(array) != rows:
            shape = "no axis" if array.ndim == 0 else f"{len(array)} entries"
            raise ValueError(f"the last stage gave {name!r} with {shape} for {rows} rows; expected one for each row")
        columns[name] = _column(name, array)
    return pa.record_batch(columns)


def _data(column: pa.Array) -> pa.Buffer:
    """Give the one entry of a column of bytes, where it is."""
    start, stop = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset : column.offset + 2].tolist()
    data = column.buffers()[2]
    return pa.py_buffer(b"") if data is None else data.slice(start, stop - start)


def _array(column: pa.Array) -> NDArray[Any]:
    shape, flat = [len(column)], column
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        fixed = pa.types.is_fixed_size_list(flat.type)
        lengths = [flat.type.list_size] if fixed else flat.value_lengths().unique().to_pylist()
        if flat.null_count or len(lengths) > 1:
            return _as_objects(column)
        shape.append(lengths[0] if lengths else 0)
        flat = flat.flatten()
    numeric = pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type) or pa.types.is_boolean(flat.type)
    if len(shape) > 1 and (flat.null_count or not numeric):
        return _as_objects(column)
    return np.array(flat.to_numpy(zero_copy_only=False)).reshape(shape)


def _column(name: str, array: NDArray[Any]) -> pa.Array:
    if array.dtype.kind not in _RAW:
        return _objects(name, array) if array.ndim == 1 else pa.array(array.tolist())
    if array.dtype.kind == "c":
        raise TypeError(f"the last stage gave {name!r} of type {array.dtype}; expected one that Spark has a type for")
    if array.dtype.str[1:] == "u8":
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise TypeError(
                f"the last stage gave {name!r} with whole numbers of 2^63 and more, which Spark cannot hold"
            )
        array = array.astype(np.int64)
    array = array.astype(_SIGNED.get(array.dtype.str[1:], array.dtype.newbyteorder("=")), copy=False)
    column = pa.array(np.array(array, order="C").reshape(-1))  # a copy, as a stage may use its arrays again
    for axis in range(array.ndim - 1, 0, -1):
        count = int(np.prod(array.shape[:axis], dtype=np.int64))
        offsets = np.arange(count + 1, dtype=np.int32) * np.int32(array.shape[axis])
        column = pa.ListArray.from_arrays(pa.array(offsets), column)
    return column


def _objects(name: str, array: NDArray[Any]) -> pa.Array:
    try:
        return pa.array(array.reshape(-1).tolist())
    except (pa.ArrowException, ValueError, TypeError) as error:
        what = f"a stage gave {name!r} with objects that are not of one type that Arrow knows"
        raise TypeError(f"{what}: {error}") from error


def _as_objects(array: pa.Array) -> NDArray[Any]:
    """Give an array of Python's objects, in which lists of numbers are arrays."""
    found = array.to_numpy(zero_copy_only=False)
    if found.dtype == object:
        return np.array(found)
    objects = np.empty(len(array), dtype=object)
    objects[:] = array.to_pylist()
    return objects


def _written(array: pa.Array) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("values", array.type)])) as writer:
        writer.write_batch(pa.record_batch([array], names=["values"]))
    return sink.getvalue()
