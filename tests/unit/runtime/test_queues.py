"""What each slot is told, against counting by hand on random plans with references and order-only edges."""

from __future__ import annotations

from typing import Any

import cloudpickle
import numpy as np
import pytest

from planner.errors import InputError
from planner.model import Bound, Call, Cluster, Graph, GraphBuilder, Plan, Ref, Refs, Schedule
from planner.runtime.queues import pack_queue, result_tasks
from planner.runtime.slot_queue import SlotQueue
from tests.unit.runtime.processes import slot_queues

RUNS = ("operator:add", "builtins:max", len)


def _random_call(rng: np.random.Generator, before: list[int]) -> tuple[Call, set[int]]:
    """Take the values of some predecessors, some of them twice, in all places where a reference may stand."""
    taken = [task for task in before if rng.random() < 0.6]
    args: list[Any] = [Ref(task) for task in taken if rng.random() < 0.5] + [3]
    kwargs: dict[str, Any] = {f"k{task}": Ref(task) for task in taken if rng.random() < 0.3}
    listed = tuple(task for task in taken if rng.random() < 0.3) * 2
    kwargs["many"] = Refs(listed)
    used = {a.task for a in args if isinstance(a, Ref)} | {int(key[1:]) for key in kwargs if key != "many"}
    return Call(RUNS[int(rng.integers(3))], tuple(args), kwargs), used | set(listed)


def _random_plan(seed: int) -> tuple[Plan, list[set[int]]]:
    """As soon as possible, in an order of the graph's own, on random slots; some tasks take no time."""
    rng = np.random.default_rng(seed)
    n, slots = int(rng.integers(1, 25)), int(rng.integers(1, 5))
    pairs = [(a, b) for b in range(n) for a in range(b) if rng.random() < 0.25]
    label = rng.permutation(n)  # so that the numbers of the tasks are not a topological order
    source, target = [int(label[a]) for a, _ in pairs], [int(label[b]) for _, b in pairs]
    drawn = [_random_call(rng, [a for a, b in zip(source, target, strict=True) if b == task]) for task in range(n)]
    graph = Graph.from_arrays(work=[1] * n, source=source, target=target, calls=[call for call, _ in drawn])
    slot = rng.integers(0, slots, n).astype(np.int32)
    start, finish = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    free = [0] * slots
    for task in graph.order.tolist():
        start[task] = max([free[slot[task]], *finish[graph.predecessors(task)].tolist()])
        finish[task] = start[task] + int(rng.integers(0, 3)) * 10**6
        free[slot[task]] = int(finish[task])
    plan = Plan(graph, Cluster.uniform(slots), Schedule(slot, start, finish), Bound(0, ""), "by hand")
    return plan, [used for _, used in drawn]


@pytest.mark.parametrize("emulate", [None, 0.5])
def test_queues_say_who_takes_what(emulate: float | None) -> None:
    order_only = followed = 0
    for seed in range(150):
        plan, takes = _random_plan(seed)
        graph, slot = plan.graph, plan.schedule.slot.tolist()
        before = [graph.predecessors(task).tolist() for task in range(graph.n)]
        if emulate is not None:
            takes = [set(tasks) for tasks in before]
        queues = slot_queues(plan, emulate=emulate)
        assert [queue.slot for queue in queues] == list(range(plan.cluster.n_slots))
        assert sorted(e.task for queue in queues for e in queue.entries) == list(range(graph.n))
        for here, queue in enumerate(queues):
            mine = [task for task in range(graph.n) if slot[task] == here]
            for entry in queue.entries:
                task = entry.task
                assert slot[task] == here
                assert entry.id == graph.names[task]
                assert sorted(entry.inputs) == before[task]
                takers = [other for other in range(graph.n) if task in takes[other]]
                waiters = [other for other in range(graph.n) if task in before[other]]
                assert entry.readers == tuple(sorted({slot[other] for other in takers} - {here}))
                assert entry.followers == tuple(
                    sorted({slot[other] for other in waiters} - {slot[other] for other in takers} - {here})
                )
                assert (task in queue.shared) == (len(takers) > 1)
                assert entry.result == (emulate is None and not waiters)
                order_only += len(waiters) - len(takers)
                followed += len(entry.followers)
            awaited = {other for task in mine for other in before[task] if slot[other] != here}
            used = [other for task in mine for other in takes[task]]
            assert queue.uses == {other: used.count(other) for other in used}
            assert queue.peers == tuple(sorted({slot[other] for other in awaited}))
            shared = {task for task in {*mine, *used} if sum(task in used for used in takes) > 1}
            assert queue.shared == shared
    assert (order_only > 100) == (emulate is None), "the plans have order-only edges"
    assert (followed > 50) == (emulate is None)


def test_calls_arrive_with_their_functions_and_arguments() -> None:
    for seed in range(30):
        plan, _ = _random_plan(seed)
        for queue in map(pack_queue, slot_queues(plan)):
            arrived: SlotQueue = cloudpickle.loads(queue)
            for entry in arrived.entries:
                call = plan.graph.calls[entry.task]
                assert call is not None
                assert entry.call is not None
                which, args, kwargs = entry.call
                assert (arrived.functions[which], args, kwargs) == (call.run, call.args, call.kwargs)
                assert entry.emulate is None


def test_slots_that_follow_their_queues_never_wait_for_one_another_in_a_circle() -> None:
    for seed in range(300):
        plan, _ = _random_plan(seed)
        queues = [list(queue.entries) for queue in slot_queues(plan)]
        for queue in queues:
            starts = [int(plan.schedule.start_us[entry.task]) for entry in queue]
            assert starts == sorted(starts)
        done: set[int] = set()
        while any(queues):
            ready = [queue for queue in queues if queue and done.issuperset(queue[0].inputs)]
            assert ready, f"plan {seed}: every slot waits"
            done.add(ready[0].pop(0).task)


def test_results_are_the_tasks_on_which_none_waits_not_even_for_its_end() -> None:
    builder = GraphBuilder()
    first = builder.add("builtins:int", 1, id="first")
    builder.add("builtins:int", 2, id="second", after=[first])
    builder.add("builtins:int", 3, id="alone")
    graph = builder.build()
    assert [graph.names[task] for task in result_tasks(graph)] == ["second", "alone"]


def test_a_trace_has_nothing_to_run_unless_it_is_emulated() -> None:
    schedule = Schedule(np.array([0, 1], np.int32), np.array([0, 10**6]), np.array([10**6, 3 * 10**6]))
    trace = Graph.from_arrays(["a", "b"], work=[1, 2], source=[0], target=[1], output=[10**6, 5])
    plan = Plan(trace, Cluster.uniform(2), schedule, Bound(0, ""), "by hand")
    with pytest.raises(InputError, match="this graph is a trace"):
        slot_queues(plan)
    first, second = slot_queues(plan, emulate=0.01)
    assert first.entries[0].emulate == (0.01, 10_000)
    assert second.entries[0].emulate == (0.02, 0)
    assert second.uses == {0: 1}


def test_tasks_without_a_call_among_others_are_named() -> None:
    graph = Graph.from_arrays(["a", "b"], work=[1, 1], calls=[Call("builtins:int"), None])
    nothing = np.zeros(2, dtype=np.int64)
    plan = Plan(graph, Cluster.uniform(1), Schedule(nothing.astype(np.int32), nothing, nothing), Bound(0, ""), "")
    with pytest.raises(InputError) as caught:
        slot_queues(plan)
    assert "tasks['b'].run" in str(caught.value)
    assert "'a'" not in str(caught.value)
