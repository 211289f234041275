"""Stages of a cut ONNX model: each slot gets the file of its own part, and no other weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import Fault
from planner.streaming.batches import Batch
from planner.streaming.stages import Stage

if TYPE_CHECKING:
    from planner.submodels import OnnxModel

__all__ = ["Input", "column_faults", "inputs_of", "onnx_stages"]


@dataclass(frozen=True)
class Input:
    """What a model takes.

    Attributes
    ----------
    name : str
    dtype : str
        Of numpy: ``object`` for strings, empty for what is no tensor of a type that numpy has.
    shape : tuple of (int or None), or None
        None where any size will do, and for a number of axes that is not known.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def fitted(self, column: str, array: NDArray[Any]) -> NDArray[Any]:
        """Give a column the type of this input, and rows that are flat lists its shape: Spark has no tensors.

        Raises
        ------
        ValueError
            If that would change values, as nulls or fractions among whole numbers, or rows are not all alike.
        """
        if not self.dtype or self.shape is None:
            return array
        if not len(array):
            return np.zeros((0, *(axis or 0 for axis in self.shape[1:])), dtype=self.dtype)
        if self.dtype != "object":
            if array.dtype.kind not in "biuf":
                what = "rows of unequal lengths, nulls, or values that are no numbers"
                raise ValueError(f"column {column!r} has {what}; input {self.name!r} takes {self.dtype}")
            array = self._cast(column, array)
        axes = [axis for axis in self.shape[1:] if axis is not None]
        if array.ndim != len(self.shape) == 1 + len(axes) > 1 and array.size == len(array) * math.prod(axes):
            array = array.reshape(len(array), *axes)
        return array

    def _cast(self, column: str, array: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            cast = array.astype(self.dtype, copy=False)
        if cast is not array and cast.dtype.kind in "biu" and not np.array_equal(cast, array):
            other = array[cast != array].flat[0]
            raise ValueError(f"column {column!r} has {other}; input {self.name!r} takes {self.dtype}")
        return cast


@dataclass(frozen=True)
class _Load:
    """Loads one stage file; the first stage also fits columns to the inputs of the model."""

    name: str
    threads: int
    inputs: Mapping[str, Input] | None = None  # by column

    def __call__(self, folder: Path) -> Callable[[Batch], Any]:
        from planner.submodels import LoadedStage

        stage = LoadedStage(folder / self.name, threads=self.threads)
        if self.inputs is None:
            return stage
        inputs = self.inputs

        def first(batch: Batch) -> Any:
            return stage({inputs[column].name: inputs[column].fitted(column, array) for column, array in batch.items()})

        return first


def onnx_stages(
    files: Sequence[tuple[Path, Path | None]], inputs: Mapping[str, Input], replicas: Sequence[int], threads: int = 1
) -> list[Stage]:
    """Make stages of stage files.

    Parameters
    ----------
    files : sequence of (Path, Path or None)
        The file of each stage, and the one beside it that has its weights.
    inputs : mapping of str to Input
        The input of the model that each column of the DataFrame is.
    replicas : sequence of int
        So many slots run each stage.
    threads : int
        That one operator may use.
    """
    return [
        Stage(
            path.stem,
            _Load(path.name, threads, inputs if number == 0 else None),
            replicas[number],
            tuple(str(file) for file in (path, data) if file is not None),
        )
        for number, (path, data) in enumerate(files)
    ]


def inputs_of(model: OnnxModel) -> dict[str, Input]:
    """Give the inputs of a model by their names."""
    return {name: _input(name, model.types.get(name)) for name in model.inputs}


def _input(name: str, type_: Any) -> Input:
    from planner.submodels.libraries import onnx

    if type_ is None or not type_.HasField("tensor_type"):
        return Input(name, "", None)
    tensor = type_.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    axes = tuple(axis.dim_value or None for axis in tensor.shape.dim) if tensor.HasField("shape") else None
    return Input(name, str(dtype) if dtype.kind in "biufO" else "", axes)


_NUMBERS = frozenset({"boolean", "tinyint", "smallint", "int", "bigint", "float", "double"})
"""Spark's types that are arrays of numbers in a micro-batch."""


def column_faults(
    dtypes: Sequence[tuple[str, str]], columns: Sequence[str], inputs: Mapping[str, Input], outputs: Sequence[str]
) -> list[Fault]:
    """Say which columns no input can take, and which ones bear the name of an output.

    Parameters
    ----------
    dtypes : sequence of (str, str)
        Name and type of all columns, as Spark writes them.
    columns : sequence of str
        Those that the model takes.
    inputs : mapping of str to Input
        By column.
    outputs : sequence of str
        Of the model.

    Examples
    --------
    >>> taken = {"a": Input("pixels", "float32", (None, 3))}
    >>> for fault in column_faults([("a", "array<string>"), ("Y", "int")], ["a"], taken, ["y"]):
    ...     print(fault)
    columns[0]: 'a' is array<string>; input 'pixels' takes numbers (float32)
    df: has a column 'Y', as an output of the model is called; expected it under another name
    """
    kinds, faults = dict(dtypes), []
    for place, column in enumerate(columns):
        kind, takes, axes = kinds[column], inputs[column], 1
        while kind.startswith("array<"):
            kind, axes = kind[len("array<") : -1], axes + 1
        what = []
        if takes.dtype and not (kind == "string" if takes.dtype == "object" else kind in _NUMBERS):
            what.append("strings" if takes.dtype == "object" else f"numbers ({takes.dtype})")
        if takes.shape is not None and axes != len(takes.shape) and None in takes.shape[1:]:
            what.append(f"arrays nested {len(takes.shape) - 1} deep")
        if what:
            problem = f"{column!r} is {kinds[column]}; input {takes.name!r} takes {' in '.join(what)}"
            faults.append(Fault(f"columns[{place}]", problem))
    called = {output.lower() for output in outputs}  # Spark takes no notice of case
    for name in kinds:
        if name.lower() in called:
            problem = f"has a column {name!r}, as an output of the model is called; expected it under another name"
            faults.append(Fault("df", problem))
    return faults
