"""What a plan says of its replicas: what they cost and what they survive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pages import MARKUP, Elements

from planner import Cluster, Executor, Graph, Progress, Replicas
from planner.model import Bound, Plan, Schedule
from planner.report import Redundancy, plan_html, plan_text, write_report

MB = 10**6
HOSTS = Cluster(tuple(Executor(str(i), host=f"h{i // 2}", slots=2) for i in range(6)))
"""Two executors of two slots on each of three hosts: executor ``e`` has the slots ``2 e`` and ``2 e + 1``."""

GRAPH = Graph.from_arrays(
    ["in", "a", "b", "out", "a~2"],
    work=[1, 12, 3, 4, 12],
    source=[0, 0, 1, 0],
    target=[1, 2, 3, 4],
    output=[5 * MB, 1, 10 * MB, 30 * MB, 1],
    replicas={1: Replicas(2, "active"), 2: Replicas(2), 3: Replicas(3)},
    copy_of={4: 1},
)


def planned(graph: Graph = GRAPH, slots: tuple[int, ...] = (0, 0, 1, 0, 4), **how: object) -> Plan:
    start = np.arange(len(slots), dtype=np.int64) * 20 * MB
    schedule = Schedule(np.array(slots, dtype=np.int32), start, start + graph.work_us)
    given = {"backups": {2: (6,), 3: (4, 8)}, **how}
    return Plan(graph, HOSTS, schedule, Bound(1, ""), "heft", **given)  # type: ignore[arg-type]


def test_it_says_what_replicas_cost_and_survive() -> None:
    told = Redundancy.of(planned())
    assert str(told) == (
        "3 tasks have 2 to 3 replicas (2 standby, 1 active): their values survive the loss of any 1 executor, and of "
        "any 1 host. Active copies cost 12 s of work and receive 5 MB; standby copies send and hold 70 MB. The value "
        "of the other task is lost with its executor."
    )
    assert told is not None
    assert told.to_dict() == {
        "standby_tasks": 2,
        "active_tasks": 1,
        "other_tasks": 1,
        "replicas": {"least": 2, "most": 3, "short": 0},
        "survives": {"executors": 1, "hosts": 1, "all_values": False},
        "active_work": 12.0,
        "active_bytes": 5 * MB,
        "standby_bytes": 70 * MB,
    }


def test_replicas_on_one_host_survive_no_lost_host() -> None:
    told = str(Redundancy.of(planned(slots=(0, 0, 1, 0, 2))))
    assert "survive the loss of any 1 executor. " in told


def test_what_is_not_sent_costs_nothing() -> None:
    assert "Active copies cost 12 s of work; standby" in str(Redundancy.of(planned(slots=(4, 0, 1, 0, 5))))


def test_the_task_with_fewest_replicas_counts() -> None:
    three = replace(GRAPH, replicas={3: Replicas(3)}, copy_of={})
    told = str(Redundancy.of(planned(three, backups={3: (4, 8)})))
    assert told == (
        "1 task has 3 replicas (1 standby): its value survives the loss of any 2 executors, and of any 2 hosts. "
        "Standby copies send and hold 60 MB. The values of the other 4 tasks are lost with their executor."
    )


def test_only_where_all_tasks_have_replicas_nothing_runs_again() -> None:
    every = replace(GRAPH, replicas={**GRAPH.replicas, 0: Replicas(2)})
    told = Redundancy.of(planned(every, backups={0: (6,), 2: (6,), 3: (4, 8)}))
    assert str(told).endswith("That is every task: after such a loss, none that has ended has to run again.")
    assert told is not None and told.to_dict()["survives"]["all_values"]
    assert told.active + told.standby == 4 and told.other == 0, "a copy is no task"


def test_closed_executors_hold_nothing() -> None:
    gone = replace(Progress.none(5), closed=("2", "4"))
    told = str(Redundancy.of(planned(progress=gone)))
    assert told.startswith(
        "3 tasks have 1 to 2 replicas (2 standby, 1 active): their values survive the loss of no executor. "
        "Of these, 2 tasks asked for more."
    )


def test_it_stands_in_every_view(tmp_path: Path) -> None:
    told = str(Redundancy.of(planned()))
    assert " ".join(plan_text(planned(), width=80, unicode=True).split()).count(told) == 1
    assert told in Elements(plan_html(planned())).text
    page = Elements(write_report(planned(), None, tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert told in page
    assert "backups and copies on" in page and "2 · 0, 4 · 0" in page


def test_without_replicas_nothing_is_said(tmp_path: Path) -> None:
    without = planned(replace(GRAPH, replicas={}, copy_of={}), backups={})
    assert Redundancy.of(without) is None
    page = write_report(without, None, tmp_path / "r.html").read_text(encoding="utf-8")
    for text in (plan_text(without), plan_html(without), page):
        assert "replica" not in text.lower() and "Redundancy" not in text


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_text(tmp_path: Path, name: str) -> None:
    cluster = replace(HOSTS, executors=(replace(HOSTS.executors[0], id=name), *HOSTS.executors[1:]))
    named = replace(planned(), cluster=cluster)
    elements = Elements(write_report(named, None, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert elements.tags.count("script") == 2 and "img" not in elements.tags


def test_of_many_tasks_the_first_are_listed(tmp_path: Path) -> None:
    n = 150
    graph = Graph.from_arrays(work=[0.001] * n, replicas={task: Replicas(2) for task in range(n)})
    many = planned(graph, tuple([0] * n), backups={task: (4,) for task in range(n)})
    assert "… and 50 more." in Elements(write_report(many, None, tmp_path / "r.html").read_text(encoding="utf-8")).text
