"""A search for instances on which auto loses to a method that it has. It may find none.

J. Coleman, B. Krishnamachari, Comparing task graph scheduling algorithms: an adversarial approach, 2024,
arXiv:2403.07120: for nearly every method there are instances on which it is several times worse than another.
"""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner import Cluster, Graph
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Schedule
from planner.schedulers import auto, get, suiting
from planner.schedulers.ant_colony import forage
from planner.schedulers.budget import Budget
from planner.schedulers.genetic import evolve
from planner.spills import worth

TRIED = 1000


@given(graphs(7), clusters(), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_no_method_and_no_search_beats_auto(graph: Graph, cluster: Cluster, seed: int) -> None:
    problem = Problem.of(graph, cluster)
    found = auto(problem, lower_bound(problem), seed, schedules=TRIED)
    best = worth(problem, found.schedule)
    for name, schedule in _others(problem, seed):
        assert best <= worth(problem, schedule), name


def _others(problem: Problem, seed: int) -> Iterator[tuple[str, Schedule]]:
    for method in suiting(problem):
        yield method.name, method.schedule(problem, seed)
    heft = get("heft").schedule(problem, seed)
    for search in (evolve, forage):
        rules = {"enough_us": lower_bound(problem).us, "budget": Budget(schedules=TRIED), "chunk": TRIED}
        yield search.__name__, search(problem, seed, start=heft, **rules).schedule  # type: ignore[arg-type]
