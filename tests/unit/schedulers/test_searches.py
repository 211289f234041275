"""The searches that are asked for by name: their operators, what they find, and that the seed decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from planner.bounds import least_behind
from planner.cost import Problem
from planner.model import Cluster, Executor, Graph, Network
from planner.model.compiled import interpreted
from planner.schedulers import get
from planner.schedulers.ant_colony import _choose, _reward, _trails
from planner.schedulers.genetic import _cross, _first, _rematch, _reorder
from planner.schedulers.kernel import arrays, state
from planner.schedulers.starts import order_of, starts
from tests.instances import CLUSTERS, GRAPHS
from tests.published import S, arabnejad, topcuoglu

HARD = Problem.of(GRAPHS["layered"], CLUSTERS["four speeds, three hosts"])


@pytest.fixture
def as_written() -> Iterator[None]:
    """Try operators as they are written: compiling each by itself takes seconds, and only the searches call them."""
    with interpreted():
        yield


def _seeded(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002 - what is compiled has no other generator


@pytest.mark.parametrize("name", ["genetic", "ant_colony"])
def test_published_examples_are_solved_to_their_optima(name: str) -> None:
    """HEFT finds 80 and 133; the optima were proved by constraint programming."""
    assert get(name).schedule(topcuoglu(), 0).makespan_us == 73 * S
    assert get(name).schedule(arabnejad(), 1).makespan_us == 113 * S


@pytest.mark.parametrize("name", ["genetic", "ant_colony"])
def test_it_is_never_behind_what_it_starts_from_and_the_seed_decides(name: str) -> None:
    first, again, other = (get(name).schedule(HARD, seed) for seed in (1, 1, 2))
    assert first.makespan_us < starts(HARD, 1)[0].makespan_us
    assert np.array_equal(first.start_us, again.start_us) and np.array_equal(first.slot, again.slot)
    assert not np.array_equal(first.start_us, other.start_us)


@pytest.mark.parametrize("name", ["genetic", "ant_colony"])
def test_what_is_too_large_to_search_is_only_scheduled(name: str) -> None:
    problem = Problem.of(Graph.from_arrays(work=np.arange(1, 20_001)), Cluster.uniform(64, network=Network(10, 1e6)))
    found, critical = (get(each).schedule(problem, 0) for each in (name, "critical_path"))
    assert np.array_equal(found.start_us, critical.start_us)


def test_starts_come_best_first_and_hold_heft() -> None:
    lengths = [schedule.makespan_us for schedule in starts(topcuoglu(), 0)]
    assert lengths == sorted(lengths) and {76 * S, 80 * S, 85 * S, 86 * S} <= set(lengths)


def _population(problem: Problem, count: int = 2):  # type: ignore[no-untyped-def]
    schedules = [get("random").schedule(problem, seed) for seed in range(count)]
    return _first(problem, arrays(problem), state(problem), least_behind(problem), False, 0, schedules)


@pytest.mark.usefixtures("as_written")
def test_a_child_has_one_parents_head_and_the_order_of_the_other_behind_it() -> None:
    q = _population(HARD)
    mother, father = q.order[1].tolist(), q.order[3].tolist()
    lengths, of_mother = set(), 0
    for seed in range(40):
        _seeded(seed)
        _cross(q, 1, 3)
        child = q.child_order.tolist()
        fits = [k for k in range(61) if child == mother[:k] + [t for t in father if t not in mother[:k]]]
        assert fits
        lengths.add(fits[0])
        wishes = q.child_wish
        assert ((wishes == q.wish[1]) | (wishes == q.wish[3])).all()
        of_mother += bool((wishes[child[: fits[0]]] == q.wish[1][child[: fits[0]]]).all())
    assert len(lengths) > 10 and of_mother >= 10


@pytest.mark.usefixtures("as_written")
def test_mutations_move_one_task_between_those_it_waits_for_and_those_that_wait_for_it() -> None:
    q, p = _population(HARD), arrays(HARD)
    moved = 0
    for seed in range(60):
        _seeded(seed)
        q.child_order[:] = q.order[1]
        _reorder(p, HARD.succ_ptr, HARD.succ, q)
        assert sorted(q.child_order.tolist()) == list(range(60))
        position = np.argsort(q.child_order)
        assert (position[HARD.pred] < position[np.repeat(np.arange(60), np.diff(HARD.pred_ptr))]).all()
        moved += not np.array_equal(q.child_order, q.order[1])
    assert moved > 30


@pytest.mark.usefixtures("as_written")
def test_a_mutated_executor_is_one_that_may_take_the_task_or_none() -> None:
    cluster = Cluster((Executor("a", memory_bytes=5), Executor("b", memory_bytes=9), Executor("c", memory_bytes=9)))
    problem = Problem.of(Graph.from_arrays(work=[1, 1], memory=[9, 0]), cluster)
    q, p = _population(problem), arrays(problem)
    drawn: list[set[int]] = [set(), set()]
    for seed in range(60):
        _seeded(seed)
        for task in (0, 1):
            _rematch(p, q, task)
            drawn[task].add(int(q.child_wish[task]))
    assert drawn == [{-1, -3, -4}, {-1, -2, -3, -4}]


@pytest.mark.usefixtures("as_written")
def test_ants_choose_the_best_but_for_some_that_are_drawn_by_worth() -> None:
    worth = np.array([1.0, 3.0, 0.0, 2.0])
    _seeded(0)
    long = [_choose(worth, 3, 10**9) for _ in range(50)]
    short = np.bincount([_choose(worth, 4, 1) for _ in range(6000)], minlength=4)
    assert set(long) == {1}
    assert short / 6000 == pytest.approx([1 / 6, 1 / 2, 0, 1 / 3], abs=0.03)


@pytest.mark.usefixtures("as_written")
def test_pheromone_gathers_where_the_best_ant_walked() -> None:
    start = get("heft").schedule(HARD, 0)
    q = _trails(HARD, start)
    before = q.executor.copy()
    for _ in range(100):
        _reward(q)
    rows = np.arange(60)
    assert (q.executor[rows, HARD.slot_executor[start.slot]] > 0.99).all()
    assert (q.place[order_of(HARD, start), rows * 60 // 60] > 0.99).all()
    assert ((q.executor != before).sum(axis=1) == 1).all()
