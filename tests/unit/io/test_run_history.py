"""The history of runs: written once and whole, private, read newest first, and what is wrong with it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from key_load_samples import key_load
from run_history_samples import history, lived, one_run

from planner import Cluster, Executor, Graph
from planner.errors import InputError
from planner.io import append_history, append_run, read_runs, run_history
from planner.io.run_history import RUN_HISTORY_FORMAT, RUN_HISTORY_SCHEMA
from planner.model import Bound, Learnt, Plan, Schedule

CLUSTER = Cluster(
    (Executor("fast", "one", speed=2.0, speeds={"fit": 4.0}), Executor("slow", "two")), overhead_us=100_000
)


def planned(**changes: Any) -> Plan:
    graph = Graph.from_arrays(["a", "b", "c"], work=[1, 2, 4], kind=["load", "fit", "fit"])
    schedule = Schedule(
        np.array([0, 1, 0], np.int32), np.array([0, 0, 600_000]), np.array([600_000, 2_100_000, 1_700_000])
    )
    return Plan(graph, CLUSTER, schedule, Bound(0, "none"), "heft", **changes)


TOOK = {"a": 1.5, "b": 2.5, "c": 3.5}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def faults_of(folder: Path) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        read_runs(folder)
    return {fault.path.removeprefix(f"{folder}/"): fault.problem for fault in caught.value.faults}


def test_a_run_that_was_added_is_read(tmp_path: Path) -> None:
    found = planned()
    name = append_run(found, lived(found, TOOK), tmp_path / "history")
    assert names(tmp_path / "history") == [name] and "app-7-" in str(name)
    read = read_runs(tmp_path / "history")
    assert pq.read_schema(tmp_path / "history" / str(name)).metadata == {b"format": RUN_HISTORY_FORMAT.encode()}
    rows = {row["task"]: row for row in read.to_pylist()}
    assert {task: (row["kind"], row["work_us"]) for task, row in rows.items()} == {
        "a": ("load", 1_000_000),
        "b": ("fit", 2_000_000),
        "c": ("fit", 4_000_000),
    }
    ids = found.to_pandas().set_index("id")["executor"].to_dict()
    for task, row in rows.items():
        fast = ids[task] == "fast"
        assert row["executor"] == ids[task] and row["host"] == ("one" if fast else "two")
        assert row["speed"] == (1.0 if not fast else 2.0 if task == "a" else 4.0)
        assert row["wall_us"] == pytest.approx(TOOK[task] * 1e6, abs=3) and row["overhead_us"] == 100_000
        assert row["scale"] is None and row["run"].startswith("app-7-")
        assert timedelta(0) <= datetime.now(UTC) - row["recorded_at"] < timedelta(minutes=1)


def test_what_is_kept_is_what_was_stated_not_what_a_history_made_of_it(tmp_path: Path) -> None:
    found = planned(learnt=Learnt(np.array([0.5, 2.0, 4.0]), np.array([0.25, 2.0])))
    append_run(found, lived(found, TOOK), tmp_path)
    rows = {row["task"]: row for row in read_runs(tmp_path).to_pylist()}
    assert [rows[task]["work_us"] for task in "abc"] == [2_000_000, 1_000_000, 1_000_000]
    stated = {"fast": {"load": 8.0, "fit": 16.0}, "slow": {"load": 0.5, "fit": 0.5}}
    assert all(row["speed"] == stated[row["executor"]][row["kind"]] for row in rows.values())


def test_the_speed_is_that_of_the_executor_where_a_task_ran(tmp_path: Path) -> None:
    found = planned()
    append_run(found, lived(found, TOOK, ran={"fast": ("slow", "n2"), "slow": ("9", "n1")}), tmp_path)
    meant = found.to_pandas().set_index("id")["executor"].to_dict()
    for row in read_runs(tmp_path).to_pylist():
        swapped = {"fast": ("slow", "n2", 1.0), "slow": ("9", "n1", 1.0)}[meant[row["task"]]]
        assert (row["executor"], row["host"], row["speed"]) == swapped  # "9" stands for slow; slow is a namesake


def test_only_tasks_that_ended_well_are_kept(tmp_path: Path) -> None:
    found = planned()
    append_run(found, lived(found, TOOK, failed=["b"]), tmp_path)
    assert sorted(read_runs(tmp_path)["task"].to_pylist()) == ["a", "c"]
    assert append_run(found, lived(found, TOOK, failed=["a", "b", "c"]), tmp_path) is None
    assert len(names(tmp_path)) == 1


def test_the_scale_of_an_emulation_is_kept(tmp_path: Path) -> None:
    found = planned()
    append_run(found, lived(found, TOOK, scale=0.01), tmp_path)
    assert set(read_runs(tmp_path)["scale"].to_pylist()) == {0.01}


def test_the_same_run_is_written_once_and_others_beside_it(tmp_path: Path) -> None:
    found = planned()
    first = append_run(found, lived(found, TOOK), tmp_path)
    assert append_run(found, lived(found, TOOK), tmp_path) == first
    append_run(found, lived(found, TOOK, seed=1), tmp_path)
    assert len(names(tmp_path)) == 2
    runs = list(dict.fromkeys(read_runs(tmp_path)["run"].to_pylist()))
    assert len(runs) == 2 and str(first).endswith(".parquet") and runs[1][:18] in str(first)


def test_runs_that_write_at_once_are_all_there(tmp_path: Path) -> None:
    found = planned()
    loads = [lived(found, TOOK, seed=seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda load: append_run(found, load, tmp_path / "new"), loads))
    assert sorted(map(str, written)) == names(tmp_path / "new") and len(set(written)) == 24
    assert read_runs(tmp_path / "new").num_rows == 72


def test_a_new_folder_is_its_owners_and_an_old_one_stays_as_it_was(tmp_path: Path) -> None:
    found = planned()
    (tmp_path / "team").mkdir(mode=0o755)
    (tmp_path / "team").chmod(0o750)
    for folder in ("team", "a/b/mine"):
        append_run(found, lived(found, TOOK), tmp_path / folder)
    modes = [stat.S_IMODE((tmp_path / folder).stat().st_mode) for folder in ("team", "a/b/mine")]
    assert modes == [0o750, 0o700]


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pq, "write_table", stop)
    with pytest.raises(InputError, match="the disk is full"):
        append_run(planned(), lived(planned(), TOOK), tmp_path)
    assert names(tmp_path) == []


def test_where_nothing_is_yet_there_are_no_runs(tmp_path: Path) -> None:
    assert read_runs(tmp_path / "not" / "there").num_rows == 0
    assert read_runs(tmp_path).schema.names == RUN_HISTORY_SCHEMA.names


def test_a_load_of_another_plan_is_refused(tmp_path: Path) -> None:
    other = replace(planned(), graph=Graph.from_arrays(["a", "x", "c"], work=[1, 2, 4]))
    with pytest.raises(InputError, match="load: has a task 'x' that is none of the plan"):
        append_run(planned(), lived(other, {**TOOK, "x": 1}), tmp_path)


def test_all_that_is_wrong_is_told_at_once_by_the_names_of_the_files(tmp_path: Path) -> None:
    found = planned()
    name = append_run(found, lived(found, TOOK), tmp_path)
    append_history(key_load([{"key_hash": 1, "wall_us": 5}], run="of-keys"), tmp_path)
    keys = next(each for each in names(tmp_path) if "of-keys" in each)
    good = one_run([1, 2])
    other = {
        "notes.txt": lambda path: path.write_text("notes"),
        "cut.parquet": lambda path: path.write_bytes((tmp_path / str(name)).read_bytes()[:-30]),
        "folder": lambda path: path.mkdir(),
        "newer.parquet": lambda path: pq.write_table(
            pa.table({"x": [1]}).replace_schema_metadata({"format": "planner.history/2"}), path
        ),
        "silent.parquet": lambda path: pq.write_table(good.replace_schema_metadata(None), path),
        "types.parquet": lambda path: pq.write_table(
            good.set_column(4, "work_us", pa.array(["much", "more"])).replace_schema_metadata(good.schema.metadata),
            path,
        ),
        "nulls.parquet": lambda path: pq.write_table(one_run([1, 2], speed=[1.0, None]), path),
        "zero.parquet": lambda path: pq.write_table(one_run([1, 2], speed=0.0), path),
        "nan.parquet": lambda path: pq.write_table(one_run([1, 2], scale=float("nan")), path),
        "two.parquet": lambda path: pq.write_table(history(one_run([1]), one_run([1], run=1)), path),
    }
    for file, write in other.items():
        write(tmp_path / file)
    told = faults_of(tmp_path)
    assert sorted(told) == sorted([*other, keys])
    for file in ("notes.txt", "cut.parquet"):
        assert "cannot be read as Parquet" in told[file]
    assert told["folder"].startswith("is a folder")
    assert "is of the format 'planner.history/2', which another version of planner wrote" in told["newer.parquet"]
    assert "does not say its format" in told["silent.parquet"]
    assert "work_us is string, not int64" in told["types.parquet"]
    assert "nulls in speed" in told["nulls.parquet"]
    assert "speed that are not above 0" in told["zero.parquet"]
    assert "scale that are not above 0" in told["nan.parquet"]
    assert "holds 2 runs" in told["two.parquet"]
    assert "lacks the columns" in told[keys]
    assert all("expected what a run with history=… wrote (planner.history/1)" in each for each in told.values())


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned()
    name = append_run(found, lived(found, TOOK), tmp_path)
    monkeypatch.setattr(run_history, "MOST_ROWS_OF_ONE", 2)
    assert faults_of(tmp_path) == {str(name): "has 3 rows; expected at most 2"}


def test_old_runs_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned()
    for seed in range(5):
        name = append_run(found, lived(found, TOOK, seed=seed), tmp_path)
        if seed < 2:
            (tmp_path / str(name)).write_bytes(b"broken, but nobody looks")
    monkeypatch.setattr(run_history, "MOST_RUNS", 3)
    assert read_runs(tmp_path).num_rows == 9
    monkeypatch.setattr(run_history, "MOST_RUNS", 30)
    monkeypatch.setattr(run_history, "MOST_ROWS", 7)
    assert read_runs(tmp_path).num_rows == 9
    monkeypatch.setattr(run_history, "MOST_ROWS", 10)
    assert len(faults_of(tmp_path)) == 2
