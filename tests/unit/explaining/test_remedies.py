"""What would help: worlds that make sense for a plan, each planned again, and never a claim that was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from by_hand import S, by_hand

from planner import Cluster, Executor, Graph, Link, Network, Pin, Plan, plan
from planner.cost import Problem
from planner.explaining import remedies as module
from planner.explaining.critical import critical_chain
from planner.explaining.remedies import Remedy, effort_for, remedies
from planner.explaining.worlds import World, worlds
from planner.model import Bound, Schedule
from planner.replay import replay
from planner.schedulers import auto, get
from planner.schedulers.effort import Effort
from planner.spills import spilled_bytes
from planner.validate import validate

SLOW = Network(0, 1.0)


def told(found: Plan) -> dict[str, Remedy]:
    return {remedy.what: remedy for remedy in remedies(found, critical_chain(found), effort_for(found))}


def world(found: Plan, what: str) -> World:
    [only] = [world for world in worlds(found, critical_chain(found)) if world.what.startswith(what)]
    return only


def names(found: Plan) -> list[str]:
    return [world.what for world in worlds(found, critical_chain(found))]


def test_every_remedy_is_what_planning_that_world_gives() -> None:
    graph = Graph.from_arrays(["a", "b", "c"], work=[4, 2, 2], source=[0], target=[2], output=[8, 0, 0])
    found = plan(graph, Cluster.uniform(2, network=SLOW))
    said = told(found)
    twice = Network(0, 2.0)
    for what, cluster in (
        ("one more executor", Cluster.uniform(3, network=SLOW)),
        ("a network twice as fast", Cluster.uniform(2, network=twice)),
        ("a network that costs nothing", Cluster.uniform(2)),
        ("twice as many slots on every executor", Cluster.uniform(2, 2, network=SLOW)),
    ):
        assert said[what].makespan_us == plan(graph, cluster).makespan_us, what
    halves = Graph.from_arrays(
        work=[2, 2, 2, 2], source=[0, 1], target=[3, 3], edge_bytes=[8, 8]
    )  # the two of a, then b and c
    split = said["splitting the heaviest task (a, 4 s) in two"].makespan_us
    assert split == plan(halves, Cluster.uniform(2, network=SLOW)).makespan_us


def test_the_best_remedy_comes_first() -> None:
    found = plan(Graph.from_arrays(work=[1] * 12), Cluster.uniform(2))
    assert [(remedy.what, remedy.saved_us) for remedy in told(found).values()] == [
        ("twice as many slots on every executor", 3 * S),
        ("one more executor", 2 * S),
        ("splitting the heaviest task (0, 1 s) in two", 0),
    ]


def test_no_gain_is_proved_where_the_bound_of_that_world_is_no_lower() -> None:
    graph = Graph.from_arrays(work=[1, 8, 2, 1], source=[0, 0, 1, 2], target=[1, 2, 3, 3])
    said = told(plan(graph, Cluster.uniform(2)))
    assert said["one more executor"].proved and said["one more executor"].saved_us == 0
    halved = said["splitting the heaviest task (1, 8 s) in two"]
    assert (halved.makespan_us, halved.proved) == (8 * S, True)


def test_what_a_poor_plan_would_gain_by_planning_again_is_told_apart() -> None:
    graph = Graph.from_arrays(work=[5, 1, 5, 1])
    said = told(plan(graph, Cluster.uniform(2), method="round_robin"))
    assert said["planning again, as it is"].saved_us == 4 * S
    assert not said["one more executor"].again and said["one more executor"].saved_us == 5 * S
    split = said["splitting the heaviest task (0, 5 s) in two"]
    assert split.again and split.saved_us == 4 * S, "no more than planning again"
    assert "planning again, as it is" not in told(plan(graph, Cluster.uniform(2)))


PAIR = Executor("a"), Executor("b", speed=2.0)


def entangled(seed: int) -> Graph:
    """Give twelve tasks for which it takes a search to use a slow and a fast executor well."""
    draw = np.random.default_rng(seed)
    edges = [(a, b) for b in range(12) for a in range(b) if draw.random() < 0.2]
    source, target = zip(*edges, strict=True)
    return Graph.from_arrays(work=draw.integers(1, 9, 12), source=source, target=target, output=[2] * 12)


def test_the_plan_at_hand_is_not_lost_in_a_world_that_only_allows_more() -> None:
    graph, cluster = entangled(2), Cluster(PAIR, SLOW)
    found = plan(graph, cluster)
    for method in ("heft", "critical_path"):
        assert plan(graph, cluster, method=method).makespan_us > found.makespan_us, "this graph shows nothing"
    for remedy in remedies(found, critical_chain(found), Effort(0, True)):
        assert remedy.saved_us >= 0, remedy.what


def test_what_a_search_has_found_is_used_in_other_worlds() -> None:
    graph, faster = entangled(16), Cluster(PAIR, Network(0, 2.0))
    found = plan(graph, Cluster(PAIR, SLOW))
    kept = replay(graph, faster, found.schedule).makespan_us
    for method in ("heft", "critical_path"):
        assert plan(graph, faster, method=method).makespan_us > kept, "this graph shows nothing"
    said = {remedy.what: remedy for remedy in remedies(found, critical_chain(found), Effort(0, True))}
    assert said["a network twice as fast"].makespan_us <= kept < found.makespan_us


def test_halves_pay_the_overhead_twice() -> None:
    cluster = Cluster((Executor("a"),), overhead_us=S)
    [remedy] = [r for r in told(plan(Graph.from_arrays(work=[2]), cluster)).values() if "splitting" in r.what]
    assert (remedy.before_us, remedy.makespan_us) == (3 * S, 4 * S)


def test_halves_have_all_that_the_task_had() -> None:
    graph = Graph.from_arrays(
        work=[1, 0.000005, 1],
        source=[0, 1],
        target=[1, 2],
        edge_bytes=[3, 4],
        memory=[0, 7, 0],
        output=[1, 2, 3],
        kind=["a", "b", "a"],
        pins={1: Pin(executor="1")},
    )
    found = by_hand(graph, Cluster.uniform(2), [0, 1, 0], [0, 1, 2])
    chain = [1]
    [halved] = [w.graph for w in worlds(found, chain) if w.what.startswith("splitting the heaviest critical task (1")]
    assert halved.work_us.tolist() == [S, 3, S, 2]
    assert halved.predecessors(3).tolist() == [0] and halved.successors(3).tolist() == [2]
    assert halved.predecessors(2).tolist() == [1, 3] and sorted(halved.edge_bytes.tolist()) == [3, 3, 4, 4]
    assert halved.memory_bytes.tolist() == [0, 7, 0, 7] and halved.output_bytes.tolist() == [1, 2, 3, 2]
    assert halved.kinds[halved.kind[3]] == "b"
    assert halved.pins == {1: Pin(executor="1"), 3: Pin(executor="1")}


def test_a_task_of_a_group_is_not_split_for_its_halves_would_have_to_part() -> None:
    graph = Graph.from_arrays(work=[5, 5, 1], apart={0: "r", 1: "r"})
    found = plan(graph, Cluster.uniform(2))
    assert [what for what in names(found) if "splitting" in what] == ["splitting the heaviest task (2, 1 s) in two"]
    assert world(found, "without keeping 1 group apart").graph.apart == {}
    assert told(found), "and nothing is infeasible"


def test_one_more_executor_is_like_the_fastest_and_like_the_fullest() -> None:
    graph = Graph.from_arrays(work=[8, 8, 1], pins={0: Pin(kind="gpu"), 1: Pin(kind="gpu")})
    cluster = Cluster((Executor("extra0", speed=2.0, slots=3), Executor("g", kind="gpu")))
    found = plan(graph, cluster)
    more = {what: world(found, what).cluster.executors[-1] for what in names(found) if "one more" in what}
    assert more == {
        "one more executor like extra0": Executor("extra1", speed=2.0, slots=3),
        "one more executor like g": Executor("extra1", kind="gpu"),
    }
    said = {what: remedy.saved_us for what, remedy in told(found).items()}
    assert said["one more executor like g"] == 8 * S and said["one more executor like extra0"] == 0
    assert said["without the pins of 2 tasks"] == 12 * S


def test_worlds_only_where_they_make_sense() -> None:
    found = plan(Graph.from_arrays(work=[3, 2]), Cluster.uniform(2))
    assert names(found) == ["one more executor", "splitting the heaviest task (0, 3 s) in two"]
    assert names(plan(Graph.from_arrays(work=[0]), Cluster.uniform(1))) == ["one more executor"]
    graph = Graph.from_arrays(work=[3, 2, 2], memory=[4, 4, 4], source=[0], target=[1])
    tight = names(plan(graph, Cluster.uniform(1, 2, memory_bytes=5, network=Network(10))))
    assert tight[:3] == ["one more executor", "twice the memory on every executor", "memory without limit"]
    assert not [what for what in tight if "slots" in what or "network" in what], "one executor sends nothing"


def test_a_faster_network_halves_latencies_and_doubles_bandwidths_of_links_too() -> None:
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 1], target=[1, 2], edge_bytes=[4, 4])
    hosts = tuple(Executor(name, host=name) for name in "hkm")
    network = Network(100, 2.0, (Link(("h", "k"), 50, 1.0), Link(("m", "k"), 8, 4.0)))
    found = by_hand(graph, Cluster(hosts, network), [0, 1, 1], [0, 6, 7])
    fast = world(found, "a network twice as fast").cluster.network
    assert (fast.latency_us, fast.bandwidth) == (50, 4.0)
    assert fast.links == (Link(("h", "k"), 25, 2.0), Link(("m", "k"), 4, 8.0))
    link = world(found, "the link between hosts h and k").cluster.network
    assert link == replace(network, links=(Link(("m", "k"), 8, 4.0), Link(("h", "k"), 25, 2.0)))
    found = by_hand(graph, Cluster(hosts, network), [0, 2, 2], [0, 3.1, 4.1])
    assert Link(("h", "m"), 50, 4.0) in world(found, "the link between hosts h and m").cluster.network.links
    assert world(found, "a network that costs nothing").cluster.network == Network()


def test_more_memory_helps_where_tasks_wait_for_it() -> None:
    found = plan(Graph.from_arrays(work=[4] * 6, memory=[6] * 6), Cluster.uniform(2, 2, memory_bytes=9))
    said = told(found)
    assert found.makespan == 12.0
    assert said["twice the memory on every executor"].makespan_us == 8 * S
    assert said["memory without limit"].makespan_us == 8 * S
    assert world(found, "memory without").cluster.executors[0].memory_bytes is None
    assert world(found, "twice the memory").cluster.executors[0].memory_bytes == 18


class Uneven(Effort):
    """Searches where the network takes time, and does not try where it takes none."""

    def schedule(self, problem: Problem, bound: Bound, seed: int) -> Schedule:
        if problem.us_per_byte.any():
            return auto(problem, bound, seed, schedules=500).schedule
        return get("random").schedule(problem, seed)


def test_what_a_world_gives_can_be_had_in_one_that_allows_more() -> None:
    found = plan(entangled(16), Cluster(PAIR, SLOW), method="round_robin")
    said = {remedy.what: remedy for remedy in remedies(found, critical_chain(found), Uneven(0, True))}
    assert said["a network twice as fast"].makespan_us == 15_500_000
    assert said["a network that costs nothing"].makespan_us <= 15_500_000


class Spilling(Effort):
    """Plans three makers of a value and their taker one after another on one executor, room or not."""

    def schedule(self, problem: Problem, bound: Bound, seed: int) -> Schedule:
        if problem.n != 4:
            return super().schedule(problem, bound, seed)
        start = np.arange(4) * S
        return Schedule(np.zeros(4, np.int32), start, start + S)


def test_a_gain_that_is_bought_by_spilling_is_none() -> None:
    graph = Graph.from_arrays(work=[1] * 4, source=[0, 1, 2], target=[3, 3, 3], output=[4, 4, 4, 0])
    cluster = Cluster.uniform(2, memory_bytes=5, network=SLOW)
    found = by_hand(graph, cluster, [0, 0, 1, 0], [0, 4, 0, 5])
    assert not spilled_bytes(Problem.of(graph, cluster), found.schedule).any()
    said = {remedy.what: remedy for remedy in remedies(found, critical_chain(found), Spilling(0, True))}
    assert said["one more executor"].makespan_us == 6 * S
    assert said["memory without limit"].makespan_us == 4 * S, "where there is room nothing is spilled"


def test_of_two_plans_the_one_that_spills_less_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph.from_arrays(work=[1] * 4, source=[0, 1, 2], target=[3, 3, 3], output=[4, 4, 4, 0])
    cluster = Cluster.uniform(2, memory_bytes=5, network=SLOW)
    late, better = (by_hand(graph, cluster, [0, 0, 1, 0], [0, b, 0, b + 1]) for b in (6, 4))
    monkeypatch.setattr(module, "list_schedule", lambda *_, **__: better.schedule)
    monkeypatch.setattr(module, "worlds", lambda *_: ())
    [again] = remedies(late, critical_chain(late), Spilling(0, True))
    assert again.what == "planning again, as it is" and again.makespan_us == 6 * S, "and not 4 s with spilling"


@pytest.mark.parametrize(
    ("n", "slots", "memory", "output", "words"),
    [
        (10, 2, 0, 0, "auto with 2000 schedules"),
        (3000, 8, 0, 9, "auto with 476 schedules"),
        (3000, 8, 9, 0, "the better of critical_path and heft"),
        (3000, 8, 0, 99, "the better of critical_path and heft"),
        (6000, 8, 9, 0, "critical_path"),
        (6000, 8, 0, 99, "critical_path without counting values that wait"),
        (20_000, 64, 0, 0, "the better of critical_path and heft"),
        (100_000, 2000, 0, 0, "critical_path"),
    ],
)
def test_the_larger_the_plan_the_quicker_the_method(n: int, slots: int, memory: int, output: int, words: str) -> None:
    graph = Graph.from_arrays(work=[1] * n, memory=[memory] * n, output=[output] * n, source=[0], target=[1])
    problem = Problem.of(graph, Cluster.uniform(1, 2, memory_bytes=10))
    effort = Effort.for_problem(problem, slots)
    assert str(effort) == words
    assert effort.counted(problem).waiting_bytes.any() == (output == 99 and n == 3000)


@pytest.mark.parametrize("effort", [Effort(50, True), Effort(0, True), Effort(0, False)])
def test_every_effort_finds_a_valid_schedule_the_same_every_time(effort: Effort) -> None:
    graph, cluster = Graph.from_arrays(work=[3, 2, 2, 1, 4], source=[0], target=[4]), Cluster.uniform(2)
    problem, bound = Problem.of(graph, cluster), plan(graph, cluster).bound
    one, two = (effort.schedule(problem, bound, 3) for _ in range(2))
    validate(graph, cluster, one)
    assert one.slot.tolist() == two.slot.tolist() and one.makespan_us == 7 * S
