"""Stages of a cut ONNX model: each slot gets the file of its own part, and no other weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.streaming.batches import Batch
from planner.streaming.stages import Stage

__all__ = ["onnx_stages"]


@dataclass(frozen=True)
class _Load:
    """Loads one stage file; the first stage also fits columns to the inputs of the model."""

    name: str
    threads: int
    inputs: Mapping[str, str] | None = None  # column -> input of the model

    def __call__(self, folder: Path) -> Callable[[Batch], Any]:
        from planner.submodels import LoadedStage

        stage = LoadedStage(folder / self.name, threads=self.threads)
        if self.inputs is None:
            return stage
        needs = {value.name: (value.type, value.shape) for value in stage.session.get_inputs()}
        names = self.inputs

        def first(batch: Batch) -> Any:
            return stage(
                {names[column]: _fitted(array, *needs.get(names[column], ("", ()))) for column, array in batch.items()}
            )

        return first


def onnx_stages(
    files: Sequence[tuple[Path, Path | None]], inputs: Mapping[str, str], replicas: Sequence[int], threads: int = 1
) -> list[Stage]:
    """Make stages of stage files.

    Parameters
    ----------
    files : sequence of (Path, Path or None)
        The file of each stage, and the one beside it that has its weights.
    inputs : mapping of str to str
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


_TYPES = {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool"} | {
    f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
"""What ONNX Runtime calls the types of tensors, in numpy's words."""


def _fitted(array: Any, kind: str, shape: Sequence[Any]) -> Any:
    """Give an array the type of an input, and rows that are flat lists the shape of one: Spark has no tensors."""
    dtype = _TYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
    if dtype is not None and array.dtype.kind in "biuf":
        array = array.astype(dtype, copy=False)
    open_axes = [axis for axis in shape[1:] if not isinstance(axis, int)]
    if (
        array.ndim != len(shape)
        and len(shape) > 1
        and not open_axes
        and array.size == len(array) * int(np.prod(shape[1:]))
    ):
        array = array.reshape(len(array), *shape[1:])
    return array
