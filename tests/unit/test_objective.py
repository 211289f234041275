"""The weighted objective: what a plan costs, and that plans follow what costs."""

from __future__ import annotations

import numpy as np
import pytest

from planner import Cluster, Graph, InputError, Network, Weights, plan
from planner.cost import Problem
from planner.model import Schedule
from planner.objective import imbalance_us, price_us, sent_bytes
from planner.schedulers import suiting
from tests.instances import CLUSTERS, GRAPHS

S, GB = 10**6, 10**9
SPREAD = Graph.from_arrays(
    work=[2, 1, 1, 1, 1, 2], source=[0] * 4 + [1, 2, 3, 4], target=[1, 2, 3, 4] + [5] * 4, output=[GB] * 5 + [0]
)


def test_a_price_is_the_weighted_sum() -> None:
    problem = Problem.of(SPREAD, Cluster.uniform(2))
    slot = np.array([0, 0, 0, 1, 1, 0], dtype=np.int32)
    start = np.array([0, 2, 3, 2, 3, 4]) * S
    schedule = Schedule(slot, start, start + problem.time_us[:, 0])
    assert sent_bytes(problem, schedule) == 4 * GB  # to two tasks on the other slot, and back from them
    assert imbalance_us(problem, schedule) == 2 * S  # 6 s on one slot, 2 s on the other
    assert price_us(problem, schedule, None) == 6 * S
    assert price_us(problem, schedule, Weights(time=0.5, gigabytes=3, imbalance=2)) == (3 + 12 + 4) * S


@pytest.mark.parametrize(
    ("weights", "makespan", "sent"),
    [
        ({"gigabytes": 0}, 6, 4),  # side by side
        ({"gigabytes": 0.4}, 6, 4),  # 1.6 s for what is sent, and 2 s are won
        ({"gigabytes": 0.6}, 8, 0),  # 2.4 s are more than that
        ({"time": 2, "gigabytes": 0.6}, 6, 4),
    ],
)
def test_a_plan_spreads_as_far_as_what_is_sent_is_worth_it(weights: dict[str, float], makespan: int, sent: int) -> None:
    cluster = Cluster.uniform(2)
    found = plan(SPREAD, cluster, objective="weighted", weights=weights, iterations=3000)
    assert found.makespan == makespan and sent_bytes(Problem.of(SPREAD, cluster), found.schedule) == sent * GB
    assert found.value == pytest.approx(weights.get("time", 1) * makespan + weights["gigabytes"] * sent)
    assert found.best_value == weights.get("time", 1) * found.lower_bound
    assert found.gap == pytest.approx(found.value / found.best_value - 1)


def test_a_plan_evens_out_what_is_uneven() -> None:
    """A chain of 6 s beside 6 single seconds, on three slots: in 6 s there is room, and 4 s for each slot are even."""
    graph = Graph.from_arrays(work=[2, 2, 2, 1, 1, 1, 1, 1, 1], source=[0, 1], target=[1, 2])
    problem = Problem.of(graph, Cluster.uniform(3))
    found = plan(graph, Cluster.uniform(3), objective="weighted", weights={"imbalance": 5}, iterations=5000)
    assert imbalance_us(problem, found.schedule) == 0 and found.makespan == found.value == 6.0


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_method_has_a_lower_price(cluster: str) -> None:
    graph, weights = GRAPHS["layered"], Weights(gigabytes=40, imbalance=0.3)
    problem = Problem.of(graph, CLUSTERS[cluster])
    found = plan(graph, CLUSTERS[cluster], objective="weighted", weights=weights, iterations=300)
    assert found.value * S == pytest.approx(price_us(problem, found.schedule, weights))
    for method in suiting(problem):
        assert found.value * S <= price_us(problem, method.schedule(problem, 0), weights) + 1e-6, method.name
    asked = plan(graph, CLUSTERS[cluster], method="heft", objective="weighted", weights=weights)
    assert (asked.method, asked.objective) == ("heft", "weighted") and asked.value >= found.value


def test_a_proof_needs_nothing_but_time() -> None:
    graph = Graph.from_arrays(work=[1, 1], source=[0], target=[1])
    found = plan(graph, Cluster.uniform(2, network=Network(1000)), objective="weighted", weights=Weights(gigabytes=9))
    assert (found.status, found.value, found.settings["weights"]["gigabytes"]) == ("optimal", 2.0, 9)


def test_everything_wrong_with_weights_is_told() -> None:
    with pytest.raises(InputError) as raised:
        plan(SPREAD, Cluster.uniform(1), objective="weighted", weights={"time": -1, "imbalance": float("nan")})
    assert [fault.path for fault in raised.value.faults] == ["weights.time", "weights.imbalance"]
    with pytest.raises(InputError, match=r"weights: are all 0; expected one of time, gigabytes, imbalance above it"):
        Weights(time=0)
    with pytest.raises(InputError) as raised:
        plan(SPREAD, Cluster.uniform(1), weights={"bytes": 1}, objective="efficiency")
    assert [fault.path for fault in raised.value.faults] == ["efficiency", "weights", "weights['bytes']"]
