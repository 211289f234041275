"""Load reports as Parquet, for Prometheus and for TensorBoard, read by the libraries that people read them with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families
from report_samples import layered, load_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from planner.errors import InputError
from planner.io import export_load
from planner.io.load_series import LoadSeries
from planner.model import LoadReport


@pytest.fixture(scope="module")
def load() -> LoadReport:
    """Give a report of 60 tasks on 4 slots, one of which failed."""
    return load_of(layered(60, 4), failed=(20,))


def test_parquet_holds_tasks_slots_and_the_run(load: LoadReport, tmp_path: Path) -> None:
    files = export_load(load, tmp_path / "load.parquet")
    assert [file.name for file in files] == ["load.parquet", "load.slots.parquet"]
    tasks, slots = (pq.read_table(file) for file in files)
    assert tasks.equals(load.tasks) and slots.equals(load.slots)
    for table in (tasks, slots):
        run = json.loads(table.schema.metadata[b"planner.run"])
        assert run["status"] == "failed" and run["settings"] == load.settings
        assert run["measured_makespan"] == load.measured_makespan_us / 1e6


def test_prometheus_reads_what_every_slot_did(load: LoadReport, tmp_path: Path) -> None:
    [file] = export_load(load, tmp_path / "load.prom")
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    assert all(family.documentation and family.type == "gauge" for family in families.values())
    slots = load.slots.to_pylist()
    for name, column in (("busy_seconds", "busy_us"), ("wait_seconds", "wait_us"), ("idle_seconds", "idle_us")):
        samples = families[f"planner_slot_{name}"].samples
        read = {(s.labels["executor"], s.labels["slot"]): s.value for s in samples}
        assert read == {(row["executor"], str(row["slot"])): row[column] / 1e6 for row in slots}
    [info] = families["planner_run_info"].samples
    assert info.labels == {"status": "failed", "spark": "4.3.0", "master": "local-cluster[8,1,1024]"}
    counted = {sample.labels["status"]: sample.value for sample in families["planner_run_tasks"].samples}
    statuses = load.tasks["status"].to_pylist()
    assert counted == {status: statuses.count(status) for status in set(statuses)} and len(counted) == 3
    [measured] = families["planner_run_measured_makespan_seconds"].samples
    assert measured.value == load.measured_makespan_us / 1e6


def test_names_cannot_break_out_of_a_label(tmp_path: Path) -> None:
    plan = layered(8, 2)
    load = load_of(plan, ran_executor={"0": 'x"} 1\nevil 2\\'})
    slots = load.slots.set_column(0, "executor", [['x"} 1\nevil 2\\', "1"]]).cast(load.slots.schema)
    text = export_load(LoadReport(load.tasks, slots, "done", 1, 1, 1), tmp_path / "l.prom")[0].read_text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert "evil" not in families
    assert families["planner_slot_tasks"].samples[0].labels["executor"] == 'x"} 1\nevil 2\\'


def test_tensorboard_reads_the_load_of_every_slot_over_the_run(load: LoadReport, tmp_path: Path) -> None:
    [folder] = export_load(load, tmp_path / "runs" / "1")
    names = sorted(entry.name for entry in folder.iterdir())
    assert names == [*(f"{i} executor {i} slot 0" for i in range(4)), "run"]
    for name, row in zip(names[:4], load.slots.to_pylist(), strict=True):
        events = EventAccumulator(str(folder / name))
        events.Reload()
        busy = events.Scalars("share/busy")
        assert len(busy) == 100 and max(event.value for event in busy) <= 1 + 1e-6
        width = load.measured_makespan_us / 100
        assert sum(event.value for event in busy) * width == pytest.approx(row["busy_us"], rel=0.02)
        last = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}
        mine = [
            task
            for task in load.tasks.to_pylist()
            if task["executor"] == row["executor"] and task["start_us"] is not None
        ]
        assert last["total/tasks"] == len(mine)
        assert last["total/bytes_in"] == pytest.approx(sum(task["bytes_in"] for task in mine))
        assert last["memory/peak_bytes"] == pytest.approx(max(task["peak_memory_bytes"] for task in mine))
        assert busy[-1].step == round(load.measured_makespan_us / 1000)
        assert events.Histograms("seconds/tasks")[0].histogram_value.num == len(mine)
    run = EventAccumulator(str(folder / "run"))
    run.Reload()
    ran = {task["kind"] for task in load.tasks.to_pylist() if task["start_us"] is not None}
    assert set(run.Tags()["histograms"]) == {f"seconds/{kind}" for kind in ran}


def test_a_run_of_nothing_is_written_as_well(tmp_path: Path) -> None:
    empty = load_of(layered(8, 2))
    empty = LoadReport(empty.tasks.slice(0, 0), empty.slots, "done", 0, 0, 0)
    assert [len(series.busy) for series in LoadSeries.of(empty).values()] == [0, 0]
    for name in ("load.parquet", "load.prom", "tb"):
        assert all(file.exists() for file in export_load(empty, tmp_path / name))


def test_the_windows_of_a_short_run_are_whole_microseconds() -> None:
    plan = layered(8, 2)
    load = load_of(plan)
    short = LoadReport(load.tasks.slice(0, 0), load.slots, "done", 7, 7, 7)
    for series in LoadSeries.of(short).values():
        assert series.end_us.tolist() == [1, 2, 3, 4, 5, 6, 7] and not np.any(series.busy)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("load.csv", "is no form of a load report; expected load.parquet, load.prom for Prometheus, or a folder"),
        ("missing/load.prom", "expected a place where a file can be written"),
        ("full", "is there already; expected a new or an empty folder"),
        ("file/tb", "expected a place where a folder can be made"),
    ],
)
def test_what_cannot_be_written_is_told(load: LoadReport, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").touch()
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        export_load(load, tmp_path / name)
    assert said in str(caught.value) and str(tmp_path / name) in str(caught.value)
