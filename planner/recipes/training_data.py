"""Rows to learn from, which every shard reads for itself; here, rings whose structure is known.

Rows are read in blocks of `BLOCK`, whatever the shards are: a shard is some blocks, and a block is the same in any.
Every `HELD`-th row is kept back: it is not learnt from, and tells how good the model is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "HELD", "Rings", "Rows", "Source", "held_back", "learnt_from"]

BLOCK = 1024
"""Rows that are read, and whose gradient is computed, at once."""

HELD = 10
"""Of so many rows one is kept back."""

Floats: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = tuple[Floats, npt.NDArray[np.int64]]
"""Features, of shape (rows, features), and the class of each row, from 0."""


class Source(Protocol):
    """Where rows come from. Executors get it by pickle, and read their blocks with it."""

    @property
    def rows(self) -> int: ...  # noqa: D102

    @property
    def n_features(self) -> int: ...  # noqa: D102

    @property
    def n_classes(self) -> int: ...  # noqa: D102

    def read(self, blocks: Iterable[int]) -> list[Rows]:
        """Read some blocks, each with up to `BLOCK` rows."""

    def facts(self) -> dict[str, Any]:
        """Give what one has to know of the rows to use a network that has learnt from them."""


@dataclass(frozen=True)
class Rings:
    """Rows whose class says in which ring of the first two features they lie, so that no plane parts the classes.

    Features are standard normal. Their squared length in two dimensions is exponential, so the rings that hold equal
    parts of it are known; the other features say nothing. Some labels are replaced by any class.

    Parameters
    ----------
    rows : int
    n_features : int
        At least 2.
    n_classes : int
    noise : float
        Part of the labels that is replaced.
    seed : int

    Examples
    --------
    >>> rings = Rings(3000, noise=0.2)
    >>> [len(labels) for _, labels in rings.read([0, 2])], rings.best
    ([1024, 952], 0.85)
    """

    rows: int = 200_000
    n_features: int = 16
    n_classes: int = 4
    noise: float = 0.1
    seed: int = 0

    @property
    def best(self) -> float:
        """The part of the labels that who knows the rings is right about."""
        return 1 - self.noise * (1 - 1 / self.n_classes)

    def facts(self) -> dict[str, Any]:
        """Give nothing: features are taken as they are."""
        return {}

    def read(self, blocks: Iterable[int]) -> list[Rows]:
        """Generate some blocks; a block is the same wherever and with whichever others it is generated."""
        return [self._block(block) for block in blocks]

    def _block(self, block: int) -> Rows:
        rng = np.random.default_rng([self.seed, block])
        count = min(BLOCK, self.rows - block * BLOCK)
        features = rng.standard_normal((count, self.n_features))
        inside = -np.expm1(-(features[:, :2] ** 2).sum(axis=1) / 2)  # part of all rows that lie further in
        labels = (inside * self.n_classes).astype(np.int64)
        replaced = rng.random(count) < self.noise
        return features, np.where(replaced, rng.integers(0, self.n_classes, count), labels)


def learnt_from(block: int, rows: Rows) -> Rows:
    """Give the rows of a block that a model learns from."""
    return _of(rows, ~_held(block, rows))


def held_back(block: int, rows: Rows) -> Rows:
    """Give the rows of a block that are kept back."""
    return _of(rows, _held(block, rows))


def _held(block: int, rows: Rows) -> npt.NDArray[np.bool_]:
    number = block * BLOCK + np.arange(len(rows[1]))
    held: npt.NDArray[np.bool_] = number % HELD == HELD - 1
    return held


def _of(rows: Rows, which: npt.NDArray[np.bool_]) -> Rows:
    features, classes = rows
    return features[which], classes[which]
