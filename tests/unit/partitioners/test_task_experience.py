"""What is learnt of tasks and places, one thing at a time; random truths are in tests/property."""

from __future__ import annotations

import numpy as np
import pytest
from run_history_samples import history, one_run

from planner import Cluster, Executor, Graph, GraphBuilder
from planner.io.run_history import RUN_HISTORY_SCHEMA
from planner.partitioners.task_experience import AS_STATED, BY_ITSELF, BY_KIND, TaskExperience, learn_tasks

N = 60


def noise(rng: np.random.Generator, n: int = N) -> np.ndarray:
    return np.exp(rng.normal(0, 0.05, n))


def graph(n: int = N, kind: str = "fit", prefix: str = "t") -> Graph:
    return Graph.from_arrays([f"{prefix}{i}" for i in range(n)], work=[1.0] * n, kind=[kind] * n)


def factors(found: TaskExperience, of: Graph | None = None) -> np.ndarray:
    return found.works(of or graph())[0]


def cluster(*places: tuple[str, str]) -> Cluster:
    return Cluster(tuple(Executor(name, host=host) for host, name in places))


def test_nothing_teaches_nothing() -> None:
    found = learn_tasks(RUN_HISTORY_SCHEMA.empty_table())
    factor, source = found.works(graph())
    assert found.runs == 0 and found.kinds == found.hosts == found.executors == ()
    assert set(factor) == {1.0} and set(source) == {AS_STATED}
    assert found.speeds(Cluster.uniform(3)).tolist() == [1, 1, 1]


def test_a_task_seen_thrice_is_known_by_itself_a_new_one_by_its_kind_a_new_kind_not_at_all() -> None:
    runs = [one_run([8.0, 2.0, 2.0, 2.0, 2.0], run=run) for run in range(3)]
    mixed = Graph.from_arrays(["t0", "t1", "new", "t2"], work=[1, 1, 1, 1], kind=["fit", "fit", "fit", "load"])
    factor, source = learn_tasks(history(*runs)).works(mixed)
    assert factor == pytest.approx([8, 2, 2, 1]) and source.tolist() == [BY_ITSELF, BY_ITSELF, BY_KIND, AS_STATED]


@pytest.mark.parametrize(("took", "factor"), [([32], 8), ([32, 2], 2), ([32, 32], 32), ([1, 32], 2), ([32, 1, 32], 32)])
def test_where_a_task_ran_seldom_its_kind_counts_as_one_more_run(took: list[float], factor: float) -> None:
    runs = [one_run([each, 2, 2, 2, 2], run=run) for run, each in enumerate(took)]
    assert factors(learn_tasks(history(*runs)))[0] == pytest.approx(factor)


def test_works_scale_with_what_is_stated_and_speeds_overheads_and_scales_are_divided_out() -> None:
    plain = one_run([6.0] * 5, work=2.0)
    odd = one_run([0.031] * 5, work=2.0, speed=2.0, overhead_us=100_000, scale=0.01)
    for run in (plain, odd):
        assert learn_tasks(run).kinds[0].factor == pytest.approx(3)


def test_tasks_that_were_stated_to_take_no_time_teach_nothing() -> None:
    found = learn_tasks(one_run([5.0, 5.0, 2.0], work=[0, 0, 1], kind=["none", "fit", "fit"]))
    assert [kind.kind for kind in found.kinds] == ["fit"] and found.kinds[0].factor == pytest.approx(2)
    assert learn_tasks(one_run([5.0], work=0.0)).runs == 0


def test_tasks_of_the_same_id_and_another_kind_are_others() -> None:
    runs = [one_run([4.0] * 5, run=run) for run in range(3)]
    assert set(learn_tasks(history(*runs)).works(graph(kind="load"))[1]) == {AS_STATED}


def test_the_last_three_decide_where_all_of_them_lie_beyond_the_others() -> None:
    def kind(*took: float):
        return learn_tasks(history(*(one_run([each] * 5, run=run) for run, each in enumerate(took)))).kinds[0]

    moved, back = kind(1, 1, 1, 1, 2, 2, 2), kind(1, 1, 1, 2, 1, 2, 2)
    assert moved.factor == pytest.approx(2) and moved.drifted and moved.trend == pytest.approx(2)
    assert back.factor == pytest.approx(2) and not back.drifted
    assert kind(1, 2, 4, 8, 16, 32).factor == pytest.approx(16)
    once = kind(1, 1, 1, 1, 1, 9)
    assert once.factor == pytest.approx(1) and not once.drifted and once.trend == pytest.approx(1)
    assert kind(1, 1, 1).trend is None
    assert not kind(1, 2, 2, 2).drifted, "one before them is not enough to speak of a drift"


def test_what_is_told_of_a_kind() -> None:
    rng = np.random.default_rng(0)
    few = [one_run([3.0] * 4, run=run, tasks=[f"l{i}" for i in range(4)], kind="load") for run in range(2)]
    many = [one_run(2 * rng.lognormal(0, 0.5, N), work=0.5, run=run + 2) for run in range(4)]
    fit, load = learn_tasks(history(*few, *many)).kinds  # most time first
    assert (fit.kind, fit.runs, fit.tasks, load.kind, load.runs, load.tasks) == ("fit", 4, N, "load", 2, 4)
    assert fit.stated == 0.5 and fit.learnt == pytest.approx(2, rel=0.2) and fit.factor == pytest.approx(4, rel=0.2)
    assert fit.spread == pytest.approx(np.exp(0.5), rel=0.2) and load.spread == 1


def test_a_slow_executor_is_found_and_its_tasks_are_not_dear() -> None:
    rng = np.random.default_rng(1)
    true, runs = rng.lognormal(0, 0.7, N), []
    for run in range(3):
        where = rng.integers(0, 4, N)
        took = true * noise(rng) * np.where(where == 2, 4, 1)
        runs.append(one_run(took, run=run, executor=where, host=[f"h{each // 2}" for each in where]))
    found = learn_tasks(history(*runs))
    known = {(place.host, place.executor): place for place in found.executors}
    assert known["h1", "2"].speed == pytest.approx(0.25, rel=0.1) and known["h1", "2"].believed
    assert [place.executor for place in found.executors if place.believed] == ["2"]
    assert not any(host.believed for host in found.hosts)
    assert np.abs(np.log(factors(found) / true)).mean() < 0.06
    speeds = found.speeds(cluster(("h0", "0"), ("h1", "2"), ("h1", "3")))
    assert speeds == pytest.approx([1, 0.25, 1], rel=0.1) and speeds[0] == speeds[2] == 1


def test_where_tasks_of_a_kind_are_unlike_one_another_those_that_ran_in_several_places_tell() -> None:
    rng = np.random.default_rng(9)
    true, runs = rng.lognormal(0, 2, N), []
    for run in range(3):
        where = rng.integers(0, 3, N)
        runs.append(one_run(true * noise(rng) * np.where(where == 1, 1.6, 1), run=run, executor=where, host=where))
    found = learn_tasks(history(*runs))
    assert found.speeds(cluster(("0", "0"), ("1", "1"), ("2", "2"))) == pytest.approx([1, 1 / 1.6, 1], rel=0.1)
    assert [host.believed for host in found.hosts] == [False, True, False]


@pytest.mark.parametrize(("slow", "believed"), [([True], False), ([True, False], False), ([True, False, True], True)])
def test_a_place_is_slow_where_most_runs_and_two_say_so_and_its_tasks_are_never_dear(
    slow: list[bool], believed: bool
) -> None:
    rng = np.random.default_rng(2)
    runs, where = [], np.arange(N) % 4
    for run, then in enumerate(slow):
        took = noise(rng) * np.where((where == 2) & then, 4, 1)
        runs.append(one_run(took, run=run, executor=where, host=where))
    found = learn_tasks(history(*runs))
    assert [place.believed for place in found.executors] == [False, False, believed, False]
    assert np.abs(np.log(factors(found))).max() < 0.35


def test_what_is_not_known_of_an_executor_is_known_of_its_host() -> None:
    rng, runs = np.random.default_rng(3), []
    for run in range(3):
        host = rng.integers(0, 3, N)
        took = noise(rng) * np.where(host == 2, 3, 1)
        runs.append(one_run(took, run=run, host=[f"h{each}" for each in host], executor=rng.integers(0, 50, N)))
    found = learn_tasks(history(*runs))
    assert [place.believed for place in found.hosts] == [False, False, True]
    speeds = found.speeds(cluster(("h0", "a"), ("h2", "b"), ("h2", "7"), ("elsewhere", "c")))
    assert speeds == pytest.approx([1, 1 / 3, 1 / 3, 1], rel=0.1)


def test_where_hosts_are_made_up_an_executor_is_known_by_its_id_if_that_is_of_one_only() -> None:
    rng, where = np.random.default_rng(4), np.arange(N) % 4
    runs = [
        one_run(noise(rng) * np.where(where == 2, 4, 1), run=run, executor=where, host="10.0.0.1") for run in (0, 1)
    ]
    found = learn_tasks(history(*runs))
    assert found.speeds(Cluster.uniform(4)) == pytest.approx([1, 1, 0.25, 1], rel=0.1)
    assert found.speeds(cluster(("10.0.0.1", "2"))) == pytest.approx([0.25], rel=0.1)
    more = learn_tasks(history(*runs, one_run(noise(rng), run=2, executor="2", host="10.0.0.2")))
    assert more.speeds(Cluster.uniform(4)).tolist() == [1, 1, 1, 1]


def test_a_place_is_compared_with_what_was_stated_of_it() -> None:
    rng, where = np.random.default_rng(5), np.arange(N) % 3
    true = np.where(where == 1, 0.25, 1)  # that one is stated to be twice as fast, and is four times as fast
    speed = np.where(where == 1, 2.0, 1.0)
    runs = [one_run(noise(rng) * true, run=run, executor=where, host=where, speed=speed) for run in (0, 1)]
    assert learn_tasks(history(*runs)).speeds(cluster(("0", "0"), ("1", "1"))) == pytest.approx([1, 2], rel=0.1)


def test_an_executor_with_the_dear_kind_is_not_slow() -> None:
    rng, where = np.random.default_rng(6), np.arange(N) % 4
    kinds = np.where(where == 3, "fit", "load").tolist()
    runs = [one_run(noise(rng) * np.where(where == 3, 5, 1), run=run, executor=where, kind=kinds) for run in range(3)]
    found = learn_tasks(history(*runs))
    assert not any(place.believed for place in found.executors)
    assert {kind.kind: round(kind.factor) for kind in found.kinds} == {"fit": 5, "load": 1}


def test_a_data_parallel_task_is_known_by_its_shards_however_many_there_were() -> None:
    runs = []
    for run, shards in enumerate((4, 6, 5)):
        tasks = [*(f"squares[{i}]" for i in range(shards)), "sum[0.0]", "sum[0.1]", "sum", "plain"]
        took = [3.0 / shards] * shards + [0.5] * 3 + [1.0]
        work = [1.0 / shards] * shards + [1.0] * 3 + [1.0]
        runs.append(one_run(took, work=work, tasks=tasks, kind="k", run=run))
    builder = GraphBuilder()
    squares = builder.map("jobs:squares", range(100), id="squares", work=10, kind="k")
    builder.reduce("jobs:add", squares, id="sum", work=1, kind="k")
    builder.map("jobs:squares", range(100), id="other", work=10, kind="k")
    factor, source = learn_tasks(history(*runs)).works(builder.build())
    assert factor[:2] == pytest.approx([3, 0.5]) and source.tolist() == [BY_ITSELF, BY_ITSELF, BY_KIND]
