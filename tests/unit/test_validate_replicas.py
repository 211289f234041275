"""The validator on replicas: every rule, broken once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from planner.errors import InvalidPlanError
from planner.model import Cluster, Executor, Graph, Pin, Progress, Replicas, Schedule
from planner.validate import validate

S = 10**6
HOSTS = Cluster(tuple(Executor(str(i), host=f"h{i // 2}", slots=2, memory_bytes=10 + i) for i in range(6)))
"""Two executors of two slots on each of three hosts: executor ``e`` has the slots ``2 e`` and ``2 e + 1``."""

ACTIVE = Graph.from_arrays(
    ["a", "b", "a~2", "a~3"], work=[1] * 4, replicas={0: Replicas(3, "active")}, copy_of={2: 0, 3: 0}
)
STANDBY = Graph.from_arrays(["a", "b"], work=[1, 1], replicas={0: Replicas(3)})


def at(*slots: int) -> Schedule:
    start = np.zeros(len(slots), dtype=np.int64)
    return Schedule(np.array(slots, dtype=np.int32), start, start + S)


def faults(
    graph: Graph,
    found: Schedule,
    backups: Mapping[int, tuple[int, ...]] | None = None,
    cluster: Cluster = HOSTS,
    progress: Progress | None = None,
) -> list[str]:
    with pytest.raises(InvalidPlanError) as raised:
        validate(graph, cluster, found, progress, backups)
    return [str(fault) for fault in raised.value.faults]


def progress(*slots: int, closed: tuple[str, ...] = ()) -> Progress:
    """Say what began at 0, and that nothing else starts before."""
    begun = np.array(slots, dtype=np.int32)
    return Progress(0, begun, np.zeros(len(slots), np.int64), np.where(begun >= 0, S, 0), closed)


def test_what_keeps_every_rule_passes() -> None:
    validate(ACTIVE, HOSTS, at(0, 1, 4, 9))
    validate(STANDBY, HOSTS, at(0, 1), backups={0: (4, 9)})
    validate(STANDBY, HOSTS, at(0, 1))  # backups are not judged where they are not given


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ((0, 2, 1, 8), ["tasks['a~2']: is on executor '0' with tasks['a']; expected replicas on different executors"]),
        (
            (4, 2, 0, 1),
            ["tasks['a~3']: is on executor '0' with tasks['a~2']; expected replicas on different executors"],
        ),
        ((0, 4, 2, 8), ["tasks['a~2']: is on host 'h0' with tasks['a']; expected replicas on different hosts"]),
        (
            (0, 4, 2, 1),
            ["tasks['a~3']: is on executor '0' with tasks['a']; expected replicas on different executors"],
        ),
    ],
)
def test_copies_are_apart(slots: tuple[int, ...], said: list[str]) -> None:
    assert faults(ACTIVE, at(*slots)) == said


def test_copies_are_as_many_as_asked_for() -> None:
    short = replace(ACTIVE, copy_of={2: 0})
    assert faults(short, at(0, 1, 4, 8)) == ["tasks['a']: has 1 copies; expected 2"]
    assert faults(replace(ACTIVE, copy_of={}), at(0, 1, 4, 8)) == ["tasks['a']: has 0 copies; expected 2"]
    assert faults(replace(ACTIVE, replicas={}), at(0, 1, 4, 8)) == ["tasks['a']: has 2 copies; expected 0"]


def test_hosts_count_only_where_there_are_enough_that_may_take_them() -> None:
    two = replace(HOSTS, executors=HOSTS.executors[:4])
    validate(ACTIVE, two, at(0, 1, 4, 6))
    validate(STANDBY, two, at(0, 1), backups={0: (2, 4)})
    pinned = replace(ACTIVE, pins=dict.fromkeys((0, 2, 3), Pin(kind="cpu", host="h0")))
    assert "expected replicas on different executors" in faults(pinned, at(0, 4, 2, 1))[0]
    heavy = Graph.from_arrays(
        ["a", "a~2"], work=[1, 1], memory=[14, 14], replicas={0: Replicas(2, "active")}, copy_of={1: 0}
    )
    validate(heavy, HOSTS, at(8, 10))  # on h2 alone there is memory
    assert faults(replace(heavy, memory_bytes=np.array([13, 13])), at(8, 10)) == [
        "tasks['a~2']: is on host 'h2' with tasks['a']; expected replicas on different hosts"
    ]


@pytest.mark.parametrize(
    ("backups", "said"),
    [
        ({}, ["tasks['a']: has 0 backups; expected 2"]),
        ({0: (4,)}, ["tasks['a']: has 1 backups; expected 2"]),
        ({0: (4, 8, 10)}, None),
        ({0: (4, 8), 1: (2,)}, ["backups[1]: stands by for no task with standby replicas"]),
        ({0: (4, 8), 7: (2,)}, ["backups[7]: stands by for no task with standby replicas"]),
        ({0: (4, 12)}, ["tasks['a']: has backups on slots [12]; expected 0 to 11"]),
        ({0: (-1, 4)}, ["tasks['a']: has backups on slots [-1]; expected 0 to 11"]),
        ({0: (1, 4)}, ["tasks['a']: has a replica beside another on one executor; expected different executors"]),
        ({0: (4, 5)}, ["tasks['a']: has a replica beside another on one executor; expected different executors"]),
        ({0: (2, 4)}, ["tasks['a']: has a replica beside another on one host; expected different hosts"]),
        ({0: (4, 6)}, ["tasks['a']: has a replica beside another on one host; expected different hosts"]),
    ],
)
def test_backups_are_as_many_as_asked_for_and_apart(backups: dict[int, tuple[int, ...]], said: Any) -> None:
    found = faults(STANDBY, at(0, 1), backups)
    assert found == said if said else found[0] == "tasks['a']: has 3 backups; expected 2"


def test_backups_are_where_the_task_may_run() -> None:
    pinned = replace(STANDBY, pins={0: Pin(host="h0")}, replicas={0: Replicas(2)})
    validate(pinned, HOSTS, at(0, 1), backups={0: (2,)})
    may_not = "tasks['a']: has a backup on executor '{}', which may not take it, or is closed"
    assert faults(pinned, at(0, 1), {0: (4,)}) == [may_not.format(2)]
    heavy = replace(STANDBY, memory_bytes=np.array([13, 0]), replicas={0: Replicas(2)})
    validate(heavy, HOSTS, at(6, 1), backups={0: (8,)})
    assert faults(heavy, at(6, 1), {0: (0,)}) == [may_not.format(0)]


def test_closed_executors_stand_by_for_nothing_and_excuse_too_few() -> None:
    gone = progress(0, 1, closed=("1", "3", "4", "5"))
    validate(STANDBY, HOSTS, at(0, 1), gone, {0: (4,)})
    assert faults(STANDBY, at(0, 1), {0: (4, 8)}, progress=gone) == [
        "tasks['a']: has 2 backups; expected 1",
        "tasks['a']: has a backup on executor '4', which may not take it, or is closed",
    ]
    assert faults(STANDBY, at(0, 1), {0: ()}, progress=gone) == ["tasks['a']: has 0 backups; expected 1"]
    assert faults(STANDBY, at(0, 1), {0: (4,)}, progress=progress(0, 1)) == ["tasks['a']: has 1 backups; expected 2"]


def test_copies_share_what_closed_executors_have_left() -> None:
    nothing = progress(-1, -1, -1, -1, closed=("2", "3", "4", "5"))
    validate(ACTIVE, HOSTS, at(0, 1, 2, 3), nothing)  # three on two executors
    two_hosts = progress(-1, -1, -1, -1, closed=("4", "5"))
    validate(ACTIVE, HOSTS, at(0, 1, 2, 4), two_hosts)
    assert faults(ACTIVE, at(0, 2, 1, 4), progress=two_hosts) == [
        "tasks['a~2']: is on executor '0' with tasks['a']; expected replicas on different executors"
    ]


def test_what_has_begun_is_no_fault_but_the_rest_keeps_away_from_it() -> None:
    validate(ACTIVE, HOSTS, at(0, 2, 1, 4), progress(0, -1, 1, -1))
    assert faults(ACTIVE, at(0, 2, 4, 1), progress=progress(0, -1, 4, -1)) == [
        "tasks['a~3']: is on executor '0' with tasks['a']; expected replicas on different executors"
    ]
    assert faults(ACTIVE, at(0, 1, 4, 2), progress=progress(0, -1, 4, -1)) == [
        "tasks['a~3']: is on host 'h0' with tasks['a']; expected replicas on different hosts"
    ]
    validate(ACTIVE, HOSTS, at(0, 1, 2, 6), progress(0, -1, 2, -1))  # two began on one host: hosts count no more
