"""What a data-parallel task is mapped over: given items, or the files that a pattern matches with their sizes."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.errors import Fault
from planner.model.arrays import Int64
from planner.model.graph import Over
from planner.partitioners.contiguous import whole_weights

__all__ = ["Items", "measure"]


@dataclass(frozen=True, eq=False)
class Items:
    """Items in their order, and the measured or given weight of each."""

    items: Sequence[Any]
    weights: Int64

    def label(self, position: int) -> str:
        """Name one item in a few words."""
        if not self.items:
            return "no item"
        item = self.items[position]
        text = item if isinstance(item, str) else repr(item)
        return f"item {position} ({text if len(text) <= 60 else '…' + text[-59:]})"


def measure(over: Over, path: str, faults: list[Fault]) -> Items:
    """Give the items of a data-parallel task with their weights.

    Parameters
    ----------
    over : Over
        With `items` or `files`. Files are those of this machine, in the order of their paths.
    path : str
        Where the task stands, for faults.
    faults : list of Fault
        Gets what is wrong: a pattern that matches no file, files that cannot be read.
    """
    if over.files is not None:
        return _files(over.files, f"{path}.over.files", faults)
    items = over.items or ()
    weights = np.ones(len(items)) if over.weights is None else np.asarray(over.weights, dtype=np.float64)
    if len(weights) != len(items):
        problem = f"there are {len(weights)} weights for {len(items)} items; expected one each"
        faults.append(Fault(f"{path}.over.weights", problem))
        weights = np.ones(len(items))
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    faults += [Fault(f"{path}.over.weights[{i}]", f"is {weights[i]}; expected a number >= 0") for i in bad[:20]]
    return Items(items, whole_weights(np.where(np.isfinite(weights), np.maximum(weights, 0), 0)))


def _files(pattern: str, path: str, faults: list[Fault]) -> Items:
    if "://" in pattern:
        problem = f"{pattern!r} is a URI; expected a pattern of local files (give remote ones as items with weights)"
        faults.append(Fault(path, problem))
        return Items((), whole_weights(()))
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute, which Path.glob refuses
    # Absolute, because an executor's current folder is another one.
    matched = sorted(str(Path(name).absolute()) for name in names if Path(name).is_file())
    if not matched:
        faults.append(Fault(path, f"{pattern!r} matches no file (in {Path.cwd()}); expected at least one"))
    sizes = []
    for name in matched:
        if not os.access(name, os.R_OK):
            faults.append(Fault(path, f"{name} cannot be read; expected files that may be read"))
        sizes.append(Path(name).stat().st_size)
    return Items(tuple(matched), whole_weights(sizes))
