"""The validator: every rule, broken once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InvalidPlanError
from planner.model import Cluster, Executor, Graph, Network, Pin, Progress, Schedule
from planner.validate import validate

S = 10**6
GRAPH = Graph.from_arrays(
    ["a", "b", "c"], work=[2, 1, 1], source=[0, 0], target=[1, 2], output=[10, 0, 0], memory=[3, 3, 3]
)
CLUSTER = Cluster((Executor("x", slots=2, memory_bytes=6), Executor("y", memory_bytes=6)), Network(1000, 10.0))


def schedule(slot: list[int], start: list[float], length: list[float]) -> Schedule:
    begins = np.rint(np.array(start) * S).astype(np.int64)
    return Schedule(np.array(slot, dtype=np.int32), begins, begins + np.rint(np.array(length) * S).astype(np.int64))


def faults(graph: Graph, cluster: Cluster, found: Schedule, progress: Progress | None = None) -> list[str]:
    with pytest.raises(InvalidPlanError) as raised:
        validate(graph, cluster, found, progress)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize("start", [[0, 2, 2], [1, 3, 3.5]])
def test_a_schedule_that_keeps_every_rule_passes(start: list[float]) -> None:
    validate(GRAPH, CLUSTER, schedule([0, 0, 1], start, [2, 1, 1]))
    validate(GRAPH, CLUSTER, schedule([0, 0, 2], [0, 2, 3.001], [2, 1, 1]))


@pytest.mark.parametrize(
    ("slot", "start", "length", "said"),
    [
        ([0, 0, 3], [0, 2, 4], [2, 1, 1], "tasks['c']: is on slot 3; expected 0 to 2"),
        ([0, -1, 1], [0, 2, 4], [2, 1, 1], "tasks['b']: is on slot -1; expected 0 to 2"),
        ([0, 0, 1], [0, 2, -1], [2, 1, 1], "tasks['c']: starts at -1000000 us; expected 0 or later"),
        ([0, 0, 1], [0, 2, 2], [2, 2, 1], "tasks['b']: takes 2000000 us; expected 1000000 us on that executor"),
        (
            [0, 0, 1],
            [0, 1.999999, 2],
            [2, 1, 1],
            "tasks['b']: starts at 1999999 us; its input from tasks['a'] is there at 2000000 + 0 us",
        ),
        (
            [0, 0, 2],
            [0, 2, 3.000999],
            [2, 1, 1],
            "tasks['c']: starts at 3000999 us; its input from tasks['a'] is there at 2000000 + 1001000 us",
        ),
        (
            [0, 0, 0],
            [0, 2, 2.5],
            [2, 1, 1],
            "tasks['c']: starts at 2500000 us on slot 0, where tasks['b'] runs until 3000000 us",
        ),
    ],
)
def test_what_is_broken_is_said(slot: list[int], start: list[float], length: list[float], said: str) -> None:
    assert said in faults(GRAPH, CLUSTER, schedule(slot, start, length))


def test_all_that_is_broken_is_said_at_once() -> None:
    said = faults(GRAPH, CLUSTER, schedule([0, 0, 0], [0, 1, 1], [2, 2, 1]))
    assert [fault.partition(": ")[2].partition(" ")[0] for fault in said] == [
        "takes",
        *["starts"] * 4,
        "holds",
    ]


def test_the_speed_of_the_executor_and_the_overhead_count() -> None:
    cluster = Cluster((Executor("x", speed=3.0),), overhead_us=7)
    graph = Graph.from_arrays(work=[1])
    validate(graph, cluster, schedule([0], [0], [0.333340]))
    assert faults(graph, cluster, schedule([0], [0], [0.333333])) == [
        "tasks['0']: takes 333333 us; expected 333340 us on that executor"
    ]


def test_a_task_that_lies_under_several_is_found_under_each() -> None:
    said = faults(Graph.from_arrays(work=[9, 1, 1]), Cluster.uniform(1), schedule([0] * 3, [0, 2, 5], [9, 1, 1]))
    assert said == [
        f"tasks['{i}']: starts at {at} us on slot 0, where tasks['0'] runs until 9000000 us"
        for i, at in ((1, 2_000_000), (2, 5_000_000))
    ]


def test_a_task_of_no_length_fits_between_two_others_and_into_none() -> None:
    graph, cluster = Graph.from_arrays(work=[2, 0, 2]), Cluster.uniform(1)
    for when in (0, 2, 4, 9):
        validate(graph, cluster, schedule([0] * 3, [0, when, 2], [2, 0, 2]))
    assert "where tasks['0'] runs until" in faults(graph, cluster, schedule([0] * 3, [0, 1, 2], [2, 0, 2]))[0]


def test_memory_of_tasks_that_run_together_is_added_up() -> None:
    graph = Graph.from_arrays(work=[2, 2, 2], memory=[4, 4, 3])
    said = faults(graph, CLUSTER, schedule([0, 1, 0], [0, 1, 2], [2, 2, 2]))
    assert said == ["executors['x']: holds 8 bytes at 1000000 us; it has 6"]
    # What ends makes room for what starts then; another executor has memory of its own.
    validate(graph, CLUSTER, schedule([0, 1, 0], [0, 2, 4], [2, 2, 2]))
    validate(graph, CLUSTER, schedule([0, 2, 0], [0, 0, 2], [2, 2, 2]))


def test_a_task_larger_than_its_executor_is_named() -> None:
    said = faults(Graph.from_arrays(work=[1], memory=[7]), CLUSTER, schedule([2], [0], [1]))
    assert "tasks['0']: needs more memory than executor y has" in said


def test_columns_of_another_length_are_told() -> None:
    assert faults(GRAPH, CLUSTER, schedule([0, 0], [0, 2, 2], [2, 1, 1])) == [
        "slot: has 2 entries for 3 tasks; expected one each"
    ]


def test_of_very_many_faults_of_a_sort_some_are_shown() -> None:
    graph = Graph.from_arrays(work=[1] * 100)
    said = faults(graph, Cluster.uniform(2), schedule([0, 1] * 50, [0] * 100, [1] * 100))
    assert len(said) == 20


def test_the_speed_for_the_kind_counts() -> None:
    cluster = Cluster((Executor("x", speed=2.0, speeds={"embed": 4.0}), Executor("y")))
    graph = Graph.from_arrays(work=[2, 2, 2], kind=["sort", "embed", "embed"])
    validate(graph, cluster, schedule([0, 0, 1], [0, 1, 0], [1, 0.5, 2]))
    assert faults(graph, cluster, schedule([0, 0, 1], [0, 1, 0], [0.5, 1, 0.5])) == [
        "tasks['0']: takes 500000 us; expected 1000000 us on that executor",
        "tasks['1']: takes 1000000 us; expected 500000 us on that executor",
        "tasks['2']: takes 500000 us; expected 2000000 us on that executor",
    ]


PLACES = Cluster((Executor("x", host="h", slots=2), Executor("y", host="h", kind="gpu"), Executor("z", host="g")))


@pytest.mark.parametrize(
    ("pin", "slots"),
    [
        (Pin("x"), [0, 1]),
        (Pin(host="h"), [0, 1, 2]),
        (Pin(kind="cpu"), [0, 1, 3]),
        (Pin(host="h", kind="cpu"), [0, 1]),
        (Pin("z", "g", "cpu"), [3]),
        (Pin("z", "h"), []),
    ],
)
def test_a_pin_is_kept_on_the_executors_that_are_all_it_asks_for(pin: Pin, slots: list[int]) -> None:
    graph = Graph.from_arrays(work=[1], pins={0: pin})
    for slot in range(4):
        if slot in slots:
            validate(graph, PLACES, schedule([slot], [0], [1]))
        else:
            (said,) = faults(graph, PLACES, schedule([slot], [0], [1]))
            on = ["x' (host 'h', kind 'cpu')"] * 2 + ["y' (host 'h', kind 'gpu')", "z' (host 'g', kind 'cpu')"]
            assert said == f"tasks['0']: is on executor '{on[slot]}; its pin asks for {pin}"


def test_tasks_of_one_group_are_on_executors_of_their_own() -> None:
    graph = Graph.from_arrays(list("abcd"), work=[1] * 4, apart={0: "g", 1: "g", 2: "other", 3: "g"})
    validate(graph, PLACES, schedule([0, 2, 1, 3], [0] * 4, [1] * 4))
    # Neither another slot nor another time makes up for it.
    assert faults(graph, PLACES, schedule([0, 1, 0, 1], [0, 0, 1, 9], [1] * 4)) == [
        f"tasks['{task}']: is on executor 'x' with tasks['a']; expected them apart, as group 'g' is" for task in "bd"
    ]


# At 3 s: a is done, b runs on slot 0 of x and will take until 6; c and d wait for it, c beside it.
BEGUN = Graph.from_arrays(
    list("abcd"), work=[2, 2, 1, 1], source=[0, 1], target=[1, 3], output=[10, 10, 0, 0], memory=[6, 6, 3, 0]
)
PROGRESS = Progress(3 * S, np.array([0, 0, -1, -1], np.int32), np.array([0, S, 0, 0]), np.array([2 * S, 6 * S, 0, 0]))
MOVED = schedule([0, 0, 2, 0], [0, 1, 3, 6], [2, 5, 1, 1])


def test_what_has_begun_stands_whatever_it_is() -> None:
    """Here b began before its input was there, while a ran, not where its pin is, beside what it stays apart from."""
    validate(BEGUN, CLUSTER, MOVED, PROGRESS)
    pinned = replace(BEGUN, pins={0: Pin("y"), 1: Pin("y")}, apart={0: "g", 1: "g", 2: "g"})
    validate(pinned, CLUSTER, MOVED, PROGRESS)
    said = faults(BEGUN, CLUSTER, MOVED)
    assert [fault.partition(": ")[::2][0] for fault in said] == ["tasks['b']"] * 3 + ["executors['x']"]


@pytest.mark.parametrize(
    ("slot", "start", "length", "said"),
    [
        (
            [1, 0, 2, 0],
            [0, 1, 3, 6],
            [2, 5, 1, 1],
            "tasks['a']: is on slot 1 from 0 to 2000000 us; it had begun on slot 0",
        ),
        (
            [0, 0, 2, 0],
            [0, 2, 3, 7],
            [2, 5, 1, 1],
            "tasks['b']: is on slot 0 from 2000000 to 7000000 us; it had begun on",
        ),
        (
            [0, 0, 2, 0],
            [0, 1, 3, 6],
            [2, 2, 1, 1],
            "tasks['b']: is on slot 0 from 1000000 to 3000000 us; it had begun on",
        ),
        (
            [0, 0, 2, 0],
            [0, 1, 2, 6],
            [2, 5, 1, 1],
            "tasks['c']: starts at 2000000 us; its slot starts nothing before 3000",
        ),
        ([0, 0, 2, 0], [0, 1, 3, 5], [2, 5, 1, 1], "tasks['d']: starts at 5000000 us on slot 0, where tasks['b'] runs"),
        (
            [0, 0, 2, 1],
            [0, 1, 3, 5],
            [2, 5, 1, 1],
            "tasks['d']: starts at 5000000 us; its input from tasks['b'] is there",
        ),
        ([0, 0, 2, 0], [0, 1, 3, 6], [2, 5, 1, 2], "tasks['d']: takes 2000000 us; expected 1000000 us"),
        ([0, 0, 1, 0], [0, 1, 3, 6], [2, 5, 1, 1], "executors['x']: holds 9 bytes at 3000000 us; it has 6"),
    ],
)
def test_what_has_not_begun_keeps_every_rule(
    slot: list[int], start: list[float], length: list[float], said: str
) -> None:
    found = faults(BEGUN, CLUSTER, schedule(slot, start, length), PROGRESS)
    assert any(fault.startswith(said) for fault in found)
    assert all(fault.startswith(said[:10]) for fault in found), "nothing else is wrong"


def test_nothing_new_starts_where_executors_are_closed_or_slots_not_free() -> None:
    validate(BEGUN, CLUSTER, MOVED, replace(PROGRESS, slot_free_us={0: 6 * S, 1: 99 * S, 2: 3 * S}))
    assert faults(BEGUN, CLUSTER, MOVED, replace(PROGRESS, slot_free_us={0: 6 * S + 1, 2: 0})) == [
        "tasks['d']: starts at 6000000 us; its slot starts nothing before 6000001 us"
    ]
    early = schedule([0, 0, 2, 0], [0, 1, 2, 6], [2, 5, 1, 1])
    assert faults(BEGUN, CLUSTER, early, replace(PROGRESS, slot_free_us={2: 0})) == [
        "tasks['c']: starts at 2000000 us; its slot starts nothing before 3000000 us"
    ]
    assert faults(BEGUN, CLUSTER, MOVED, replace(PROGRESS, closed=("x",))) == [
        "tasks['d']: is on executor 'x', which is closed; expected an open one"
    ]
    validate(BEGUN, CLUSTER, schedule([0, 0, 2, 2], [0, 1, 3, 7.001], [2, 5, 1, 1]), replace(PROGRESS, closed=("x",)))


def test_a_task_that_was_planned_into_a_group_with_one_that_has_begun_is_told() -> None:
    graph = replace(BEGUN, apart={0: "g", 2: "g"})
    late = replace(PROGRESS, slot=np.array([-1, -1, 2, -1], np.int32), now_us=0)
    late = replace(late, start_us=np.array([0, 0, 3 * S, 0]), finish_us=np.array([0, 0, 4 * S, 0]))
    assert faults(graph, CLUSTER, schedule([2, 2, 2, 2], [0, 2, 3, 4], [2, 2, 1, 1]), late)[-1] == (
        "tasks['a']: is on executor 'y' with tasks['c']; expected them apart, as group 'g' is"
    )
    graph = replace(BEGUN, apart={1: "g", 3: "g"}, pins={3: Pin("y")})
    assert faults(graph, CLUSTER, MOVED, PROGRESS) == [
        "tasks['d']: is on executor 'x' (host 'localhost', kind 'cpu'); its pin asks for executor 'y'",
        "tasks['d']: is on executor 'x' with tasks['b']; expected them apart, as group 'g' is",
    ]


def test_a_planned_task_is_told_when_one_that_has_begun_starts_under_it() -> None:
    graph = Graph.from_arrays(["planned", "begun"], work=[4, 4])
    late = Progress(S, np.array([-1, 0], np.int32), np.array([0, 2 * S]), np.array([0, 6 * S]))
    assert faults(graph, Cluster.uniform(1), schedule([0, 0], [1, 2], [4, 4]), late) == [
        "tasks['begun']: starts at 2000000 us on slot 0, where tasks['planned'] runs until 5000000 us"
    ]
    graph = Graph.from_arrays(["planned", "begun", "long"], work=[4, 4, 9])
    late = Progress(S, np.array([-1, 0, 0], np.int32), np.array([0, 2 * S, 0]), np.array([0, 6 * S, 9 * S]))
    assert faults(graph, Cluster.uniform(1), schedule([0, 0, 0], [1, 2, 0], [4, 4, 9]), late) == [
        "tasks['planned']: starts at 1000000 us on slot 0, where tasks['long'] runs until 9000000 us",
        "tasks['begun']: starts at 2000000 us on slot 0, where tasks['planned'] runs until 5000000 us",
    ]


def test_memory_of_what_has_begun_leaves_the_less_for_what_has_not() -> None:
    graph = Graph.from_arrays(list("abc"), work=[9, 9, 1], memory=[4, 5, 1])
    cluster = Cluster((Executor("x", slots=3, memory_bytes=8),))
    both = Progress(3 * S, np.array([0, 1, -1], np.int32), np.array([0, 3 * S, 0]), np.array([9 * S, 12 * S, 0]))
    validate(graph, cluster, schedule([0, 1, 2], [0, 3, 9], [9, 9, 1]), both)
    for start, held in ((8, 10), (3, 10)):
        assert faults(graph, cluster, schedule([0, 1, 2], [0, 3, start], [9, 9, 1]), both) == [
            f"executors['x']: holds {held} bytes at {start}000000 us; it has 8"
        ]


def test_a_progress_of_another_size_is_told() -> None:
    short = replace(PROGRESS, slot=PROGRESS.slot[:2], slot_free_us={3: 0, 0: 0})
    assert faults(BEGUN, CLUSTER, MOVED, short) == [
        "progress.slot: has 2 entries for 4 tasks; expected one each",
        "progress.slot_free_us[3]: there are 3 slots; expected one of them",
    ]


def test_of_every_sort_of_fault_some_are_shown() -> None:
    n = 50
    graph = Graph.from_arrays(
        work=[1] * n, pins=dict.fromkeys(range(n), Pin("no")), apart={i: str(i // 2) for i in range(n)}
    )
    progress = Progress(9 * S, np.repeat(np.array([0, -1], np.int32), n // 2), *np.zeros((2, n), np.int64), ("0", "1"))
    found = schedule([0, 0, 1, 1, *[0, 0] * ((n - 4) // 2)], [float(i) for i in range(n)], [1] * n)
    found.start_us[n // 2 :] -= 30 * S
    found.start_us[n // 2 :] += 8 * S
    said = " ".join(faults(graph, Cluster.uniform(2), found, progress))
    for part in ("it had begun", "starts nothing before", "is closed", "its pin asks", "expected them apart", "takes"):
        assert 1 <= said.count(part) <= 20, part
