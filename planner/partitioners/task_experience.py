"""What earlier runs teach: how far the works of tasks are from what was stated, and how fast hosts and executors are.

All is done on logarithms of measured ÷ stated work. First it is told what the place adds in each run, by comparing
tasks of one kind, and, where they ran in several places, tasks with themselves (`executor_speeds`). Of what is left,
the newest runs decide (`newest`): of a kind the medians of its tasks in each run, of a task its own. Of a task that ran
in fewer than three runs the kind counts as one more, so that a single bad run of it never decides alone.

A place is taken for slow or fast, and planned for as such, only where at least two runs saw it and most of its runs
agree. Where one run alone was slow in a place, what ran there is still not taken for dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.model.arrays import Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.units import MICROSECONDS
from planner.partitioners.executor_speeds import (
    LEAST_EFFECT,
    LEAST_EFFECT_BY_ROWS,
    Compared,
    Measured,
    compare_places,
    medians,
    on_several,
    sampled,
)
from planner.partitioners.measured_tasks import MeasuredTasks, measured_tasks
from planner.partitioners.newest import AFTER_DRIFT, by_age, drifted, newest, row_medians

__all__ = ["AS_STATED", "BY_ITSELF", "BY_KIND", "KindLearnt", "PlaceLearnt", "TaskExperience", "learn_tasks"]

ENOUGH = 3
"""Runs of a task that decide without its kind."""

LEAST_RUNS = 2
"""Runs that must have seen a place before a speed of it is believed."""

MOST_COMPARED = 30_000
"""Measurements by which places are compared; of more, those of so many tasks."""

AS_STATED, BY_KIND, BY_ITSELF = 0, 1, 2
"""Where the work of a task comes from."""

_Factors: TypeAlias = Mapping[str, tuple[pa.Array, Float64]]
"""For each kind the ids of its tasks, and what their works are to be multiplied by."""


@dataclass(frozen=True)
class KindLearnt:
    """What is known of a kind of task.

    Attributes
    ----------
    kind : str
    runs, tasks : int
        How many runs had tasks of it, and how many different ones.
    stated, learnt : float
        Seconds on speed 1 of a typical task: as graphs state it, and as it was.
    factor : float
        By which the works of tasks that were never seen are multiplied.
    spread : float
        Two thirds of its tasks lie within this factor of a typical one, measured ÷ stated; 1, where all are alike.
    trend : float or None
        The last three runs ÷ those before; None, where there are none before.
    drifted : bool
        Whether the last three all lie beyond at least three before them.
    """

    kind: str
    runs: int
    tasks: int
    stated: float
    learnt: float
    factor: float
    spread: float
    trend: float | None
    drifted: bool


@dataclass(frozen=True)
class PlaceLearnt:
    """What is known of a host, or of an executor on it.

    Attributes
    ----------
    host : str
    executor : str or None
    runs, tasks : int
        How many runs used it, and how many different tasks ran there.
    speed : float or None
        Measured ÷ stated; None, where too little was measured.
    believed : bool
        Whether plans count on that speed.
    """

    host: str
    executor: str | None
    runs: int
    tasks: int
    speed: float | None
    believed: bool


@dataclass(frozen=True, eq=False)
class TaskExperience:
    """What earlier runs teach of tasks, hosts and executors. Made by `learn_tasks`.

    Attributes
    ----------
    runs : int
    kinds : tuple of KindLearnt
        Those on which most time is spent come first.
    hosts, executors : tuple of PlaceLearnt
    """

    runs: int
    kinds: tuple[KindLearnt, ...]
    hosts: tuple[PlaceLearnt, ...]
    executors: tuple[PlaceLearnt, ...]
    _of_task: _Factors
    _of_family: Mapping[tuple[str, str], float]

    def works(self, graph: Graph) -> tuple[Float64, Int32]:
        """Give by what the works of a graph's tasks are to be multiplied.

        Parameters
        ----------
        graph : Graph
            Data-parallel tasks in it get what their shards tell.

        Returns
        -------
        factor : ndarray of float, shape (n,)
            1 where nothing is known.
        source : ndarray of int32, shape (n,)
            `BY_ITSELF`, `BY_KIND` or `AS_STATED`.
        """
        factor, source = np.ones(graph.n), np.full(graph.n, AS_STATED, dtype=np.int32)
        of_kind = {known.kind: known.factor for known in self.kinds}
        for code, kind in enumerate(graph.kinds):
            if kind not in of_kind:
                continue
            mine = np.flatnonzero(graph.kind == code)
            ids, factors = self._of_task[kind]
            at = np.asarray(pc.fill_null(pc.index_in(graph.ids.take(pa.array(mine)), value_set=ids), -1))
            factor[mine] = np.where(at >= 0, factors[at], of_kind[kind])
            source[mine] = np.where(at >= 0, BY_ITSELF, BY_KIND)
        for task in graph.over:
            known = self._of_family.get((graph.kinds[graph.kind[task]], graph.names[task]))
            if known is not None:
                factor[task], source[task] = known, BY_ITSELF
        return factor, source

    def speeds(self, cluster: Cluster) -> Float64:
        """Give by what the speeds of a cluster's executors are to be multiplied; shape (executors,).

        An executor is known by host and id; where the cluster's hosts are not those of the runs, by its id, if that is
        of one executor only. What is not believed of an executor may be believed of its host.
        """
        hosts = {place.host: place for place in self.hosts}
        places = {(place.host, place.executor): place for place in self.executors}
        by_id: dict[str | None, list[PlaceLearnt]] = {}
        for place in self.executors:
            by_id.setdefault(place.executor, []).append(place)
        factor = np.ones(len(cluster.executors))
        for i, executor in enumerate(cluster.executors):
            own, host = places.get((executor.host, executor.id)), hosts.get(executor.host)
            if host is None and len(namesakes := by_id.get(executor.id, [])) == 1:
                own, host = namesakes[0], hosts[namesakes[0].host]
            believed = [place.speed for place in (own, host) if place is not None and place.believed]
            factor[i] = believed[0] if believed else 1.0
        return factor


def learn_tasks(history: pa.Table) -> TaskExperience:
    """Learn from runs.

    Parameters
    ----------
    history : pyarrow.Table
        As `planner.io.read_runs` gives it.
    """
    rows = measured_tasks(history)
    if not len(rows.task):
        return TaskExperience(0, (), (), (), {}, {})
    executors = _compared(rows, rows.executor, np.zeros(len(rows.executors), dtype=np.int64), rows.executor)
    hosts = _compared(rows, rows.host, np.zeros(len(rows.hosts), dtype=np.int64), rows.host)
    level = rows.log_ratio - _slowness(rows, hosts, executors)
    of_kind = _levels(rows.kind, len(rows.kinds), rows, level)
    kind_level = row_medians(np.where(newest(of_kind), of_kind, np.nan))
    factor = np.exp(_settled(_levels(rows.task, len(rows.names), rows, level), kind_level[rows.kind_of_task]))
    family = np.exp(_settled(_levels(rows.family, len(rows.families), rows, level), kind_level[rows.kind_of_family]))
    return TaskExperience(
        runs=rows.runs,
        kinds=_kinds(rows, level, of_kind, kind_level),
        hosts=_places([(host, None) for host in rows.hosts], hosts, rows.host, rows),
        executors=_places(list(rows.executors), executors, rows.executor, rows),
        _of_task=_by_kind(rows, factor),
        _of_family=dict(zip(rows.families, family.tolist(), strict=True)),
    )


def _slowness(rows: MeasuredTasks, hosts: Compared, executors: Compared) -> Float64:
    """Give what its executor, or its host, adds to each row: in its run, or, where that saw too little, in general."""
    slow = np.zeros(len(rows.task))
    for place, general in ((rows.host, hosts), (rows.executor, executors)):
        places = len(general.runs)
        used, pair = np.unique(rows.run.astype(np.int64) * places + place, return_inverse=True)
        then = _compared(rows, pair.astype(np.int32), used // places, place)
        told, speed = general.sure(LEAST_RUNS)[used % places], general.speed[used % places]
        told, speed = np.where(then.enough, then.clear, told), np.where(then.enough, then.speed, speed)
        slow = np.where(told[pair], -np.log(speed[pair]), slow)
    return slow


def _compared(rows: MeasuredTasks, place: Int32, block: Int64, where: Int32) -> Compared:
    """Compare places by tasks of one kind, or, where enough of them ran in several, by the same tasks.

    `where` is the place without regard to the run: a task that always ran in one place tells nothing of it.
    """
    nothing = np.zeros(len(place))
    measured = Measured(rows.task, rows.run, nothing, rows.log_ratio, nothing == 0)
    most = max(1, MOST_COMPARED // rows.runs)
    some = sampled(rows.task, most)
    compared = compare_places(measured.where(some), place[some], rows.kind[some], block, LEAST_EFFECT_BY_ROWS)
    several = on_several(rows.task, where)
    several &= sampled(np.where(several, rows.task, -1), most)
    kept = measured.where(several)
    same = compare_places(kept, place[several], kept.key, block, LEAST_EFFECT)
    return Compared(
        compared.enough | same.enough,
        np.where(same.enough, same.speed, compared.speed),
        np.where(same.enough, same.clear, compared.clear),
        compared.runs,
    )


def _levels(group: Int64, groups: int, rows: MeasuredTasks, level: Float64) -> Float64:
    """Give the median of each group in each run, the newest first."""
    used, pair = np.unique(group * rows.runs + rows.run, return_inverse=True)
    return by_age(medians(level, pair, len(used)), used // rows.runs, groups)


def _settled(levels: Float64, of_kind: Float64) -> Float64:
    """Give the level of tasks, by the runs that count; where these are few, the kind counts as one more."""
    counting = np.where(newest(levels), levels, np.nan)
    few = np.sum(~np.isnan(counting), axis=1) < ENOUGH
    return row_medians(np.column_stack([counting, np.where(few, of_kind, np.nan)]))


def _kinds(rows: MeasuredTasks, level: Float64, of_kind: Float64, kind_level: Float64) -> tuple[KindLearnt, ...]:
    kinds = len(rows.kinds)
    used, pair = np.unique(rows.kind * rows.runs + rows.run, return_inverse=True)
    rest = level - medians(level, pair, len(used))[pair]
    spread = np.exp(1.4826 * medians(np.abs(rest), rows.kind, kinds))
    stated = medians(rows.work_us.astype(np.float64), rows.kind, kinds) / MICROSECONDS
    runs, tasks = np.bincount(used // rows.runs, minlength=kinds), np.bincount(rows.kind_of_task, minlength=kinds)
    spent = np.bincount(rows.kind, weights=rows.work_us * np.exp(level), minlength=kinds)
    learnt = [
        KindLearnt(
            rows.kinds[i],
            int(runs[i]),
            int(tasks[i]),
            stated=float(stated[i]),
            learnt=float(stated[i] * np.exp(kind_level[i])),
            factor=float(np.exp(kind_level[i])),
            spread=float(spread[i]),
            trend=_trend(of_kind[i]),
            drifted=bool(runs[i] >= 2 * AFTER_DRIFT and drifted(of_kind[i : i + 1])[0]),
        )
        for i in np.argsort(-spent, kind="stable").tolist()
    ]
    return tuple(learnt)


def _trend(levels: Float64) -> float | None:
    last, older = levels[:AFTER_DRIFT], levels[AFTER_DRIFT:]
    older = older[~np.isnan(older)]
    return float(np.exp(np.median(last) - np.median(older))) if len(older) else None


def _places(
    names: list[tuple[str, str | None]], compared: Compared, place: Int32, rows: MeasuredTasks
) -> tuple[PlaceLearnt, ...]:
    pairs = np.unique(rows.task * len(names) + place) % len(names)
    tasks, believed = np.bincount(pairs, minlength=len(names)), compared.sure(LEAST_RUNS)
    return tuple(
        PlaceLearnt(
            host,
            executor,
            int(compared.runs[i]),
            int(tasks[i]),
            float(compared.speed[i]) if compared.enough[i] else None,
            bool(believed[i]),
        )
        for i, (host, executor) in enumerate(names)
    )


def _by_kind(rows: MeasuredTasks, factor: Float64) -> _Factors:
    of_kind: dict[str, tuple[list[str], list[float]]] = {kind: ([], []) for kind in rows.kinds}
    for (kind, name), value in zip(rows.names, factor.tolist(), strict=True):
        of_kind[kind][0].append(name)
        of_kind[kind][1].append(value)
    return {kind: (pa.array(names, pa.string()), np.array(values)) for kind, (names, values) in of_kind.items()}
