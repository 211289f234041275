"""Rows through stages on processes: in order, each once, also when processes are killed or cannot see the rows."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from planner.errors import InputError
from planner.streaming.batches import Batch
from planner.streaming.drive import parts_of
from planner.streaming.slot import StreamConfig, run_stream_slot
from planner.streaming.spool import Share
from planner.streaming.stages import Stage, chain
from tests.unit.streaming.streams import Restarted, StreamProcesses, outputs, spooled, streamed


def numbers(*lengths: int) -> list[pa.Table]:
    start, tables = 0, []
    for length in lengths:
        ids = np.arange(start, start + length)
        tables.append(pa.table({"id": ids, "x": ids * 1.0}))
        start += length
    return tables


def plus(amount: float, seconds: float = 0.0) -> Callable[[Batch], Batch]:
    def add(batch: Batch) -> Batch:
        time.sleep(seconds)
        return {"x": batch["x"] + amount}

    return add


def scored(batch: Batch) -> Batch:
    return {"score": batch["x"]}


def stages_of(*seconds: float) -> list[Stage]:
    calls: list[list[Any]] = [[plus(10.0**stage, nap)] for stage, nap in enumerate(seconds)]
    return [chain(f"stage {i}", [*call, *([scored] if i + 1 == len(calls) else [])]) for i, call in enumerate(calls)]


def made(streamed_: Any) -> list[float]:
    return outputs(streamed_)["score"].to_pylist()


def test_rows_pass_all_stages_and_keep_their_order(tmp_path: Path) -> None:
    rows = spooled(tmp_path, numbers(45, 1, 20), ["x"], batch=10)
    stages = stages_of(0.0, 0.3, 0.0)
    stages[1] = replace(stages[1], replicas=2)
    stream = streamed(stages, rows)
    assert made(stream) == [i + 111.0 for i in range(66)]
    load = stream.load
    assert (load.batches, load.rows, load.replays, load.lost) == (8, 66, 0, ())
    assert [(stage.slots, stage.batches) for stage in load.stages] == [(1, 8), (2, 8), (1, 8)]
    assert all(stage.busy_us > 0 for stage in load.stages) and "the bottleneck is stage " in repr(load)


def test_more_stages_than_slots_share_them(tmp_path: Path) -> None:
    rows = spooled(tmp_path, numbers(40), ["x"], batch=2)
    stream = streamed(stages_of(0, 0, 0, 0), rows, homes=[(0, 1), (2, 3)])
    assert made(stream) == [i + 1111.0 for i in range(40)]
    assert len(stream.load.slots) == 2


def test_no_rows_are_one_empty_batch_so_that_outputs_have_a_type(tmp_path: Path) -> None:
    stream = streamed(stages_of(0, 0), spooled(tmp_path, numbers(0), ["x"], batch=8))
    assert outputs(stream).num_rows == 0
    assert pa.ipc.read_schema(pa.py_buffer(stream.schemas[0])) == pa.schema([("score", pa.float64())])


class Model:
    """Is made where it runs: it could not travel."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0

    def __call__(self, batch: Batch) -> Batch:
        self.calls += 1
        return {"score": batch["x"], "call": np.full(len(batch["x"]), self.calls)}


def test_a_class_is_made_once_on_each_slot(tmp_path: Path) -> None:
    stream = streamed([chain("model", [Model])], spooled(tmp_path, numbers(6), ["x"], batch=2))
    assert sorted(outputs(stream)["call"].to_pylist()) == [1, 1, 2, 2, 3, 3]


def run_with_few_files(config: StreamConfig) -> None:
    """Run a slot in a process that may open so many files and sockets."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))
    run_stream_slot(config)


class FewFiles(StreamProcesses):
    run = staticmethod(run_with_few_files)


def test_rows_may_have_more_partitions_than_a_process_may_open_files(tmp_path: Path) -> None:
    stream = streamed(stages_of(0.0), spooled(tmp_path, numbers(*[1] * 120), ["x"], batch=2), FewFiles)
    assert made(stream) == [i + 1.0 for i in range(120)]


# failures -------------------------------------------------------------------------------------------------------------


def broken(batch: Batch) -> Batch:
    raise ValueError(f"no {batch['x'][0]}")


class Unloadable:
    def __init__(self) -> None:
        raise OSError("weights are missing")


@pytest.mark.parametrize(
    ("calls", "where", "what"),
    [
        ([broken], "bad, batch ", "ValueError: no "),
        ([Unloadable], "loading of bad", "OSError: weights are missing"),
        ([lambda batch: [1]], "bad, batch", "TypeError: a stage gave a list; expected a dict of names"),
        ([lambda batch: {"y": batch["x"][1:]}], "bad, batch", "entries for 2 rows"),
        ([lambda batch: {}], "bad, batch", "the last stage gave no array"),
        ([lambda batch: {"ID": batch["x"]}], "bad, batch", "gave 'ID', of which the DataFrame has a column"),
        ([lambda batch: {"y": np.array([{}, 1], object)}], "bad, batch", "not of one type"),
    ],
)
def test_what_a_stage_does_wrong_is_told(tmp_path: Path, calls: list[Any], where: str, what: str) -> None:
    stages = [*stages_of(0.0, 0.0)[:1], chain("bad", calls)]
    stream = streamed(stages, spooled(tmp_path, numbers(20), ["x"], batch=2))
    assert stream.outcome.status == "failed" and stream.failure is not None
    assert where in stream.failure.task
    assert what in stream.failure.error


def test_a_stage_that_has_no_use_for_no_rows_is_told_why_it_got_none(tmp_path: Path) -> None:
    stages = [chain("stacked", [lambda batch: {"y": np.stack([np.ones(2) * x for x in batch["x"]])}])]
    stream = streamed(stages, spooled(tmp_path, numbers(0), ["x"], batch=2))
    assert stream.failure is not None and "stacked, a batch of no rows" in stream.failure.task


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        (chain("locked", [threading.Lock().acquire]), r"stages\[1\], locked: cannot be sent.*TypeError: cannot pickle"),
        (Stage("filed", len, files=("nowhere.onnx",)), r"stages\[1\], filed: cannot be sent.*No such file.*nowhere"),
    ],
)
def test_what_cannot_travel_is_told_before_anything_runs(stage: Stage, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parts_of([chain("good", [len]), stage])


# losses ---------------------------------------------------------------------------------------------------------------


class Deadly:
    """Kills its own process, once, when a row comes by; and lets others see that it has."""

    def __init__(self, call: Any, row: float, marker: Path) -> None:
        self.call, self.row, self.marker = call, row, marker

    def __call__(self, batch: Batch) -> Batch:
        if batch["x"][0] % 1000 >= self.row and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        made: Batch = self.call(batch)
        return made


def deadly(stages: list[Stage], stage: int, row: float, marker: Path, replicas: int = 1) -> list[Stage]:
    calls = stages[stage].load.calls  # type: ignore[attr-defined]
    stages[stage] = chain(stages[stage].name, [Deadly(calls[0], row, marker), *calls[1:]], replicas)
    return stages


@pytest.mark.losses
@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("kind", [Restarted, StreamProcesses])
def test_a_killed_slot_costs_no_row_and_none_comes_twice(
    tmp_path: Path, kind: type[StreamProcesses], stage: int
) -> None:
    rows = spooled(tmp_path, numbers(20, 40), ["x"], batch=2)
    stages = deadly(stages_of(0.0, 0.0, 0.0), stage, 30, tmp_path / "marker")
    stream = streamed(stages, rows, kind, patience_s=0.2 if kind is StreamProcesses else 20.0)
    assert made(stream) == [i + 111.0 for i in range(60)]
    assert len(stream.lost) == 1 and f"slot {stage}" in stream.lost[0]
    assert stream.load.replays < 20, "what was on that slot, and no more"


@pytest.mark.losses
def test_batches_of_a_lost_replica_go_to_the_others(tmp_path: Path) -> None:
    stages = deadly(stages_of(0.0, 0.01), 1, 40, tmp_path / "marker", replicas=2)
    rows = spooled(tmp_path, numbers(100), ["x"], batch=2)
    stream = streamed(stages, rows, patience_s=1000)
    assert made(stream) == [i + 11.0 for i in range(100)]
    assert len(stream.lost) == 1


def run_without_rows(config: StreamConfig) -> None:
    """Run a slot on a machine of its own: none sees the rows, but slot 2 as long as its first machine is there."""
    if config.slot != 2 or config.attempt:
        shares = tuple(Share(f"{share.path}-of-another-machine", share.rows) for share in config.rows.shares)
        config = replace(config, rows=replace(config.rows, shares=shares))
    run_stream_slot(config)


class FarAway(Restarted):
    run = staticmethod(run_without_rows)


def test_rows_come_from_where_they_are_and_outputs_go_there(tmp_path: Path) -> None:
    rows = spooled(tmp_path, numbers(30, 30), ["x"], batch=4)
    stream = streamed(stages_of(0, 0), rows, FarAway, homes=[(0,), (1,), ()])
    assert made(stream) == [i + 11.0 for i in range(60)]
    assert {Path(place.path).name.split("-")[1] for place in stream.places if place is not None} == {"2"}


@pytest.mark.losses
def test_rows_that_went_with_a_machine_are_told_as_lost(tmp_path: Path) -> None:
    rows = spooled(tmp_path, numbers(40), ["x"], batch=2)
    stages = deadly(stages_of(0.0, 0.0, 0.0), 2, 20, tmp_path / "marker")  # on the slot that alone sees the rows
    stream = streamed(stages, rows, FarAway)
    assert stream.outcome.status == "rows lost"


def test_slots_that_never_come_end_it(tmp_path: Path) -> None:
    class Nobody(StreamProcesses):
        run = staticmethod(len)  # fails at once

    rows = spooled(tmp_path, numbers(4), ["x"], batch=2)
    stream = streamed(stages_of(0.0, 0.0), rows, Nobody, rendezvous_s=0.5)
    assert stream.outcome.status == "lost" and "no slot has come for stage 0" in stream.outcome.reason
