"""What is left of a plan, planned again."""

from __future__ import annotations

import numpy as np

from planner import Cluster, Executor, Graph, Link, Network, Pin, Progress, plan, replan
from planner.cost import Problem
from planner.spills import worth


def test_what_goes_as_planned_stays_so_where_starting_sooner_would_spill_more() -> None:
    graph = Graph.from_arrays(
        work=[0] * 7,
        source=[1, 0, 3, 5, 6, 1, 3],
        target=[3, 4, 4, 4, 4, 5, 5],
        output=[1, 4, 0, 1, 0, 0, 4],
        pins={0: Pin(host="h1"), 5: Pin(host="h0")},
    )
    far = Network(links=(Link(("h0", "h1"), 2_000_000, 1.0),))
    cluster = Cluster((Executor("0", "h0", memory_bytes=2), Executor("1", "h1", memory_bytes=5)), far)
    planned = plan(graph, cluster, method="heft")
    now, schedule = planned.makespan_us // 2, planned.schedule
    begun = schedule.start_us < now
    progress = Progress(
        now,
        np.where(begun, schedule.slot, -1).astype(np.int32),
        np.where(begun, schedule.start_us, 0),
        np.where(begun, schedule.finish_us, 0),
    )
    again, problem = replan(planned, progress), Problem.of(graph, cluster, progress)
    assert worth(problem, again.schedule) == worth(problem, schedule)
    np.testing.assert_array_equal(again.schedule.start_us, schedule.start_us)
