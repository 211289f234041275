"""The compiled list scheduler against one that is written to be read, moment by moment."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner.cost import Problem
from planner.errors import InvalidPlanError
from planner.model import Cluster, Graph, Schedule
from planner.schedulers.justification import justify, mirrored
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, downward_rank, topological, upward_rank
from planner.validate import validate


class Plain:
    """Tasks one by one, each at the earliest moment at which nothing stands in its way."""

    def __init__(self, graph: Graph, cluster: Cluster) -> None:
        self.graph, self.cluster = graph, cluster
        self.placed: dict[int, tuple[int, int, int]] = {}

    def time(self, task: int, slot: int) -> int:
        executor = self.cluster.executors[self.cluster.slot_executor[slot]]
        return round(float(self.graph.work_us[task]) / executor.speed) + self.cluster.overhead_us

    def ready(self, task: int, slot: int) -> int:
        here, moment = int(self.cluster.slot_executor[slot]), 0
        for edge in range(self.graph.pred_ptr[task], self.graph.pred_ptr[task + 1]):
            there, _, ended = self.placed[int(self.graph.pred[edge])]
            there = int(self.cluster.slot_executor[there])
            moment = max(moment, ended + self.cluster.transfer_us(int(self.graph.edge_bytes[edge]), there, here))
        return moment

    def limit(self, slot: int) -> int | None:
        return self.cluster.executors[self.cluster.slot_executor[slot]].memory_bytes

    def holds(self, task: int, slot: int) -> bool:
        limit = self.limit(slot)
        return limit is None or int(self.graph.memory_bytes[task]) <= limit

    def on_executor(self, slot: int) -> list[int]:
        executor = self.cluster.slot_executor
        return [task for task, (on, _, _) in self.placed.items() if executor[on] == executor[slot]]

    def running(self, slot: int, moment: int) -> int:
        spans = ((task, *self.placed[task][1:]) for task in self.on_executor(slot))
        return sum(int(self.graph.memory_bytes[task]) for task, start, end in spans if start <= moment < end)

    def waiting(self, slot: int, moment: int) -> int:
        """Bytes of values made there that some task has yet to take; for ever, if one of those has no place."""
        total = 0
        for task in self.on_executor(slot):
            takers = self.graph.successors(task).tolist()
            placed = all(taker in self.placed for taker in takers)
            until = max(self.placed[taker][1] for taker in takers) if placed and takers else None
            if takers and self.placed[task][2] <= moment and (until is None or moment < until):
                total += int(self.graph.output_bytes[task])
        return total

    def roomy(self, task: int, slot: int, begin: int, end: int, values: bool) -> bool:
        limit, graph = self.limit(slot), self.graph
        if limit is None:
            return True
        spans = [self.placed[other][1:] for other in self.placed]
        moments = sorted({begin, end, *itertools.chain(*spans)})
        if graph.memory_bytes[task] and end > begin and not values:
            held = [self.running(slot, moment) for moment in moments if begin <= moment < end]
            return max(held) + int(graph.memory_bytes[task]) <= limit
        if not values:
            return True
        freed = sum(int(graph.output_bytes[source]) for source in self.last_of(task, slot, begin))
        value = int(graph.output_bytes[task]) if len(graph.successors(task)) else 0
        for moment in moments:
            held = self.running(slot, moment) + self.waiting(slot, moment) - freed
            if begin <= moment < end and graph.memory_bytes[task] and held + int(graph.memory_bytes[task]) > limit:
                return False
            if end <= moment and value > freed and held + value > limit:
                return False
        return True

    def last_of(self, task: int, slot: int, begin: int) -> list[int]:
        """Tasks on the same executor whose value only this one has yet to take."""
        last = []
        for source in set(self.graph.predecessors(task).tolist()) & set(self.on_executor(slot)):
            others = [taker for taker in self.graph.successors(source).tolist() if taker != task]
            if all(taker in self.placed and self.placed[taker][1] <= begin for taker in others):
                last.append(source)
        return last

    def free(self, slot: int, begin: int, end: int, insertion: bool) -> bool:
        on_slot = [(start, finish) for other, start, finish in self.placed.values() if other == slot]
        if not insertion and any(finish > begin for _, finish in on_slot):
            return False
        return not any((start < end and begin < finish) or start < begin < finish for start, finish in on_slot)

    def start(self, task: int, slot: int, insertion: bool, values: bool) -> int | None:
        ready, takes = self.ready(task, slot), self.time(task, slot)
        known = set(itertools.chain(*(span[1:] for span in self.placed.values())))
        moments = sorted(m for m in {ready, *known, *(moment - takes for moment in known)} if m >= ready)
        for begin in moments:
            end = begin + takes
            if self.free(slot, begin, end, insertion) and self.roomy(task, slot, begin, end, values):
                return begin
        return None

    def place(self, task: int, slots: list[int], by_start: bool, insertion: bool, values: bool) -> bool:
        choices = []
        for slot in slots:
            if self.holds(task, slot) and (begin := self.start(task, slot, insertion, values)) is not None:
                end = begin + self.time(task, slot)
                choices.append(((begin, end) if by_start else (end, begin), slot, begin, end))
        if choices:
            _, slot, begin, end = min(choices)
            self.placed[task] = slot, begin, end
        return bool(choices)

    def place_all(self, order: list[int], slots: dict[int, list[int]], by_start: bool, insertion: bool) -> None:
        """In order; but a task that finds no room beside the values that wait lets others go before it."""
        left = list(order)
        while left:
            for task in left:
                ready = all(source in self.placed for source in self.graph.predecessors(task).tolist())
                if ready and self.place(task, slots[task], by_start, insertion, values=True):
                    break
            else:
                task = left[0]
                self.place(task, slots[task], by_start, insertion, values=False)
            left.remove(task)


@st.composite
def topological_orders(draw: st.DrawFn, graph: Graph) -> list[int]:
    left, order = set(range(graph.n)), []
    while left:
        ready = sorted(task for task in left if not left & set(graph.predecessors(task).tolist()))
        order.append(draw(st.sampled_from(ready)))
        left.remove(order[-1])
    return order


@given(graphs(9), clusters(), st.booleans(), st.booleans(), st.data())
@settings(max_examples=50, deadline=None)
def test_every_task_goes_where_reading_the_rules_puts_it(
    graph: Graph, cluster: Cluster, by_start: bool, insertion: bool, data: st.DataObject
) -> None:
    order = data.draw(topological_orders(graph))
    problem, plain = Problem.of(graph, cluster), Plain(graph, cluster)
    forced = np.full(graph.n, -1, dtype=np.int32)
    for task in data.draw(st.sets(st.sampled_from(range(graph.n)))):
        allowed = [slot for slot in range(cluster.n_slots) if plain.holds(task, slot)]
        forced[task] = data.draw(st.sampled_from(allowed))
    slots = {task: list(range(cluster.n_slots)) if forced[task] < 0 else [int(forced[task])] for task in order}
    plain.place_all(order, slots, by_start, insertion)
    found = list_schedule(
        problem,
        np.array(order, dtype=np.int32),
        slots=forced,
        first="start" if by_start else "finish",
        insertion=insertion,
    )
    validate(graph, cluster, found)
    columns = zip(found.slot.tolist(), found.start_us.tolist(), found.finish_us.tolist(), strict=True)
    assert list(columns) == [plain.placed[task] for task in range(graph.n)]


@given(graphs(), clusters())
@settings(max_examples=30, deadline=None)
def test_ranks_are_longest_paths_and_orders_are_topological(graph: Graph, cluster: Cluster) -> None:
    problem = Problem.of(graph, cluster)
    up, down = upward_rank(problem), downward_rank(problem)
    for task in range(graph.n):
        after = [problem.mean_edge_us[e] + up[graph.succ[i]] for i, e in _successor_edges(graph, task)]
        before = [
            down[graph.pred[e]] + problem.mean_time_us[graph.pred[e]] + problem.mean_edge_us[e]
            for e in range(graph.pred_ptr[task], graph.pred_ptr[task + 1])
        ]
        assert up[task] == problem.mean_time_us[task] + max(after, default=0)
        assert down[task] == max(before, default=0)
    shuffled = np.random.default_rng(0).permutation(graph.n).astype(np.float64)
    for order in (by_rank(problem, up), topological(problem, shuffled)):
        position = np.argsort(order)
        assert sorted(order.tolist()) == list(range(graph.n))
        assert all(position[source] < position[task] for task in range(graph.n) for source in graph.predecessors(task))


def _successor_edges(graph: Graph, task: int) -> list[tuple[int, int]]:
    return [(i, int(graph.succ_edge[i])) for i in range(graph.succ_ptr[task], graph.succ_ptr[task + 1])]


@given(graphs(), clusters(), st.integers(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_justification_is_valid_and_never_longer_on_equal_slots(
    graph: Graph, cluster: Cluster, slots: int, data: st.DataObject
) -> None:
    order = np.array(data.draw(topological_orders(graph)), dtype=np.int32)
    for executors in (cluster, Cluster.uniform(1, slots), Cluster.uniform(slots)):
        problem = Problem.of(replace(graph, output_bytes=np.zeros(graph.n, dtype=np.int64)), executors)
        before = list_schedule(problem, order)
        after = justify(problem, mirrored(problem), before)
        validate(graph, executors, after)
        assert executors is cluster or after.makespan_us <= before.makespan_us


@given(graphs(4), clusters(2), st.data())
@settings(max_examples=80, deadline=None)
def test_the_validator_agrees_with_looking_at_every_moment(graph: Graph, cluster: Cluster, data: st.DataObject) -> None:
    """Half seconds are all that matters: a valid schedule with some starts and slots moved, valid or not."""
    problem = Problem.of(graph, cluster)
    found = list_schedule(problem, problem.order)
    moved = data.draw(
        st.lists(st.sampled_from([-1_000_000, -1, 0, 0, 0, 1, 500_000]), min_size=graph.n, max_size=graph.n)
    )
    slot = found.slot.copy()
    for task in range(graph.n):
        slot[task] = data.draw(
            st.sampled_from([slot[task], slot[task], data.draw(st.integers(0, cluster.n_slots - 1))])
        )
    time = problem.time_us[np.arange(graph.n), problem.executor_class[problem.slot_executor[slot]]]
    start = np.maximum(0, found.start_us + np.array(moved))
    schedule = Schedule(slot, start, start + time)
    try:
        validate(graph, cluster, schedule)
        said = True
    except InvalidPlanError:
        said = False
    assert said == _valid(graph, cluster, schedule)


def _valid(graph: Graph, cluster: Cluster, schedule: Schedule) -> bool:
    slot, start, finish = schedule.slot.tolist(), schedule.start_us.tolist(), schedule.finish_us.tolist()
    executor = cluster.slot_executor[schedule.slot].tolist()
    for task in range(graph.n):
        for edge in range(graph.pred_ptr[task], graph.pred_ptr[task + 1]):
            source = int(graph.pred[edge])
            sent = cluster.transfer_us(int(graph.edge_bytes[edge]), executor[source], executor[task])
            if start[task] < finish[source] + sent:
                return False
    for a, b in itertools.permutations(range(graph.n), 2):
        if slot[a] == slot[b] and ((start[a] < finish[b] and start[b] < finish[a]) or start[a] < start[b] < finish[a]):
            return False
    for position, each in enumerate(cluster.executors):
        if each.memory_bytes is None:
            continue
        tasks = [task for task in range(graph.n) if executor[task] == position]
        if any(int(graph.memory_bytes[task]) > each.memory_bytes for task in tasks):
            return False
        for moment in {start[task] for task in tasks}:
            running = [task for task in tasks if start[task] <= moment < finish[task]]
            if int(graph.memory_bytes[running].sum()) > each.memory_bytes:
                return False
    return True
