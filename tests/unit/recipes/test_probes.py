"""Probes: what is measured where, that it is measured, and what is made of it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import Cluster, Executor, read_cluster, write_cluster
from planner.model import Link, Profile, Spread
from planner.recipes import probes as tasks
from planner.recipes.probe_plan import LARGE_BYTES, TRIPS, Probes, probes, sampled_pairs
from planner.recipes.profiling import measured
from planner.report import profile_text
from planner.validate import validate
from tests.throttle import slowed
from tests.unit.runtime.processes import ProcessSlots, driven

SETTINGS = {"master": "here", "measured": "now"}
MADE = Executor("new", "c", slots=2)
HOSTS = Cluster((Executor("0", "a", slots=2), Executor("1", "a"), Executor("2", "b"), MADE))


def world(
    probed: Probes,
    rates: dict[int, float],
    latency_s: dict[tuple[str, str], float],
    bandwidth: dict[tuple[str, str], float],
    noise: float = 0.0,
) -> list[Any]:
    """Give what probes would collect where executors work at these rates, and links of two hosts are so."""
    random, cluster = np.random.default_rng(0), probed.plan.cluster

    def noisy(value: float) -> float:
        return float(value * random.uniform(1 - noise, 1 + noise))

    def trips(pair: tuple[int, int]) -> list[tuple[int, float]]:
        one, other = sorted(cluster.executors[each].host for each in pair)
        there = [latency_s[one, other] + size / bandwidth[one, other] for size in TRIPS]
        return [(size, noisy(2 * seconds) + 1e-4) for size, seconds in zip(TRIPS, there, strict=True)]

    def works(slots: list[int]) -> list[list[float]]:
        return [[noisy(rates[int(cluster.slot_executor[slot])]) for _ in range(9)] for slot in slots]

    facts = [tasks.Facts(cores=2, memory_bytes=4 * 10**9, python_s=0.5, import_s=0.1)] * len(probed.executors)
    ticks = [[0.0, 1e-4, 2e-4, 3e-4]] * probed.ticking
    sent = [(trips(pair), 0.0, None) for pair in probed.pairs]
    return [*facts, *works(probed.alone), *works(probed.together), *ticks, *sent]


def profiled(cluster: Cluster, rates: list[float], noise: float = 0.0, **links: Any) -> Profile:
    probed = probes(cluster)
    hosts = sorted({executor.host for executor in cluster.executors})
    pairs = [(one, other) for one in hosts for other in hosts]
    latency = dict.fromkeys(pairs, 1e-3) | links.get("latency", {})
    bandwidth = dict.fromkeys(pairs, 1e8) | links.get("bandwidth", {})
    values = world(probed, dict(enumerate(rates)), latency, bandwidth, noise)
    return measured(probed, values, Spread(0.1, 0.2, 0.3), 1.0, SETTINGS)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_one_thing_is_measured_after_another(made: list[tuple[str, int]]) -> None:
    executors = [Executor(str(i), host, slots=slots) for i, (host, slots) in enumerate(made)]
    cluster = Cluster(tuple(executors))
    probed = probes(cluster)
    plan = probed.plan
    validate(plan.graph, cluster, plan.schedule)
    kinds, slot = np.array([name.partition("-")[0] for name in plan.graph.names]), plan.schedule.slot
    start, finish = plan.schedule.start_us, plan.schedule.finish_us
    work = np.flatnonzero(kinds == "work")
    together = work[-cluster.n_slots :]
    assert sorted(slot[together]) == probed.together == list(range(cluster.n_slots))
    assert len(set(start[together])) == 1, "all slots at once"
    assert start[together].min() >= finish[: together.min()].max(), "and nothing else beside them"
    for host in "abc":
        mine = [task for task in work[: -cluster.n_slots] if executors[cluster.slot_executor[slot[task]]].host == host]
        assert all(start[b] >= finish[a] for a, b in itertools.pairwise(mine)), "alone on their host"
    assert kinds.tolist().count("depart") == len(probed.pairs)


@pytest.mark.parametrize(("executors", "hosts"), [(1, 1), (5, 1), (40, 1), (100, 10), (100, 100), (1000, 300), (9, 2)])
def test_pairs_are_a_sample_where_there_are_many(executors: int, hosts: int) -> None:
    cluster = Cluster(tuple(Executor(str(i), f"h{i % hosts}") for i in range(executors)))
    pairs = sampled_pairs(cluster)
    assert len(pairs) == len(set(pairs)) <= 48 and all(0 <= a < b < executors for a, b in map(sorted, pairs))
    within = [pair for pair in pairs if pair[0] % hosts == pair[1] % hosts]
    assert bool(within) == (executors > hosts) and (len(pairs) > len(within)) == (hosts > 1)
    if executors * (executors - 1) // 2 <= 24:
        assert len(pairs) == executors * (executors - 1) // 2
    assert len({executor for pair in pairs for executor in pair}) >= min(executors, 8) - (executors == 1), (
        "spread over the cluster"
    )


def test_a_slow_executor_is_written_as_slow_and_noise_is_not(tmp_path: Path) -> None:
    found = profiled(HOSTS, [50.0, 50.0, 12.5, 50.0], noise=0.04)
    assert [executor.speed for executor in found.cluster.executors] == [1, 1, pytest.approx(0.25, rel=0.06), 1]
    assert [executor.stretch for executor in found.executors] == [pytest.approx(1, rel=0.06)] * 4
    found = profiled(Cluster.uniform(5), [50.0, 49.0, 51.0, 50.0, 100.0], noise=0.04)
    assert [executor.speed for executor in found.cluster.executors][:4] == [1] * 4
    assert found.cluster.executors[4].speed > 1.8
    write_cluster(found.cluster, tmp_path / "cluster.toml", about=profile_text(found, width=200, unicode=True))
    assert read_cluster(tmp_path / "cluster.toml") == found.cluster
    assert (tmp_path / "cluster.toml").read_text().startswith("# Measured: 5 executors, 5 slots, on here, now\n")


def test_links_are_what_was_measured_within_and_across_hosts() -> None:
    near = {("a", "a"): 1e9, ("c", "c"): 1e9}
    found = profiled(HOSTS, [1.0] * 4, bandwidth=near | {("b", "c"): 1e7}, latency={("a", "a"): 1e-4})
    network = found.cluster.network
    assert network.latency_us == pytest.approx(1000, rel=0.01) and network.bandwidth == pytest.approx(1e8, rel=0.01)
    links = {link.hosts: link for link in network.links}
    assert set(links) == {("a", "a"), ("b", "c")}
    assert links["a", "a"] == Link(("a", "a"), pytest.approx(100, rel=0.01), pytest.approx(1e9, rel=0.01))
    assert links["b", "c"].bandwidth == pytest.approx(1e7, rel=0.01)
    assert found.cluster.overhead_us == 100


def test_hosts_that_were_not_asked_are_like_those_that_were() -> None:
    cluster = Cluster(tuple(Executor(str(i), f"h{i % 60:02}") for i in range(120)))
    found = profiled(cluster, [1.0] * 120, bandwidth={(f"h{i:02}", f"h{i:02}"): 1e9 for i in range(60)})
    inside = {link.hosts[0] for link in found.cluster.network.links}
    assert inside == {f"h{i:02}" for i in range(60)}
    assert all(link.bandwidth == pytest.approx(1e9, rel=0.01) for link in found.cluster.network.links)


def test_one_executor_has_no_links_and_equal_executors_no_speeds() -> None:
    found = profiled(Cluster((Executor("driver", slots=3),)), [10.0])
    assert found.links == () and found.cluster.network == Cluster.uniform(1).network
    assert found.cluster.executors[0].memory_bytes == 4 * 10**9, "what is left, where Spark sets none"
    assert "none was measured, because there is one executor" in profile_text(found)
    assert {executor["speed"] for executor in found.to_dict()["executors"]} == {1.0}


@pytest.mark.losses  # stops processes, and lets time pass
def test_probes_on_processes_find_the_slow_one() -> None:
    probed = probes(Cluster.uniform(2))
    launched: list[ProcessSlots] = []

    def launch(configs: Any) -> ProcessSlots:
        launched.append(ProcessSlots(configs))
        return launched[0]

    def victims() -> list[int]:
        return [pid for slots in launched if (pid := slots.processes[1].pid) is not None and not slots.over]

    with slowed(victims):
        outcome = driven(probed.plan, launch)
    assert outcome.status == "done", outcome.reason
    [values] = outcome.results.values()
    found = measured(probed, values, Spread(0.1, 0.2, 0.3), 1.0, SETTINGS)
    assert found.executors[1].speed < 0.6 * found.executors[0].speed
    assert found.cluster.executors[1].speed < 0.6 and found.cluster.executors[0].speed == 1
    [link] = found.links
    assert link.is_local and 0 < link.latency_us.middle < float("inf") and link.bandwidth.middle < 1e12
    assert all(executor.cores >= 1 and (executor.python_s or 1) > 0 for executor in found.executors)
    assert found.overhead_us.low >= 0


def test_large_values_are_sent_as_large_as_they_are_said_to_be() -> None:
    sent = tasks.depart(0)
    for size in (0, LARGE_BYTES, LARGE_BYTES, -1):
        sent = tasks.return_trip(tasks.turn_back(sent), size)
    assert [size for size, _ in sent[0]] == [0, 0, LARGE_BYTES, LARGE_BYTES] and len(sent[2]) == 0
    assert all(seconds >= 0 for _, seconds in sent[0])
