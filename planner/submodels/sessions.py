"""Stages that are loaded: ONNX Runtime sessions that take a batch of named tensors and give the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import Fault, InputError
from planner.submodels.libraries import onnxruntime
from planner.submodels.stage_files import PASSES

__all__ = ["LoadedStage", "open_session"]

QUIET = 3
"""ONNX Runtime's level of messages: errors, which are raised as well."""


def open_session(
    path: str | Path, *, threads: int = 1, optimize: bool = True, profile_prefix: str | None = None
) -> onnxruntime.InferenceSession:
    """Load a model with ONNX Runtime, on the CPU.

    Parameters
    ----------
    path : str or Path
        By path and not by content, so that external data is found, and mapped instead of copied.
    threads : int
        That one operator may use: a slot is one core.
    optimize : bool
        Whether operators may be fused and values laid out anew; then results may differ in the last digits.
    profile_prefix : str, optional
        Where the times of all nodes are written to, when the session's profiling ends.

    Raises
    ------
    InputError
        If ONNX Runtime cannot load it, in its words.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = QUIET
    options.enable_mem_pattern = False  # it holds values a second time: half as much again, and not faster here
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the core while we wait
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if profile_prefix is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile_prefix
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise InputError([Fault(str(path), f"ONNX Runtime cannot load it: {error}")]) from error


_TYPES = {
    f"tensor({name})": np.dtype({"float": "float32", "double": "float64"}.get(name, name))
    for name in (
        "float",
        "double",
        "float16",
        "bool",
        *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)),
    )
}
"""What ONNX Runtime calls the types of tensors, in numpy's."""


class LoadedStage:
    """A stage that was loaded from its file, to be called with one batch after the other.

    Parameters
    ----------
    path : str or Path
        A stage file; its external data lies beside it.
    threads, optimize
        As for `open_session`.

    Attributes
    ----------
    takes, gives, passes : tuple of str
        As in `planner.submodels.interfaces.Interface`.
    """

    def __init__(self, path: str | Path, *, threads: int = 1, optimize: bool = True) -> None:
        self.path = Path(path)
        self.session = open_session(path, threads=threads, optimize=optimize)
        self._types = {value.name: _TYPES.get(value.type) for value in self.session.get_inputs()}
        self.takes = tuple(self._types)
        self.gives = tuple(value.name for value in self.session.get_outputs())
        self.passes = tuple(json.loads(self.session.get_modelmeta().custom_metadata_map.get(PASSES, "[]")))

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute what this stage gives, and hand on what passes it.

        Parameters
        ----------
        batch : mapping of str to ndarray
            At least the values that the stage takes and that pass it. Numbers of another width than the stage takes
            are made to fit; fractions do not become whole numbers.

        Raises
        ------
        InputError
            If values are missing from the batch, or are not what the model takes.
        """
        missing = [name for name in (*self.takes, *self.passes) if name not in batch]
        if missing:
            there = ", ".join(map(repr, batch)) or "nothing"
            raise InputError([Fault(f"batch[{name!r}]", f"is missing; there is {there}") for name in missing])
        try:
            taken = {name: _as(batch[name], dtype) for name, dtype in self._types.items()}
            given = self.session.run(self.gives, taken)
        except Exception as error:  # its errors have no common class
            raise InputError([Fault(str(self.path), f"ONNX Runtime cannot run it: {error}")]) from error
        return dict(zip(self.gives, given, strict=True)) | {name: batch[name] for name in self.passes}

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self.path.name} is loaded in this process; send its path, and load it where it runs")


def _as(values: Any, dtype: np.dtype[Any] | None) -> NDArray[Any]:
    array = np.asarray(values)
    if dtype is not None and array.dtype != dtype and np.can_cast(array.dtype, dtype, "same_kind"):
        return array.astype(dtype)
    return array
