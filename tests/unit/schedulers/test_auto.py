"""Auto: what it tries, when it stops, and that only the size of the problem and the seed decide."""

from __future__ import annotations

import numpy as np
import pytest

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Bound, Cluster, Graph, Network
from planner.schedulers import auto, get, methods
from planner.schedulers.justification import mirrored
from planner.schedulers.problem_space_search import problem_space_search, schedules
from tests.instances import CLUSTERS, GRAPHS

HARD = Problem.of(GRAPHS["layered"], CLUSTERS["four speeds, three hosts"])
IMPOSSIBLE = Bound(0, "nothing is known")


def test_it_stops_at_the_bound_and_says_so() -> None:
    problem = Problem.of(GRAPHS["chain"], CLUSTERS["one slot"])
    found = auto(problem, lower_bound(problem), 0, 10.0)
    assert [trial.method for trial in found.trials] == ["heft"]
    assert found.stopped == "the lower bound is met: no plan can be better"


def test_it_tries_everything_keeps_the_best_and_says_what_it_tried() -> None:
    found = auto(HARD, IMPOSSIBLE, 0, 60.0)
    assert [trial.method for trial in found.trials] == [*(method.name for method in methods()), "problem_space_search"]
    best = min(found.trials, key=lambda trial: trial.makespan_us)
    assert (found.method, found.schedule.makespan_us) == (best.method, best.makespan_us)
    assert best.method == "problem_space_search"
    assert found.stopped == "all methods were tried, and all schedules that the search may try"
    tried = int(found.trials[-1].note.split()[0])
    assert schedules(HARD) <= tried <= schedules(HARD) + 2  # the last one may be justified


def test_a_search_that_finds_nothing_better_leaves_the_name_of_the_method() -> None:
    found = auto(Problem.of(GRAPHS["chain"], CLUSTERS["one slot"]), IMPOSSIBLE, 0, 60.0)
    assert (found.method, found.trials[-1].method) == ("heft", "problem_space_search")
    assert found.trials[-1].note.endswith("0 of them better than all before")


def test_a_budget_that_cuts_in_is_told_with_what_was_left_out() -> None:
    found = auto(HARD, IMPOSSIBLE, 0, 0.0)
    assert [trial.method for trial in found.trials] == ["heft"]
    assert "the budget of 0 s was used up, so that another run may find another plan" in found.stopped
    left_out = [method.name for method in methods()][1:]
    assert found.stopped.endswith(f"not tried: {', '.join(left_out)}, problem_space_search")


def test_the_seed_decides_and_the_clock_does_not() -> None:
    first, again, other = (auto(HARD, IMPOSSIBLE, seed, 60.0).schedule for seed in (1, 1, 2))
    assert np.array_equal(first.start_us, again.start_us) and np.array_equal(first.slot, again.slot)
    assert not np.array_equal(first.start_us, other.start_us)


def test_the_search_is_never_worse_than_where_it_started_and_stops_when_told() -> None:
    start = get("random").schedule(HARD, 0)
    searched = problem_space_search(HARD, 0, start=start, enough_us=0, stop=lambda: False)
    assert searched.schedule.makespan_us < start.makespan_us
    assert searched.tried >= schedules(HARD) and searched.better >= 1
    at_once = problem_space_search(HARD, 0, start=start, enough_us=0, stop=lambda: True)
    assert at_once.tried == 0 and at_once.schedule.makespan_us <= start.makespan_us
    enough = problem_space_search(HARD, 0, start=start, enough_us=start.makespan_us, stop=lambda: False)
    assert enough.tried == 0


def test_larger_problems_get_fewer_schedules_and_the_largest_none() -> None:
    def count(n: int, slots: int, memory: int | None = None) -> int:
        graph = Graph.from_arrays(work=np.ones(n), memory=np.full(n, 2))
        return schedules(Problem.of(graph, Cluster.uniform(1, slots, memory_bytes=memory)))

    assert count(10, 2) > count(5_000, 32) > count(100_000, 32) > count(1_000_000, 64) == 0
    assert count(5_000, 32, memory=63) < count(5_000, 32, memory=64)


def test_a_mirror_turns_every_edge_around_with_its_bytes() -> None:
    mirror = mirrored(HARD)
    edges = list(zip(_targets(HARD), HARD.pred.tolist(), HARD.edge_bytes.tolist(), strict=True))
    turned = list(zip(mirror.pred.tolist(), _targets(mirror), mirror.edge_bytes.tolist(), strict=True))
    assert sorted(edges) == sorted(turned)
    assert [
        mirror.succ_edge[mirror.succ_ptr[task] :][: np.diff(mirror.succ_ptr)[task]].tolist() for task in range(60)
    ] == [[edge for edge, source in enumerate(mirror.pred.tolist()) if source == task] for task in range(60)]


def _targets(problem: Problem) -> list[int]:
    return np.repeat(np.arange(problem.n), np.diff(problem.pred_ptr)).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_justification_finds_optima_that_perturbed_ranks_alone_miss(seed: int) -> None:
    """Equal slots and a free network: independent chains that have to be packed."""
    draw = np.random.default_rng(seed)
    work = draw.integers(1, 20, 60)
    graph = Graph.from_arrays(work=work, source=np.arange(0, 60, 2), target=np.arange(1, 60, 2))
    problem = Problem.of(graph, Cluster.uniform(4, network=Network()))
    bound = lower_bound(problem)
    assert auto(problem, bound, seed, 60.0).schedule.makespan_us == bound.us
