"""Stages on slots, what is said of their load, and files on their way to those who load them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from planner.errors import InputError
from planner.models import read_model
from planner.models.running import homes_of
from planner.runtime.wire import Line, new_token
from planner.streaming import Batch, Stage, chain
from planner.streaming.coordinator import StreamCoordinator
from planner.streaming.desk import Desk, Input, Part
from planner.streaming.files import FileThere
from planner.streaming.flow import Flow
from planner.streaming.load import SlotLoad, StreamLoad
from planner.streaming.messages import Joined
from planner.streaming.slot import StreamConfig, run_stream_slot
from planner.streaming.spool import Rows, RowsFile, Share, rechunked, write_rows
from planner.streaming.stages import spread
from tests.unit.streaming.streams import StreamProcesses, outputs, spooled, streamed


@pytest.mark.parametrize(
    ("replicas", "slots", "homes"),
    [
        ([1, 3], 8, [(0,), (1,), (1,), (1,)]),
        ([1, 3], 3, [(0,), (1,), (1,)]),
        ([4, 2], 3, [(0,), (0,), (1,)]),
        ([1, 1, 1, 1], 2, [(0, 1), (2, 3)]),
        ([1, 1, 1, 1], 1, [(0, 1, 2, 3)]),
    ],
)
def test_stages_are_spread_over_the_slots_that_there_are(replicas: list[int], slots: int, homes: list[Any]) -> None:
    stages = [chain(str(place), [dict], count) for place, count in enumerate(replicas)]
    assert spread(stages, slots) == homes


@pytest.mark.parametrize("replicas", [0, -1, True, 1.5, None])
def test_a_wrong_number_of_replicas_is_told(replicas: Any) -> None:
    with pytest.raises(InputError, match=r"stages\[1\]\.replicas: is .*; expected a whole number of at least 1"):
        spread([chain("a", [dict]), chain("b", [dict], replicas)], 4)


@pytest.mark.parametrize(("sizes", "rows"), [([], 3), ([7], 3), ([1, 1, 1, 1], 3), ([0, 5, 0, 4], 4), ([3, 3], 3)])
def test_rows_are_cut_anew(sizes: list[int], rows: int) -> None:
    start, records = 0, []
    for size in sizes:
        records.append(pa.record_batch({"x": np.arange(start, start + size)}))
        start += size
    cut = list(rechunked(records, rows))
    assert [x for record in cut for x in record["x"].to_pylist()] == list(range(start))
    assert all(record.num_rows == rows for record in cut[:-1])


def test_a_share_is_read_batch_by_batch(tmp_path: Path) -> None:
    table = pa.table({"x": range(7), "y": range(7)})
    path = tmp_path / "share.arrow"
    rows = Rows((Share(str(path), write_rows(path, table.schema, table.to_batches(), 3)), Share("next", 4)), ("x",), 3)
    assert (rows.n_batches, [rows.share_of(batch) for batch in range(5)]) == (5, [0, 0, 0, 1, 1])
    assert RowsFile(str(path)).read(2, rows.columns).to_pydict() == {"x": [6]}
    assert RowsFile(str(path)).read(0).num_columns == 2


def test_a_desk_gives_the_farthest_stage_that_has_room() -> None:
    desk, output = Desk(), pa.record_batch({"x": [1]})
    for stage, batch in ((0, 5), (1, 4), (1, 3)):
        desk.put(Input(stage, batch, output))
    assert desk.next() == Input(1, 4, output)
    desk.made(1, 4, output)
    desk.made(1, 2, output)
    assert desk.next() == Input(0, 5, output), "nobody has taken what stage 1 has made"
    desk.release(1, 2)
    assert desk.next() == Input(1, 3, output)
    with pytest.raises(KeyError):
        desk.output(1, 2)
    desk.close()
    assert desk.next() is None


def test_the_bottleneck_is_the_stage_that_gives_least_often() -> None:
    slots = {
        (0, 9): SlotLoad(0, 9, busy_us={0: 500}, batches={0: 10}, input_us=0, room_us=500),
        (1, 9): SlotLoad(1, 9, busy_us={1: 1000}, batches={1: 10}),
        (2, 9): SlotLoad(2, 9, busy_us={2: 750}, batches={2: 5}, input_us=250),
        (3, 9): SlotLoad(3, 9, busy_us={2: 750}, batches={2: 5}, input_us=250),
    }
    load = StreamLoad.of(["a", "b", "c"], slots, batches=10, rows=20, elapsed_us=1000, replays=0, lost=())
    assert load.bottleneck == 1, "c is slower, but on two slots"
    assert [stage.period_us for stage in load.stages] == [50, 100, 75]
    told = {(0, 9): SlotLoad(0, 9, busy_us={0: 300}, core_us={0: 600}, batches={0: 3}, input_us=100)}
    crowded = StreamLoad.of(["a"], told, batches=3, rows=6, elapsed_us=1000, replays=0, lost=()).stages[0]
    assert (crowded.busy_us, crowded.core_us, crowded.period_us) == (100, 200, 300)
    assert (crowded.busy, crowded.waiting_for_core, crowded.waiting_for_input) == (0.3, 0.6, 0.1)
    assert (load.stages[0].busy, load.stages[0].waiting_for_room, load.stages[2].waiting_for_input) == (0.5, 0.5, 0.25)


# files ----------------------------------------------------------------------------------------------------------------


def reading(folder: Path) -> Any:
    """Load a stage that has a file; by reference, as the stages of a user's package do."""
    factor = float((folder / "weights.txt").read_text())

    def run(batch: Batch) -> Batch:
        return {"y": batch["x"] * factor, "there": np.array([str(folder)] * len(batch["x"]))}

    return run


def run_apart(config: StreamConfig) -> None:
    """Run a slot on a machine that does not see the driver's files."""
    from planner.streaming.files import FileThere

    FileThere.is_here = lambda self: False  # type: ignore[method-assign]
    run_stream_slot(config)


class Apart(StreamProcesses):
    run = staticmethod(run_apart)


@pytest.mark.parametrize("kind", [StreamProcesses, Apart])
def test_files_of_a_stage_go_to_its_slots(tmp_path: Path, kind: type[StreamProcesses]) -> None:
    (tmp_path / "weights.txt").write_text("3.0" + " " * 20_000_000)
    rows = spooled(tmp_path, [pa.table({"x": [1.0, 2.0]})], ["x"], 2)
    made = outputs(streamed([Stage("file", reading, files=(str(tmp_path / "weights.txt"),))], rows, kind))
    assert made["y"].to_pylist() == [3.0, 6.0]
    there = Path(made["there"][0].as_py())
    assert (there == tmp_path) == (kind is StreamProcesses)
    assert there == tmp_path or not there.exists(), "it is taken away at last"


def test_a_slot_serves_only_those_who_show_the_token() -> None:
    from planner.streaming.slot import _RowsHere, _Server

    line = Line(new_token())
    server = _Server("127.0.0.1", line, Desk(), _RowsHere(Rows((Share("nowhere", 1),), ("x",), 1)))
    try:
        with line.client(server.address) as client, pytest.raises(flight.FlightUnauthenticatedError):
            client.do_get(flight.Ticket(b"0 0 1")).read_all()
    finally:
        server.shutdown()


def test_a_coordinator_hears_only_those_who_show_the_token_and_seal_what_they_say() -> None:
    line, stranger = Line(new_token()), Line(new_token())
    flow = Flow([(0,)], [0], [frozenset()])
    coordinator = StreamCoordinator(flow, [Part(0, "stage", b"", (FileThere(__file__, 1, 0),))], "127.0.0.1", line)
    joined = Joined(0, 1, "nowhere", frozenset())
    try:
        with line.client(line.address("127.0.0.1", coordinator.port)) as client:
            for options in (flight.FlightCallOptions(), stranger.options()):
                for what, message in (("hello", joined), ("report", (SlotLoad(0, 1, 1), []))):
                    with pytest.raises(flight.FlightUnauthenticatedError, match="does not show the token"):
                        list(client.do_action(flight.Action(what, line.encode(message)), options))
                with pytest.raises(flight.FlightUnauthenticatedError, match="does not show the token"):
                    client.do_get(flight.Ticket(b"0 0 1"), options).read_all()
            with pytest.raises(flight.FlightUnauthenticatedError, match="does not bear the seal"):
                list(client.do_action(flight.Action("hello", stranger.encode(joined)), line.options()))
    finally:
        coordinator.shutdown()
    assert not flow.living and not coordinator.loads


# plans ----------------------------------------------------------------------------------------------------------------


def tokenise(batch: Batch) -> Batch:
    tokens = np.empty(len(batch["text"]), dtype=object)
    tokens[:] = [text.split() for text in batch["text"]]
    return {"tokens": tokens}


def count(batch: Batch) -> Batch:
    return {"count": np.array([len(each) for each in batch["tokens"]])}


def test_a_chain_of_callables_is_planned_by_what_they_take() -> None:
    model = read_model([tokenise, count, lambda batch: batch], batch={"text": ["a b", "c"]}, runs=2)
    assert list(model.layers.names) == ["tokenise", "count", "<lambda> 2"]
    assert (model.layers.time_ns > 0).all() and model.layers.output_bytes[1] == 16
    planned = read_model([tokenise, count, tokenise], seconds=[1, 1, 3]).plan(executors=2)
    assert planned.stage.tolist() == [0, 0, 1] and homes_of(planned) == [(0,), (1,)]


def test_replicas_of_a_plan_have_slots_of_their_own() -> None:
    planned = read_model([tokenise, count], seconds=[1, 3]).plan(executors=4, replicate=True)
    homes = homes_of(planned)
    assert sorted(stage for stages in homes for stage in stages) == sorted(
        stage for stage, many in enumerate(planned.replicas.tolist()) for _ in range(many)
    )


@pytest.mark.parametrize(
    ("source", "settings", "problem"),
    [
        ([], {}, "is an empty list; expected callables"),
        ([len], {"seconds": [1, 2]}, "expected 1 times above 0"),
        ([len], {"seconds": [0.0]}, "expected 1 times above 0"),
        ([len], {"seconds": [1.0], "batch": {}}, "expected one of them"),
        ([len], {"runs": 0}, "expected a whole number of at least 1"),
        ([len, 3], {}, "a list of callables"),
        ([tokenise, tokenise], {"batch": {"text": ["a"]}}, r"model\[1\]: tokenise 1 raised KeyError on the batch"),
        ([tokenise], {"batch": [1]}, "batch: is a list; expected a dict"),
    ],
)
def test_what_is_no_chain_is_refused(source: Any, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_model(source, **settings)


def test_stages_on_hosts_do_not_run() -> None:
    planned = read_model([tokenise, count], seconds=[1, 3]).plan(executors=2)
    with pytest.raises(InputError, match="expected hosts=0"):
        homes_of(replace(planned, on_host=np.array([True, False])))
