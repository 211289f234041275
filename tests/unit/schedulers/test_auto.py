"""Auto: what it tries, when it stops, and that only the problem, the seed and the number of schedules decide."""

from __future__ import annotations

import numpy as np
import pytest

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Bound, Cluster, Executor, Graph, Link, Network
from planner.model.compiled import interpreted
from planner.schedulers import auto, get, suiting
from planner.schedulers.annealing import anneal
from planner.schedulers.ant_colony import forage
from planner.schedulers.budget import Budget
from planner.schedulers.genetic import evolve
from planner.schedulers.justification import mirrored
from planner.schedulers.problem_space_search import problem_space_search
from planner.spills import worth
from planner.validate import validate
from tests.instances import CLUSTERS, GRAPHS

HARD = Problem.of(GRAPHS["layered"], CLUSTERS["four speeds, three hosts"])
IMPOSSIBLE = Bound(0, "nothing is known")


def test_it_stops_at_the_bound_and_says_so() -> None:
    problem = Problem.of(GRAPHS["chain"], CLUSTERS["one slot"])
    found = auto(problem, lower_bound(problem), 0)
    assert [trial.method for trial in found.trials] == ["heft"]
    assert found.stopped == "the lower bound is met: no plan can be better"


def test_it_tries_everything_keeps_the_best_and_says_what_it_tried() -> None:
    found = auto(HARD, IMPOSSIBLE, 0, schedules=3000)
    tried = [trial.method for trial in found.trials]
    assert tried == [*(method.name for method in suiting(HARD)), "problem_space_search", "exact", "annealing"]
    best = min(found.trials, key=lambda trial: trial.makespan_us)
    assert (found.method, found.schedule.makespan_us) == (best.method, best.makespan_us)
    assert best.method in tried[-3:]
    assert found.stopped == "the budget of 3000 schedules was used up"
    notes = {trial.method: trial.note for trial in found.trials}
    assert 300 <= int(notes["problem_space_search"].split()[0]) <= 302  # the last one may be justified
    assert int(notes["annealing"].split()[0]) == 2700


def test_a_proof_raises_the_bound_and_a_search_that_finds_nothing_better_leaves_the_name() -> None:
    found = auto(Problem.of(GRAPHS["chain"], CLUSTERS["one slot"]), IMPOSSIBLE, 0, schedules=100)
    assert [trial.method for trial in found.trials][-2:] == ["problem_space_search", "exact"]
    assert found.trials[-2].note.endswith("0 of them better than all before")
    assert found.method == "heft" and found.bound.us == found.schedule.makespan_us
    assert found.bound.reason == "a constraint solver has proved that there is nothing shorter"
    assert found.stopped == "the lower bound is met: no plan can be better"


def test_a_budget_that_cuts_in_is_told_with_what_was_left_out() -> None:
    found = auto(HARD, IMPOSSIBLE, 0, seconds=0.0)
    assert [trial.method for trial in found.trials] == ["heft"]
    assert found.stopped == "the budget of 0 s was used up; not tried: critical_path and what follows it"
    found = auto(HARD, IMPOSSIBLE, 0, seconds=0.2)
    assert found.stopped == "the budget of 0.2 s, so that another run may find another plan was used up"


def test_the_seed_decides_and_the_clock_does_not() -> None:
    first, again, other = (auto(HARD, IMPOSSIBLE, seed, schedules=500).schedule for seed in (1, 1, 2))
    assert np.array_equal(first.start_us, again.start_us) and np.array_equal(first.slot, again.slot)
    assert not np.array_equal(first.start_us, other.start_us)


@pytest.mark.parametrize("search", [problem_space_search, anneal, evolve, forage])
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_search_is_never_worse_than_where_it_started_and_stops_when_told(search: object, cluster: str) -> None:
    graph = GRAPHS["layered"]
    problem = Problem.of(graph, CLUSTERS[cluster])
    start = get("random").schedule(problem, 0)

    def run(enough_us: int, budget: Budget) -> object:
        return search(problem, 0, start=start, enough_us=enough_us, budget=budget, chunk=50)  # type: ignore[operator]

    searched = run(lower_bound(problem).us, Budget(schedules=400))
    validate(graph, CLUSTERS[cluster], searched.schedule)
    assert searched.schedule.makespan_us < start.makespan_us or problem.n_slots == 1
    assert 0 < searched.tried <= 402 or searched.schedule.makespan_us == lower_bound(problem).us
    at_once = run(0, Budget(schedules=0))
    assert at_once.tried == 0 and at_once.schedule.makespan_us <= start.makespan_us
    assert run(start.makespan_us, Budget(schedules=100)).tried == 0


def test_only_a_search_that_pays_is_begun() -> None:
    graph = Graph.from_arrays(work=np.arange(1, 100_001))
    found = auto(Problem.of(graph, Cluster.uniform(64, network=Network(10, 1e6))), IMPOSSIBLE, 0)
    tried = [trial.method for trial in found.trials]
    assert "critical_path" in tried and "sufferage" not in tried and "lpt" not in tried
    assert found.stopped == "with 100000 tasks on 64 slots a search takes longer than a second"


def test_a_budget_counts_schedules_or_seconds() -> None:
    assert Budget(schedules=10).used(5) == 0.5 and Budget(schedules=0).used(0) == 1.0
    assert Budget(schedules=10).left(7, 5) == 3 and Budget(seconds=1.0).left(7, 5) == 5
    assert Budget(seconds=1e-9).used(1) > 1 and Budget(seconds=1e9).used(1) < 1


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
    assert auto(problem, bound, seed).schedule.makespan_us == bound.us


@pytest.mark.parametrize("behind_one", [False, True])
def test_what_looks_at_all_ready_tasks_is_not_tried_where_very_many_are(behind_one: bool) -> None:
    n, edges = 30_000, 29_999 * behind_one
    graph = Graph.from_arrays(work=np.ones(n), source=np.zeros(edges, int), target=np.arange(edges) + 1)
    names = {method.name for method in suiting(Problem.of(graph, Cluster.uniform(4, network=Network(10, 1e6))))}
    assert {"heft", "critical_path", "peft"} <= names
    assert not names & {"dls", "etf", "max_min", "min_min", "sufferage"}


def test_without_compiled_loops_less_is_tried_and_searched() -> None:
    graph = Graph.from_arrays(work=np.ones(500), source=np.arange(499), target=np.arange(499) + 1)
    problem = Problem.of(graph, CLUSTERS["three equal"])
    with interpreted():
        assert (
            {"heft", "critical_path"}
            <= {method.name for method in suiting(problem)}
            < {method.name for method in suiting(HARD)}
        )
        found = auto(HARD, IMPOSSIBLE, 0)
    assert 100 < int(found.stopped.removeprefix("the budget of ").split()[0]) < 1000


def test_where_values_have_to_be_spilled_the_search_prices_them_beside_the_makespan() -> None:
    graph = Graph.from_arrays(
        work=[0, 0, 0, 2, 2],
        source=[1, 2, 3, 4, 1, 4, 1, 2, 4, 1],
        target=[0, 0, 0, 0, 2, 2, 3, 3, 3, 4],
        output=[0, 4, 4, 2, 2],
    )
    far = Network(links=(Link(("h0", "h1"), 2_000_000, 1.0),))
    executors = Executor("0", "h0", memory_bytes=5), Executor("1", "h1", speed=0.5, memory_bytes=5)
    problem = Problem.of(graph, Cluster(executors, far))
    found = auto(problem, lower_bound(problem), 0, schedules=1000)
    assert worth(problem, found.schedule) <= (1, 10_000_000)  # what a genetic search finds
