"""What is learnt while a plan runs, and what is moved because of it, in worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import Cluster, Graph, InputError, plan, simulate
from planner.model import Plan
from planner.rebalancing import Lived, Rebalancer, live_through
from planner.rebalancing.beliefs import Beliefs

SECOND = 10**6


def layered(tasks: int = 320, width: int = 40, seed: int = 0, mean: float = 0.1) -> Graph:
    """Give layers of log-normal tasks, each of which waits for three of the layer before."""
    rng = np.random.default_rng(seed)
    work = rng.lognormal(np.log(mean) - 0.5, 1.0, tasks)
    behind = np.arange(width, tasks)
    before = np.stack([(i // width - 1) * width + rng.choice(width, 3, replace=False) for i in behind])
    return Graph.from_arrays(work=work, source=before.ravel(), target=np.repeat(behind, 3))


def world(
    planned: Plan, *, noise: float = 0.0, slow: float = 1.0, since_s: float = 0.0, seed: int = 0
) -> tuple[Callable[[int, int, int], int], np.ndarray]:
    """Give what tasks really take, where executor 0 is slower from a moment on, and the factors of each task."""
    factor = (
        np.exp(np.random.default_rng(seed).normal(0, noise, planned.graph.n)) if noise else np.ones(planned.graph.n)
    )

    def takes(task: int, executor: int, at_us: int) -> int:
        slower = slow if executor == 0 and at_us >= since_s * SECOND else 1.0
        return max(1, round(float(planned.graph.work_us[task] * factor[task] * slower)))

    return takes, factor


def moves(lived: Lived) -> int:
    return sum(len(decision.moves) for decision in lived.decisions)


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(layered(), Cluster.uniform(8), iterations=300)


def best(planned: Plan, factor: np.ndarray, slow: float) -> float:
    """Give the bound of the plan that knows the truth, in microseconds."""
    graph = replace(planned.graph, work_us=np.maximum(1, np.rint(planned.graph.work_us * factor)).astype(np.int64))
    cluster = planned.cluster
    executors = tuple(replace(e, speed=1 / slow) if e.id == "0" else e for e in cluster.executors)
    return plan(graph, replace(cluster, executors=executors), iterations=300).bound.us


def test_where_all_is_as_planned_nothing_is_moved(planned: Plan) -> None:
    takes, _ = world(planned)
    lived = live_through(planned, takes, Rebalancer(planned))
    assert moves(lived) == 0 and lived.schedule.makespan_us <= 1.01 * planned.makespan_us
    assert all(
        "moves would win" in decision.reason or decision.reason == "all is as planned" for decision in lived.decisions
    )


@pytest.mark.parametrize(
    ("noise", "slow", "most"), [(0.0, 4.0, 1.05), (0.0, 1.5, 1.05), (0.1, 4.0, 1.06), (np.log(2), 1.0, 1.15)]
)
def test_in_another_world_than_planned_it_ends_near_the_best(
    planned: Plan, noise: float, slow: float, most: float
) -> None:
    takes, factor = world(planned, noise=noise, slow=slow)
    lived, kept = live_through(planned, takes, Rebalancer(planned)), live_through(planned, takes)
    assert lived.schedule.makespan_us <= most * best(planned, factor, slow)
    assert lived.schedule.makespan_us < 0.95 * kept.schedule.makespan_us
    assert sorted(decision.at_us for decision in lived.decisions) == [d.at_us for d in lived.decisions]


def test_where_costs_are_wrong_slots_that_run_dry_take_what_is_ready(planned: Plan) -> None:
    takes, _ = world(planned, noise=np.log(2))
    lived = live_through(planned, takes, Rebalancer(planned))
    least = live_through(planned, takes, Rebalancer(planned, "least_loaded"))
    reasons = [move.reason for decision in lived.decisions for move in decision.moves]
    assert reasons.count("a slot runs dry") > 20
    assert lived.schedule.makespan_us < least.schedule.makespan_us
    assert not [m for d in least.decisions for m in d.moves if "runs dry" in m.reason]


def test_an_executor_that_becomes_slow_at_mid_run_is_found(planned: Plan) -> None:
    half = planned.makespan / 2
    takes, _ = world(planned, slow=4.0, since_s=half)
    lived, kept = live_through(planned, takes, Rebalancer(planned)), live_through(planned, takes)
    capacity = half + half * 8 / 7.25
    assert lived.schedule.makespan_us <= 1.12 * capacity * SECOND
    assert lived.schedule.makespan_us < 0.7 * kept.schedule.makespan_us
    reasons = {move.reason for decision in lived.decisions for move in decision.moves if move.source == 0}
    assert any("its executor is" in reason for reason in reasons)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    noise=st.sampled_from([0.0, 0.1, 0.7, 1.5]),
    slow=st.sampled_from([0.3, 1.0, 3.0, 20.0]),
    slots=st.integers(2, 5),
)
def test_every_task_runs_once_and_few_are_moved_often(seed: int, noise: float, slow: float, slots: int) -> None:
    planned = plan(layered(60, 12, seed), Cluster.uniform(slots), iterations=1)
    takes, _ = world(planned, noise=noise, slow=slow, seed=seed)
    lived = live_through(planned, takes, Rebalancer(planned))
    assert moves(lived) <= 4 * planned.graph.n, "no thrashing"
    assert all(abs(move.price_us) > 0 and move.source != move.target for d in lived.decisions for move in d.moves)
    graph = planned.graph
    start, finish = lived.schedule.start_us, lived.schedule.finish_us
    assert (start >= 0).all() and (finish > start).all()
    for task in range(graph.n):
        assert all(finish[before] <= start[task] for before in graph.predecessors(task).tolist())
    for slot in range(slots):
        mine = np.flatnonzero(lived.schedule.slot == slot)
        mine = mine[np.argsort(start[mine])]
        assert (start[mine][1:] >= finish[mine][:-1]).all()


@pytest.mark.parametrize(("policy", "most"), [("planned", 0.3), ("least_loaded", 0.9), ("random", 0.99)])
def test_every_policy_wins_against_none_where_an_executor_is_slow(planned: Plan, policy: str, most: float) -> None:
    kept, moved = (simulate(planned, slow={"0": 4.0}, rebalance=how, seed=1) for how in ("none", policy))
    assert moved.makespan < most * kept.makespan and moved.moves and not kept.moves
    assert moved.makespan >= simulate(planned, slow={"0": 4.0}, rebalance="planned").makespan
    assert f"tasks moved: {len(moved.moves)}" in str(moved) and "moved" not in str(kept)
    frame = moved.executors()
    assert frame.tasks.sum() == planned.graph.n and frame.simulated_end.max() == pytest.approx(moved.makespan)
    assert moved.moves[0].price_us > 0 and f"task {moved.moves[0].task} from slot" in str(moved.moves[0])


def test_the_same_seed_gives_the_same_moves(planned: Plan) -> None:
    one, same = (simulate(planned, noise=0.5, rebalance="random", seed=3) for _ in range(2))
    assert one.moves == same.moves


def test_policies_that_are_none_and_plans_that_cannot_be_tried_are_refused(planned: Plan) -> None:
    with pytest.raises(InputError, match=r"rebalance: is 'best'; expected one of none, planned, least_loaded, random"):
        simulate(planned, rebalance="best")
    graph, small = Graph.from_arrays(work=[1.0] * 6, memory=[10] * 6), Cluster.uniform(2, 2, memory_bytes=15)
    with pytest.raises(InputError, match="memory may stand in the way"):
        simulate(plan(graph, small, iterations=1), rebalance="planned")
    roomy = plan(graph, Cluster.uniform(2, 2, memory_bytes=10**9), iterations=1)
    assert simulate(roomy, rebalance="planned").makespan == roomy.makespan


def learnt(slowness: list[float], kinds: list[float], *, each: int, noise: float, seed: int = 0) -> Beliefs:
    rng, beliefs = np.random.default_rng(seed), Beliefs(len(slowness), len(kinds))
    for _ in range(each):
        for executor, slow in enumerate(slowness):
            kind = int(rng.integers(len(kinds)))
            beliefs.learn(executor, kind, 1e5, 1e5 * slow * kinds[kind] * np.exp(rng.normal(0, noise)))
    return beliefs


def test_executors_and_kinds_are_told_apart() -> None:
    beliefs = learnt([1, 4, 1, 1, 1], [3.0, 1.0], each=40, noise=0.1)
    np.testing.assert_allclose(beliefs.slowness()[1], 4, rtol=0.1)
    np.testing.assert_allclose(beliefs.slowness()[[0, 2, 3, 4]], 1, rtol=0.1)
    np.testing.assert_allclose(beliefs.kinds(), [3, 1], rtol=0.1)
    assert beliefs.spread() == pytest.approx(0.1, rel=0.4)


@pytest.mark.parametrize(
    ("slowness", "kinds", "each", "noise", "surprised"),
    [
        ([1, 1, 1], [1.0], 1, 0.7, False),  # too few tell
        ([1, 1, 1], [2.0, 2.0], 20, 0.05, False),  # all take longer alike
        ([1, 1.1, 1], [1.0], 20, 0.02, False),
        ([1, 1, 1], [2.0, 1.0], 20, 0.05, True),
        ([1, 1, 1], [1.0], 20, 0.7, True),
        ([1, 4, 1], [1.0], 20, 0.05, True),
    ],
)
def test_a_run_is_a_surprise_where_some_are_far_off(
    slowness: list[float], kinds: list[float], each: int, noise: float, surprised: bool
) -> None:
    beliefs = learnt(slowness, kinds, each=each, noise=noise)
    assert beliefs.surprised(beliefs.slowness()) == surprised


def test_a_few_tasks_of_much_noise_prove_nothing() -> None:
    wronged = sum(
        bool((learnt([1] * 6, [1.0], each=4, noise=0.7, seed=seed).slowness() != 1).any()) for seed in range(20)
    )
    assert wronged <= 6


def test_what_has_changed_is_followed_after_a_few_tasks() -> None:
    beliefs = learnt([1, 1, 1], [1.0], each=20, noise=0.02)
    for _ in range(3):
        beliefs.learn(0, 0, 1e5, 4e5)
    assert beliefs.slowness()[0] == pytest.approx(4, rel=0.1)
    for _ in range(3):
        beliefs.learn(0, 0, 1e5, 1e5)
    assert beliefs.slowness()[0] == pytest.approx(1, rel=0.1)


def test_tasks_of_no_length_teach_nothing() -> None:
    beliefs = Beliefs(2, 1)
    for planned_us, measured_us in ((0, 5), (5, 0), (-1, 2)):
        beliefs.learn(0, 0, planned_us, measured_us)
    assert beliefs.slowness().tolist() == [1, 1] and beliefs.kinds().tolist() == [1]


def long_last() -> Plan:
    """Give short tasks, and then one long one on each of four executors."""
    works = [0.5] * 40 + [4.0] * 4
    graph = Graph.from_arrays(work=works, source=np.repeat(np.arange(40), 4), target=np.tile(np.arange(40, 44), 40))
    return plan(graph, Cluster.uniform(4), iterations=50)


def test_a_task_on_an_executor_that_has_become_slow_is_run_elsewhere_as_well() -> None:
    planned = long_last()
    task = int(np.flatnonzero(planned.schedule.slot[40:] == 0)[0]) + 40

    def takes(each: int, executor: int, at_us: int) -> int:
        slow = 8 if executor == 0 and at_us >= planned.schedule.start_us[task] else 1
        return int(planned.graph.work_us[each]) * slow

    kept = live_through(planned, takes, Rebalancer(planned))
    copied = live_through(planned, takes, Rebalancer(planned, copying=True))
    copies = [copy for decision in copied.decisions for copy in decision.copies]
    assert [(copy.task, copy.source) for copy in copies] == [(task, 0)]
    assert copied.schedule.slot[task] == copies[0].target != kept.schedule.slot[task] == 0
    assert copied.schedule.makespan_us < 0.6 * kept.schedule.makespan_us
    assert any("copies win" in decision.reason for decision in copied.decisions)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([0.0, 0.7, 1.5]), slow=st.sampled_from([1.0, 8.0]))
def test_copies_keep_the_order_of_tasks_and_are_few(seed: int, noise: float, slow: float) -> None:
    planned = plan(layered(60, 12, seed), Cluster.uniform(4), iterations=1)
    takes, _ = world(planned, noise=noise, slow=slow, seed=seed)
    lived = live_through(planned, takes, Rebalancer(planned, copying=True))
    copied = [copy.task for decision in lived.decisions for copy in decision.copies]
    assert len(copied) == len(set(copied)), "each gets one second slot at most"
    start, finish = lived.schedule.start_us, lived.schedule.finish_us
    for task in range(planned.graph.n):
        assert all(finish[before] <= start[task] for before in planned.graph.predecessors(task).tolist())
