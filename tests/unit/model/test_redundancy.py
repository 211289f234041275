"""What tasks ask for against losses, and what is said when they ask for nonsense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from planner import Graph, GraphBuilder, InputError, Pin, Replicas

MOST = "1,000,000"


def told(**given: Any) -> list[str]:
    builder = GraphBuilder()
    with pytest.raises(InputError) as caught:
        builder.add("m:f", id="t", **given)
    builder.add("m:f", id="t")
    graph = builder.build()
    assert (graph.n, graph.replicas, graph.retries, graph.timeouts_us) == (1, {}, {}, {}), "something was kept"
    return [str(fault) for fault in caught.value.faults]


def test_tasks_shards_and_trees_ask_alike() -> None:
    builder = GraphBuilder()
    builder.add("m:f", id="nothing")
    builder.add("m:f", id="standby", replicas=np.int64(2), retries=3)
    mapped = builder.map("m:f", [1, 2], id="mapped", replicas=3, redundancy="active", timeout="1 min")
    builder.reduce("m:f", mapped, id="tree", replicas=2, redundancy="standby", retries=1, timeout=0.5)
    graph = builder.build()
    assert graph.replicas == {1: Replicas(2, "standby"), 2: Replicas(3, "active"), 3: Replicas(2, "standby")}
    assert graph.retries == {1: 3, 3: 1}
    assert graph.timeouts_us == {2: 60_000_000, 3: 500_000}


@pytest.mark.parametrize("count", [1, 0, -2, 2.0, True, "2", 10**7, float("nan")])
def test_replicas_are_two_or_more(count: Any) -> None:
    assert told(replicas=count) == [f"tasks['t'].replicas: is {count!r}; expected a whole number from 2 to {MOST}"]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e-9, 1e10, 10**400, "soon", "0s", True, [1]])
def test_a_time_out_is_a_time(timeout: Any) -> None:
    assert [fault.partition(": is ")[0] for fault in told(timeout=timeout)] == ["tasks['t'].timeout"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert told(replicas=1, redundancy="hot", retries=-1, timeout=0) == [
        f"tasks['t'].replicas: is 1; expected a whole number from 2 to {MOST}",
        f"tasks['t'].retries: is -1; expected a whole number from 0 to {MOST}",
        "tasks['t'].redundancy: is 'hot'; expected 'standby' or 'active'",
        "tasks['t'].timeout: is 0; expected seconds above 0, at most 1e+09, or text such as '1 min'",
    ]
    assert told(redundancy="active") == [
        "tasks['t'].redundancy: stands without replicas; expected replicas = 2 or more beside it"
    ]


def test_mappings_of_positions_are_checked_as_well() -> None:
    wrong: dict[int, Any] = {0: Replicas(1), 1: 3, 5: Replicas(2), 2: Replicas(2, "hot")}  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        Graph.from_arrays(
            list("abc"),
            work=[1, 1, 1],
            replicas=wrong,
            retries={0: -1, -1: 1},
            timeouts_us={0: 0, 1: 1.5},  # type: ignore[dict-item]
            copy_of={2: 9},
            apart={0: "g"},
        )
    assert [fault.path for fault in caught.value.faults] == [
        *("tasks[5].replicas", "tasks[-1].retries", "tasks['a'].replicas", "tasks['a'].apart", "tasks['b'].replicas"),
        *("tasks['c'].redundancy", "tasks['a'].retries", "tasks['a'].timeout", "tasks['b'].timeout"),
        "tasks['c'].copy_of",
    ]


def test_what_asks_for_nothing_is_left_out_and_tasks_stand_in_order() -> None:
    graph = Graph.from_arrays(
        work=[1, 1, 1], replicas={2: Replicas(2), 0: Replicas(3)}, retries={1: 0, 2: 1, 0: 4}, timeouts_us={2: 7, 1: 5}
    )
    assert [*graph.replicas] == [0, 2]
    assert [*graph.retries.items()] == [(0, 4), (2, 1)]
    assert [*graph.timeouts_us] == [1, 2]


def copied(**changed: Any) -> Graph:
    """Give a task a with a copy c, and what waits for a; then change something."""
    columns: dict[str, Any] = {
        "work": [1, 1, 1, 2],
        "source": [0, 0, 1],
        "target": [1, 2, 3],
        "replicas": {1: Replicas(2, "active")},
        "copy_of": {2: 1},
        **changed,
    }
    return Graph.from_arrays(["in", "a", "c", "out"], **columns)


def test_a_copy_is_like_its_task() -> None:
    assert copied().copy_of == {2: 1}
    assert copied(pins={1: Pin("x"), 2: Pin("x")}, retries={1: 1, 2: 1}, timeouts_us={1: 1, 2: 1}).copy_of == {2: 1}


OTHER = "tasks['c'].copy_of: is tasks['a'], which is another; expected the same inputs, work, bytes, kind, run and pin"
NONE = "tasks['c'].copy_of: is tasks['a'], which has no active replicas; expected a task that has"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"work": [1, 1, 3, 2]}, OTHER),
        ({"output": [0, 1, 2, 0]}, OTHER),
        ({"kind": list("xyzx")}, OTHER),
        ({"source": [0, 1], "target": [1, 3]}, OTHER),
        ({"edge_bytes": [1, 2, 3]}, OTHER),
        ({"pins": {1: Pin("x")}}, OTHER),
        ({"retries": {2: 1}}, OTHER),
        ({"timeouts_us": {2: 1}}, OTHER),
        ({"source": [0, 0, 1, 2], "target": [1, 2, 3, 3]}, "tasks['c'].copy_of: has successors"),
        ({"replicas": {}}, NONE),
        ({"replicas": {1: Replicas(2)}}, NONE),
        (
            {"replicas": {1: Replicas(2, "active"), 2: Replicas(2)}},
            "tasks['c'].copy_of: stands with replicas of its own",
        ),
        (
            {"replicas": {1: Replicas(3, "active")}},
            "tasks['a'].replicas: is 3, and there are 1 copies; expected 2, or none",
        ),
    ],
)
def test_what_is_no_copy_is_told(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        copied(**changed)
    assert str(caught.value.faults[0]).startswith(problem)


def test_a_graph_made_by_replacing_fields_needs_none_of_them() -> None:
    assert replace(Graph.from_arrays(work=[1]), pins={0: Pin("x")}).copy_of == {}
