"""Train a small neural network in step on all shards: their gradients, merged as a tree, make one step.

The network has one hidden layer (tanh) and tells classes apart (softmax, cross-entropy). All rows count in every step,
so where the data lies does not matter; steps are those of D. P. Kingma and J. Ba, Adam: a method for stochastic
optimization, ICLR 2015, algorithm 1, arXiv:1412.6980.

The result does not depend, to the last digit, on the number of shards or the shape of the tree: the gradient of a block
of rows is rounded to whole multiples of 2 ** -40, and sums of whole numbers are the same in every order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from planner.recipes.training_data import BLOCK, HELD, Floats, Rows, Source, held_back, learnt_from

__all__ = [
    "HIDDEN",
    "RATE",
    "Sums",
    "Training",
    "accuracy",
    "gradient",
    "load",
    "merge",
    "save",
    "start",
    "step",
    "train",
]

SCALE = 2.0**40
"""Gradients and losses are added up as multiples of 1 / SCALE."""

LARGEST = 2.0**20
"""What is added up stays far below this, and its sums below 2 ** 63 / SCALE, unless the training diverges."""

RATE = 0.05
"""Length of a step."""

HIDDEN = 64
"""Hidden units."""

DECAY, SQUARE_DECAY, SMALLEST = 0.9, 0.999, 1e-8
"""Adam's β1, β2 and ε, as its authors recommend them."""

JUDGED = 100
"""Blocks whose rows kept back are enough to judge a network by: some ten thousand rows."""

Sums: TypeAlias = npt.NDArray[np.int64]
"""Of some rows: the gradient and the loss in multiples of 1 / SCALE, and how many rows are told rightly."""


@dataclass(frozen=True, eq=False)
class Training:
    """A network, and how far its training has come.

    Attributes
    ----------
    sizes : tuple of int
        Features, hidden units, classes.
    weights : ndarray of float
        All weights, one after another.
    moment, square : ndarray of float
        Running means of the gradient and of its square.
    losses : tuple of float
        Mean cross-entropy of all rows before each step.
    accuracies : tuple of float
        Part of all rows that was told rightly before each step.
    """

    sizes: tuple[int, int, int]
    weights: Floats
    moment: Floats
    square: Floats
    losses: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()


def start(features: int, hidden: int, classes: int, seed: int = 0) -> Training:
    """Make a network with small random weights, the same for the same seed."""
    rng = np.random.default_rng(seed)
    layers = [(features, hidden), (hidden, classes)]
    parts = [(rng.standard_normal(shape) / np.sqrt(shape[0]), np.zeros(shape[1])) for shape in layers]
    weights = np.concatenate([part.ravel() for layer in parts for part in layer])
    return Training((features, hidden, classes), weights, np.zeros_like(weights), np.zeros_like(weights))


def load(blocks: Sequence[int], source: Source) -> list[Rows]:
    """Read the rows of a shard that are learnt from: once, and then they stay where they are."""
    return [learnt_from(block, rows) for block, rows in zip(blocks, source.read(blocks), strict=True)]


def gradient(shard: Iterable[Rows], training: Training, total: int) -> Sums:
    """Compute what the rows of a shard add to the mean gradient of all.

    Parameters
    ----------
    shard : iterable of Rows
        As `load` gives them.
    training : Training
    total : int
        Rows in all shards together.

    Raises
    ------
    OverflowError
        If the gradient is beyond all bounds: the training diverges.
    """
    sums = np.zeros(len(training.weights) + 2, dtype=np.int64)
    for rows in shard:
        sums += _block(rows, training, total)
    return sums


def merge(parts: Sequence[Sums]) -> Sums:
    """Add up what several shards gave: whole numbers, so the order does not matter."""
    merged: Sums = np.sum(parts, axis=0)
    return merged


def step(training: Training, sums: Sums, total: int, rate: float = RATE) -> Training:
    """Take one step against the gradient of all rows.

    Parameters
    ----------
    training : Training
    sums : Sums
        Of all shards.
    total : int
        Rows in all of them.
    rate : float
    """
    slope, loss, right = sums[:-2] / SCALE, float(sums[-2] / SCALE), int(sums[-1])
    moment = DECAY * training.moment + (1 - DECAY) * slope
    square = SQUARE_DECAY * training.square + (1 - SQUARE_DECAY) * slope * slope
    steps = len(training.losses) + 1
    mean, square_mean = moment / (1 - DECAY**steps), square / (1 - SQUARE_DECAY**steps)
    weights = training.weights - rate * mean / (np.sqrt(square_mean) + SMALLEST)
    losses, accuracies = (*training.losses, loss), (*training.accuracies, right / total)
    return Training(training.sizes, weights, moment, square, losses, accuracies)


def train(source: Source, *, steps: int, hidden: int = HIDDEN, seed: int = 0, rate: float = RATE) -> Training:
    """Train in this process alone, without a graph: what a run on Spark has to agree with, to the last digit.

    Parameters
    ----------
    source : Source
    steps, hidden, seed, rate
        As `planner.recipes.training_graph.training_graph`.

    Examples
    --------
    >>> from planner.recipes.training_data import Rings
    >>> trained = train(Rings(2000), steps=30)
    >>> trained.losses[0] > 1.3 > 1.2 > trained.losses[-1]
    True
    """
    total = source.rows - source.rows // HELD
    everything = load(range(-(-source.rows // BLOCK)), source)
    training = start(source.n_features, hidden, source.n_classes, seed)
    for _ in range(steps):
        training = step(training, gradient(everything, training, total), total, rate)
    return training


def accuracy(training: Training, source: Source) -> float:
    """Give the part of the rows kept back that a network tells rightly; of many rows, of some spread over all."""
    every = range(-(-source.rows // BLOCK))
    blocks = every[:: max(1, len(every) // JUDGED)]
    right = rows = 0
    for block, read in zip(blocks, source.read(blocks), strict=True):
        features, classes = held_back(block, read)
        _, scores = _forward(features, training)
        right, rows = right + int((scores.argmax(axis=1) == classes).sum()), rows + len(classes)
    return right / rows if rows else float("nan")


def save(training: Training, source: Source, path: str | os.PathLike[str]) -> None:
    """Write a network as ``.npz``, with what one has to know of its source.

    The score of each class is ``tanh(x @ inner + inner_bias) @ outer + outer_bias``, where ``x`` are the features, of a
    table less ``middle`` and divided by ``scale``.
    """
    layers: dict[str, Any] = dict(zip(("inner", "inner_bias", "outer", "outer_bias"), _layers(training), strict=True))
    np.savez(path, **layers, losses=np.array(training.losses), **source.facts())


def _layers(training: Training) -> tuple[Floats, Floats, Floats, Floats]:
    features, hidden, classes = training.sizes
    shapes = [(features, hidden), (hidden,), (hidden, classes), (classes,)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    one, two, three, four = np.split(training.weights, ends)
    return one.reshape(shapes[0]), two, three.reshape(shapes[2]), four


def _forward(features: Floats, training: Training) -> tuple[Floats, Floats]:
    """Give what the hidden units say, and the score of each class."""
    inner, inner_bias, outer, outer_bias = _layers(training)
    hidden: Floats = np.tanh(features @ inner + inner_bias)
    scores: Floats = hidden @ outer + outer_bias
    return hidden, scores


def _block(rows: Rows, training: Training, total: int) -> Sums:
    features, classes = rows
    hidden, scores = _forward(features, training)
    own = np.arange(len(classes)), classes
    right = int((scores.argmax(axis=1) == classes).sum())
    scores -= scores.max(axis=1, keepdims=True)
    logarithm = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = -logarithm[own].sum() / total
    above = np.exp(logarithm)
    above[own] -= 1
    above /= total
    back = (above @ _layers(training)[2].T) * (1 - hidden * hidden)
    parts = [features.T @ back, back.sum(axis=0), hidden.T @ above, above.sum(axis=0), np.array([loss])]
    flat = np.concatenate([part.ravel() for part in parts])
    if not np.abs(flat).max(initial=0) < LARGEST:
        raise OverflowError("the training diverges: its gradient is beyond all bounds; a smaller rate may help")
    return np.append(np.rint(flat * SCALE).astype(np.int64), right)
