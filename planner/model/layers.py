"""A model as a graph of layers: what each takes, holds and sends, and which of them stay together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from planner.errors import Fault, InputError
from planner.model.arrays import Bool, Int32, Int64
from planner.model.faults import cycle_faults, tell
from planner.model.topology import edges_to_csr, topological_order, transpose

__all__ = ["NANOSECONDS", "LayerGraph"]

NANOSECONDS = 1_000_000_000
"""Layers take microseconds: their times are kept in nanoseconds."""
LONGEST_NS = 10**15
"""Nanoseconds (some 11 days) above which the time of one layer is taken for a mistake."""
MOST_BYTES = 10**15
"""Bytes above which a size is taken for a mistake; sums of a thousand of them stay inside 64 bits."""


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """A directed acyclic graph of layers (or operators, or callables). Make one with `from_arrays` or a reader.

    Attributes
    ----------
    names : tuple of str, length n
        Distinct.
    time_ns : ndarray of int64, shape (n,)
        Nanoseconds that a layer takes for one micro-batch on an accelerator or executor, forward and backward.
    host_ns : ndarray of int64, shape (n,)
        The same on a host: a device without a limit of memory that pays nothing for what it sends and receives.
    supported : ndarray of bool, shape (n,)
        Whether an accelerator can run it; what is not supported runs on a host.
    memory_bytes : ndarray of int64, shape (n,)
        What the device that runs it has to hold; the memory of a stage is the sum over its layers.
    output_bytes : ndarray of int64, shape (n,)
        What it hands to the layers after it, for one micro-batch.
    send_ns : ndarray of int64, shape (n,), or None
        Nanoseconds that its output takes into a device or out of one, where the input states it; else `output_bytes`
        are divided by a bandwidth when a plan is made.
    sync_bytes : ndarray of int64, shape (n,)
        Parameters that replicas of it bring in line after each batch; 0 where nothing is trained.
    color_class : ndarray of int32, shape (n,)
        Layers of one class stay on one device.
    backward : ndarray of bool, shape (n,)
        Whether it is a part of the backward pass: it stays with the forward layer of its class.
    pred_ptr : ndarray of int64, shape (n + 1,)
    pred : ndarray of int32, shape (m,)
        Predecessors of layer ``i`` are ``pred[pred_ptr[i]:pred_ptr[i + 1]]``, ascending.
    succ_ptr, succ
        The same for successors.
    order : ndarray of int32, shape (n,)
        A topological order.
    """

    names: tuple[str, ...]
    time_ns: Int64
    host_ns: Int64
    supported: Bool
    memory_bytes: Int64
    output_bytes: Int64
    send_ns: Int64 | None
    sync_bytes: Int64
    color_class: Int32
    backward: Bool
    pred_ptr: Int64
    pred: Int32
    succ_ptr: Int64
    succ: Int32
    order: Int32

    @classmethod
    def from_arrays(
        cls,
        names: Sequence[str] | None = None,
        *,
        time_ns: ArrayLike,
        source: ArrayLike = (),
        target: ArrayLike = (),
        host_ns: ArrayLike | None = None,
        supported: ArrayLike | None = None,
        memory_bytes: ArrayLike | None = None,
        output_bytes: ArrayLike | None = None,
        send_ns: ArrayLike | None = None,
        sync_bytes: ArrayLike | None = None,
        color_class: ArrayLike | None = None,
        backward: ArrayLike | None = None,
    ) -> LayerGraph:
        """Build a graph from columns, checking all of it.

        Parameters
        ----------
        names : sequence of str, optional
            Distinct; ``"0"``, ``"1"``, … when left out.
        time_ns : array_like of int, shape (n,)
            As the attribute; so is every other column. Left out, `host_ns` is `time_ns`, every layer is supported,
            sizes are 0, each layer is a class of its own, and nothing is a backward pass.
        source, target : array_like of int, shape (m,)
            Edges as positions of layers; parallel ones are merged.

        Raises
        ------
        InputError
            With every fault: names given twice, columns of another length, numbers that are negative or not finite,
            edges to layers that do not exist, cycles (shown).

        Examples
        --------
        >>> chain = LayerGraph.from_arrays(["embed", "score"], time_ns=[2000, 1000], source=[0], target=[1])
        >>> chain.n, chain.predecessors(1).tolist()
        (2, [0])
        """
        times = np.atleast_1d(np.asarray(time_ns))
        n = len(times)
        faults: list[Fault] = []
        known = _names(names, n, faults)

        def column(what: str, given: ArrayLike | None, most: int) -> Int64:
            return np.zeros(n, np.int64) if given is None else _whole(what, given, n, most, known, faults)

        time = column("time_ns", times, LONGEST_NS)
        host = time if host_ns is None else column("host_ns", host_ns, LONGEST_NS)
        send = None if send_ns is None else column("send_ns", send_ns, LONGEST_NS)
        sizes = [
            column(what, given, MOST_BYTES)
            for what, given in (("memory", memory_bytes), ("output", output_bytes), ("sync", sync_bytes))
        ]
        sources, targets = (np.asarray(ends, np.int64).reshape(-1) for ends in (source, target))
        faults += _edge_faults(sources, targets, n)
        if faults:
            raise InputError(faults)
        pred_ptr, pred, _ = edges_to_csr(n, sources, targets, np.zeros(len(sources), np.int64))
        succ_ptr, succ, _ = transpose(n, pred_ptr, pred)
        order = topological_order(pred_ptr, succ_ptr, succ)
        if len(order) < n:
            raise InputError([Fault("layers", fault.problem) for fault in cycle_faults(known, sources, targets)])
        return cls(
            names=known,
            time_ns=time,
            host_ns=host,
            supported=_flags("supported", supported, n, True),
            memory_bytes=sizes[0],
            output_bytes=sizes[1],
            send_ns=send,
            sync_bytes=sizes[2],
            color_class=_classes(color_class, n),
            backward=_flags("backward", backward, n, False),
            pred_ptr=pred_ptr,
            pred=pred,
            succ_ptr=succ_ptr,
            succ=succ,
            order=order,
        )

    @property
    def n(self) -> int:
        """Number of layers."""
        return len(self.time_ns)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.pred)

    def predecessors(self, layer: int) -> Int32:
        """Give the positions of the layers whose outputs `layer` takes."""
        return self.pred[self.pred_ptr[layer] : self.pred_ptr[layer + 1]]

    def successors(self, layer: int) -> Int32:
        """Give the positions of the layers that take the output of `layer`."""
        return self.succ[self.succ_ptr[layer] : self.succ_ptr[layer + 1]]

    def __repr__(self) -> str:
        return (
            f"LayerGraph({self.n} layers, {self.n_edges} edges, {self.time_ns.sum() / NANOSECONDS:g} s a micro-batch)"
        )


def _names(names: Sequence[str] | None, n: int, faults: list[Fault]) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(n)))
    known = tuple(map(str, names))
    if len(known) != n:
        faults.append(Fault("names", f"there are {len(known)} names for {n} layers; expected one each"))
        return tuple(map(str, range(n)))
    first: dict[str, int] = {}
    again = np.array([i for i, name in enumerate(known) if first.setdefault(name, i) != i], dtype=np.intp)
    tell(faults, again, "layers", lambda i: Fault(f"layers[{known[i]!r}]", "there is another of this name"))
    return known


def _whole(what: str, given: ArrayLike, n: int, most: int, names: tuple[str, ...], faults: list[Fault]) -> Int64:
    """Give a column of whole numbers, rounded where it holds fractions."""
    try:
        values = np.asarray(given, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        faults.append(Fault(what, "is no column of numbers; expected one number a layer"))
        return np.zeros(n, np.int64)
    if len(values) != n:
        faults.append(Fault(what, f"there are {len(values)} values for {n} layers; expected one each"))
        return np.zeros(n, np.int64)
    good = (values >= 0) & (values <= most)
    wanted = f"expected a number from 0 to {most:.0e}"
    wrong = np.flatnonzero(~good)
    tell(faults, wrong, what, lambda i: Fault(f"layers[{names[i]!r}].{what}", f"is {values[i]}; {wanted}"))
    return np.rint(np.where(good, values, 0)).astype(np.int64)


def _edge_faults(source: Int64, target: Int64, n: int) -> list[Fault]:
    if len(source) != len(target):
        return [Fault("edges", f"there are {len(source)} sources and {len(target)} targets; expected as many")]
    faults: list[Fault] = []
    wrong = np.flatnonzero((source < 0) | (source >= n) | (target < 0) | (target >= n))
    problem = f"there are {n} layers; expected the positions of two of them"
    tell(faults, wrong, "edges", lambda e: Fault(f"edges[{e}]", f"is {source[e]} -> {target[e]}; {problem}"))
    return faults


def _flags(what: str, given: Any, n: int, default: bool) -> Bool:
    flags = np.full(n, default) if given is None else np.asarray(given, dtype=bool).reshape(-1)
    if len(flags) != n:
        raise InputError([Fault(what, f"there are {len(flags)} values for {n} layers; expected one each")])
    return flags


def _classes(given: ArrayLike | None, n: int) -> Int32:
    if given is None:
        return np.arange(n, dtype=np.int32)
    classes = np.asarray(given).reshape(-1)
    if len(classes) != n:
        raise InputError([Fault("color_class", f"there are {len(classes)} values for {n} layers; expected one each")])
    return np.unique(classes, return_inverse=True)[1].astype(np.int32)
