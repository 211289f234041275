"""Plans by a history: works and speeds are corrected, the notes say how, and nothing is corrected twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from run_history_samples import history, lived, one_run

from planner import Cluster, Executor, Graph, GraphBuilder, InputError, Progress, plan, read_plan, replan
from planner.io import append_run, read_runs
from planner.model import Plan
from planner.partitioners.task_experience import learn_tasks
from planner.pipeline.learning import with_history

N = 40
TRUE = {f"t{i}": 1.0 + (i % 5) for i in range(N)}


def graph(work: float = 1.0) -> Graph:
    kinds = ["fit" if i % 5 else "load" for i in range(N)]
    return Graph.from_arrays(list(TRUE), work=[work] * N, kind=kinds)


def cluster(n: int = 4) -> Cluster:
    return Cluster(tuple(Executor(str(i), host=f"h{i}") for i in range(n)))


def lived_through(found: Plan, slow: dict[str, float] | None = None) -> float:
    """Give the true makespan of a plan of independent tasks."""
    works, ids = np.array([TRUE[name] for name in found.graph.names]), [e.id for e in found.cluster.executors]
    slowness = np.array([(slow or {}).get(name, 1.0) for name in ids])[found.cluster.slot_executor]
    return float((np.bincount(found.schedule.slot, works, found.cluster.n_slots) * slowness).max())


def test_a_plan_by_its_history_foresees_what_happens_and_does_not_correct_twice(tmp_path: Path) -> None:
    slow, away = {"2": 4.0}, []
    for run in range(6):
        found = plan(graph(), cluster(), method="heft", history=tmp_path)
        away.append(abs(np.log(found.makespan / lived_through(found, slow))))
        append_run(found, lived(found, TRUE, slow=slow, seed=run), tmp_path)
    assert away[0] > 1 and away[2] < 0.1 and max(away[3:]) < 0.02, away
    assert found.cluster.executors[2].speed == pytest.approx(0.25, rel=0.05)
    assert [found.cluster.executors[i].speed for i in (0, 1, 3)] == [1, 1, 1]
    works = dict(zip(found.graph.names, found.graph.work_us / 1e6, strict=True))
    assert works == pytest.approx(TRUE, rel=0.05)
    assert set(read_runs(tmp_path)["work_us"].to_pylist()) == {1_000_000}, "what was stated, in every run"
    assert set(read_runs(tmp_path)["speed"].to_pylist()) == {1.0}
    best = sum(TRUE.values()) / 3.25
    assert lived_through(found, slow) < 1.1 * best < lived_through(plan(graph(), cluster(), method="heft"), slow)


def test_the_notes_say_for_how_many_tasks_by_how_much_and_which_hosts() -> None:
    rng, where = np.random.default_rng(0), np.arange(N) % 4
    runs = [
        one_run(3 * np.exp(rng.normal(0, 0.02, N)) * np.where(where == 2, 4, 1), run=run, executor=where, host=where)
        for run in range(3)
    ]
    mixed = Graph.from_arrays(["t0", "t1", "new", "other"], work=[1, 1, 1, 1], kind=["fit", "fit", "fit", "load"])
    two = Cluster((Executor("x", "2"), Executor("y", "2"), Executor("2", "elsewhere"), Executor("0", "0")))
    found = plan(mixed, two, history=learn_tasks(history(*runs)))
    works, places = found.notes[:2]
    assert works.startswith(
        "3 earlier runs: works of tasks 2 by what they took themselves, 1 by their kind, 1 as stated"
    )
    assert "instead of 4 s in all (× 2.5" in works and ": fit × 3" in works and "load" not in works
    assert (
        places.startswith("by earlier runs, host 2 is ") and "× slower than stated, executor 2 (elsewhere) is" in places
    )
    assert "executor 0" not in places


def test_executors_of_a_host_are_told_by_its_name_where_they_are_alike() -> None:
    rng, where = np.random.default_rng(0), np.arange(80) % 8

    def places(*slowness: float) -> str:
        slow = np.array([*slowness, *[1.0] * 6])[where]
        took = [np.exp(rng.normal(0, 0.02, 80)) * slow for _ in range(2)]
        runs = [one_run(each, run=run, executor=where, host=where // 2) for run, each in enumerate(took)]
        given = Cluster(tuple(Executor(str(i), host=str(i // 2)) for i in range(8)))
        return plan(graph(), given, history=learn_tasks(history(*runs)), method="heft").notes[1]

    assert re.fullmatch(r"by earlier runs, host 0 is (3\.9|4|4\.0)\d* × slower than stated", places(4, 4.1))
    assert "executor 0 (0) is" in places(4, 2) and "executor 1 (0) is 2" in places(4, 2)
    assert "faster" in places(0.25, 0.25)


def test_without_runs_the_plan_says_so_and_is_as_without_a_history(tmp_path: Path) -> None:
    found, plain = plan(graph(), cluster(), history=tmp_path / "none"), plan(graph(), cluster())
    assert found.notes[0] == "the history holds no runs yet: works and speeds are as stated"
    assert np.array_equal(found.schedule.slot, plain.schedule.slot) and found.notes[1:] == plain.notes
    assert not (tmp_path / "none").exists() and plain.learnt is None


def test_a_broken_history_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(InputError, match=r"notes\.txt: cannot be read as Parquet"):
        plan(graph(), cluster(), history=str(tmp_path))


def test_speeds_for_kinds_are_corrected_with_the_others() -> None:
    rng, where = np.random.default_rng(1), np.arange(N) % 4
    took = [np.exp(rng.normal(0, 0.02, N)) * np.where(where == 1, 2, 1) for _ in range(2)]
    runs = [one_run(each, run=run, executor=where, host=where) for run, each in enumerate(took)]
    given = Cluster((Executor("0", "0"), Executor("1", "1", speed=3.0, speeds={"fit": 5.0})))
    found = with_history(graph(), given, learn_tasks(history(*runs)))
    by = found.learnt.speeds
    assert by[0] == 1 and by[1] == pytest.approx(0.5, rel=0.05)
    assert found.cluster.executors[1].speed == 3 * by[1] and found.cluster.executors[1].speeds == {"fit": 5 * by[1]}
    assert given.executors[1].speed == 3.0


def test_works_stay_within_bounds_and_none_becomes_nothing() -> None:
    for took in (1e-6, 1e9):
        runs = [one_run([took] * 3, work=[1e-6, 1.0, 1e8], run=run) for run in range(3)]
        given = Graph.from_arrays(["t0", "t1", "t2", "zero"], work=[1e-6, 1, 1e8, 0], kind=["fit"] * 4)
        works = with_history(given, cluster(), learn_tasks(history(*runs))).graph.work_us
        assert works[:3].min() >= 1 and works.max() <= 1e15 and works[3] == 0


def test_shards_of_a_corrected_task_add_up_to_it_and_the_plan_knows_what_was_stated() -> None:
    runs = [
        one_run([3.0] * 3, work=1.0, kind="k", run=run, tasks=[f"squares[{i}]" for i in range(3)]) for run in range(3)
    ]
    builder = GraphBuilder()
    squares = builder.map("math:sqrt", range(100), id="squares", work=10, kind="k")
    builder.add("builtins:sum", squares, id="after", work=1, kind="other")
    found = plan(builder.build(), Cluster.uniform(2), history=learn_tasks(history(*runs)))
    shards = np.array([name.startswith("squares[") for name in found.graph.names])
    assert found.graph.work_us[shards].sum() == pytest.approx(30e6)
    assert found.learnt is not None and found.learnt.works == pytest.approx(np.where(shards, 3.0, 1.0))


def test_the_file_of_a_plan_keeps_what_was_stated_and_so_does_a_plan_made_anew(tmp_path: Path) -> None:
    found = plan(graph(), cluster(), history=learn_tasks(history(*(one_run([2.0] * N, run=run) for run in range(3)))))
    assert found.learnt is not None
    read = read_plan(found.save(tmp_path / "plan.json"))
    assert read.learnt is not None
    assert read.learnt.works == pytest.approx(found.learnt.works) and read.learnt.speeds.tolist() == [1] * 4
    more = Cluster((*found.cluster.executors, Executor("4", host="new")))
    again = replan(found, Progress.none(N), more)
    assert again.learnt is not None and again.learnt.works is found.learnt.works
    assert again.learnt.speeds.tolist() == [1] * 5
    assert replan(plan(graph(), cluster()), Progress.none(N)).learnt is None
    assert "learnt" not in json.loads(plan(graph(), cluster()).save(tmp_path / "plain.json").read_text())


def test_what_is_wrong_with_that_part_of_a_file_is_told(tmp_path: Path) -> None:
    found = plan(graph(), cluster(), history=learn_tasks(one_run([2.0] * N)))
    document = json.loads(found.save(tmp_path / "plan.json").read_text())
    document["learnt"] = {"works": [1.0] * (N - 1), "speeds": [1, "x", 0, 1], "more": 1}
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.json")
    told = " ".join(map(str, caught.value.faults))
    assert "learnt.works: has 39 factors; expected 40" in told and "learnt.speeds[1]: is 'x'" in told
    assert "learnt.speeds: has 4 factors; expected 4, all above 0" in told and "learnt.more" in told
