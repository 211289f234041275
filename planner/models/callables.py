"""A chain of callables as a model: each is a layer, and neighbours may share a stage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import Fault, InputError
from planner.model.layers import LayerGraph
from planner.model.stage_plan import StagePlan
from planner.models.model import Model
from planner.models.remote import measured_there
from planner.models.running import stream_plan
from planner.streaming import as_batch, chain

if TYPE_CHECKING:
    from planner.spark import StreamResult

__all__ = ["is_chain", "read_callables"]


def is_chain(source: Any) -> bool:
    """Tell whether something is a list of callables."""
    return isinstance(source, Sequence) and not isinstance(source, str | bytes) and all(map(callable, source))


def read_callables(
    calls: Sequence[Callable[..., Any]],
    *,
    batch: Mapping[str, Any] | None = None,
    seconds: Sequence[float] | None = None,
    runs: int = 3,
    spark: Any = None,
) -> Model:
    """Make a model of callables that follow one another, such as tokenise, embed, score.

    Each takes and gives a micro-batch: a dict of names and numpy arrays. A class is made into an object once on each
    slot, without arguments, and the object is called: what takes long to load belongs into its ``__init__``.

    Parameters
    ----------
    calls : sequence of callable
    batch : mapping of str to array, optional
        A micro-batch of yours; each callable is measured with it, in this process.
    seconds : sequence of float, optional
        How long each takes, if that is known. With neither, all count the same.
    runs : int
        Runs of which each one's time is the median; one more warms up.
    spark : SparkSession, optional
        To measure on one of its executors, and to count the cores that executors share.

    Raises
    ------
    InputError
        If there is no callable, what else is given does not fit, or one raises when it is measured.

    Examples
    --------
    >>> read_callables([str.lower, str.split, len], seconds=[0.4, 0.1, 0.2]).plan(executors=2).stage.tolist()
    [0, 1, 1]
    """
    faults = []
    if not calls:
        faults.append(Fault("model", "is an empty list; expected callables"))
    if batch is not None and seconds is not None:
        faults.append(Fault("seconds", "goes without batch, with which times are measured; expected one of them"))
    if seconds is not None and (len(seconds) != len(calls) or not all(0 < each < 1e6 for each in seconds)):
        faults.append(Fault("seconds", f"is {list(seconds)}; expected {len(calls)} times above 0"))
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        faults.append(Fault("runs", f"is {runs!r}; expected a whole number of at least 1"))
    if faults:
        raise InputError(faults)
    sizes, cores = [0] * len(calls), None
    if batch is not None and spark is not None:
        (seconds, sizes), cores = measured_there(spark, partial(_measured, calls, batch, runs))
    elif batch is not None:
        seconds, sizes = _measured(calls, batch, runs)
    times = [round(each * 1e9) for each in seconds] if seconds is not None else [1_000_000] * len(calls)
    names = _names(calls)
    before, after = list(range(len(calls) - 1)), list(range(1, len(calls)))
    layers = LayerGraph.from_arrays(names, time_ns=times, output_bytes=sizes, source=before, target=after)
    return Model(layers, " → ".join(names), runner=_Runner(tuple(calls), names), cores=cores)


class _Runner:
    def __init__(self, calls: Sequence[Any], names: Sequence[str]) -> None:
        self._calls, self._names = calls, names

    def __call__(
        self, plan: StagePlan, spark: Any, frame: Any, *, columns: Sequence[str], batch: int = 32
    ) -> StreamResult:
        parts = [plan.layers(stage).tolist() for stage in range(plan.n_stages)]
        stages = [
            chain(" → ".join(self._names[i] for i in part), [self._calls[i] for i in part], replicas)
            for part, replicas in zip(parts, plan.replicas.tolist(), strict=True)
        ]
        return stream_plan(plan, spark, frame, stages, columns, batch)


def _names(calls: Sequence[Any]) -> list[str]:
    """Name each callable as it names itself, one that comes again by its place as well."""
    names: list[str] = []
    for place, call in enumerate(calls):
        name = str(getattr(call, "__name__", type(call).__name__))
        names.append(f"{name} {place}" if name in names or name == "<lambda>" else name)
    return names


def _measured(calls: Sequence[Any], batch: Mapping[str, Any], runs: int) -> tuple[list[float], list[int]]:
    seconds, sizes = [], []
    try:
        given = as_batch(batch)
    except TypeError as error:
        problem = f"is a {type(batch).__name__}; expected a dict of names and numpy arrays"
        raise InputError([Fault("batch", problem)]) from error
    for place, (name, call) in enumerate(zip(_names(calls), calls, strict=True)):
        times = []
        try:
            run = call() if isinstance(call, type) else call
            for _ in range(1 + runs):
                own = {column: array.copy() for column, array in given.items()}
                began = time.perf_counter()
                made = run(own)
                times.append(time.perf_counter() - began)
            given = as_batch(made)
        except Exception as error:
            problem = f"{name} raised {type(error).__name__} on the batch to measure with: {error}"
            raise InputError([Fault(f"model[{place}]", problem)]) from error
        seconds.append(max(statistics.median(times[1:]), 1e-9))
        sizes.append(sum(int(np.asarray(array).nbytes) for array in given.values()))
    return seconds, sizes
