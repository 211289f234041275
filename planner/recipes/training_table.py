"""Rows to learn from out of a CSV or Parquet file of the user's, looked at once, and read by every shard for itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from planner.errors import Fault, InputError
from planner.io.locations import is_uri
from planner.recipes.tables import column_types, null_faults, read_table, some
from planner.recipes.training_data import BLOCK, HELD, Floats, Rows

__all__ = ["TableRows", "open_table"]

MOST_CLASSES = 1000
"""A label with more values is a quantity, which is not what is learnt here."""


@dataclass(frozen=True)
class TableRows:
    """Rows of a CSV or Parquet file that every executor can read; `open_table` makes it.

    Attributes
    ----------
    path, label : str
    features : tuple of str
        The other columns.
    classes : tuple
        Values of the label, in order.
    rows : int
    middle, scale : tuple of float
        Of each feature, mean and standard deviation; features are read with mean 0 and deviation 1.
    """

    path: str
    label: str
    features: tuple[str, ...]
    classes: tuple[Any, ...]
    rows: int
    middle: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def n_features(self) -> int:
        """Columns beside the label."""
        return len(self.features)

    @property
    def n_classes(self) -> int:
        """Values of the label."""
        return len(self.classes)

    def facts(self) -> dict[str, Any]:
        """Give the names of features and classes, and how features are scaled."""
        names = {"features": np.array(self.features), "classes": np.array(self.classes)}
        return {**names, "middle": np.array(self.middle), "scale": np.array(self.scale)}

    def read(self, blocks: Iterable[int]) -> list[Rows]:
        """Read the file, and keep some blocks.

        Raises
        ------
        RuntimeError
            If it does not have the rows that it had where the work was planned.
        """
        table = _typed(self.path, self.label, self.features)
        if table.num_rows != self.rows:
            raise RuntimeError(f"{self.path} has {table.num_rows} rows here, and had {self.rows} where it was planned")
        kept = [table.slice(block * BLOCK, BLOCK) for block in blocks]
        return [(self._scaled(part), self._classes(part)) for part in kept]

    def _scaled(self, table: pa.Table) -> Floats:
        scaled: Floats = (_matrix(table, self.features) - np.array(self.middle)) / np.array(self.scale)
        return scaled

    def _classes(self, table: pa.Table) -> npt.NDArray[np.int64]:
        column = table.column(self.label)
        found = pc.index_in(column, value_set=pa.array(self.classes, column.type))
        return np.asarray(found.fill_null(-1).to_numpy(), dtype=np.int64)


def open_table(path: str | os.PathLike[str], label: str = "label") -> TableRows:
    """Look at a file once: its columns, the values of its label, mean and deviation of its features.

    Parameters
    ----------
    path : str or path
        CSV or Parquet; a path or URI that is the same on all executors.
    label : str
        Column that is to be told from all others, which are numbers.

    Raises
    ------
    InputError
        For everything that is wrong: no such column, features that are no finite numbers, nulls, fewer than `HELD`
        rows, a label with one value or more than `MOST_CLASSES`.
    """
    given = os.fspath(path)
    shown = given if is_uri(given) else str(Path(given).absolute())  # executors stand elsewhere
    types = column_types(path)
    features = tuple(name for name in types if name != label)
    if label in types and not features:
        raise InputError([Fault(shown, f"has no column but {label!r}; expected features to tell it from")])
    table = _typed(shown, label, features)
    faults = null_faults(table, shown)
    if table.num_rows < HELD:
        faults.append(Fault(shown, f"has {table.num_rows} rows; expected {HELD} or more"))
    classes = tuple(sorted(value for value in table.column(label).unique().to_pylist() if value is not None))
    if not 2 <= len(classes) <= MOST_CLASSES:
        found = f"{len(classes):,} value{'s' * (len(classes) != 1)}"
        faults.append(Fault(f"{shown}: {label}", f"has {found}; expected 2 to {MOST_CLASSES:,} classes"))
    matrix = _matrix(table, features)
    for name, column in zip(features, matrix.T, strict=True):
        odd = pa.array(~np.isfinite(column) & table.column(name).is_valid().to_numpy())
        if pc.any(odd).as_py():
            faults.append(
                Fault(f"{shown}: {name}", f"is not finite ({some(table.filter(odd).select([name]))}); expected numbers")
            )
    if faults:
        raise InputError(faults)
    deviation = matrix.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    middle, deviations = (tuple(map(float, values)) for values in (matrix.mean(axis=0), scale))
    return TableRows(shown, label, features, classes, table.num_rows, middle, deviations)


def _typed(path: str, label: str, features: tuple[str, ...]) -> pa.Table:
    table = read_table(path, {label: None, **dict.fromkeys(features, pa.float64())})
    column = table.column(label)
    if pa.types.is_dictionary(column.type):  # a category of pandas
        table = table.set_column(0, label, column.cast(column.type.value_type))
    return table


def _matrix(table: pa.Table, features: tuple[str, ...]) -> Floats:
    return np.column_stack([table.column(name).to_numpy() for name in features])
