"""Values that are kept: sealed, whole or not at all; and runs that go on from them."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from planner.errors import InputError
from planner.model import GraphBuilder
from planner.runtime.journal import Journal
from planner.runtime.queues import result_tasks
from planner.runtime.storage import Storage
from planner.runtime.values import pack
from tests.evaluator import evaluate
from tests.unit.runtime.processes import driven
from tests.unit.runtime.test_losses import Blows
from tests.unit.runtime.test_moves import graph_of, planned

pytestmark = pytest.mark.timeout(120)
KEY = b"a key of this test"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "values"), KEY)
    made.prepare()
    return made


@pytest.mark.parametrize(
    "value", [1, None, {"a": [1]}, np.arange(100_000), pa.table({"x": [1, 2]}), pa.record_batch({"x": [1]}), "🎈" * 9]
)
def test_a_value_comes_back_as_it_was(storage: Storage, value: Any) -> None:
    storage.write(3, "name", pack(value))
    back = storage.read(3, "name").open(own=True)
    np.testing.assert_equal(back, value) if isinstance(value, np.ndarray) else None
    assert type(back) is type(value)
    assert isinstance(value, np.ndarray) or back == value
    assert storage.present(["x", "y", "z", "name"]) == {3}


def test_what_does_not_bear_the_seal_is_not_opened(storage: Storage, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "crater"),)

    storage.write(0, "a", pack(1))
    [file] = (tmp_path / "values").iterdir()
    file.write_bytes(file.read_bytes()[:32] + pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="'a' does not bear the seal"):
        storage.read(0, "a")
    storage.write(0, "a", pack(1))
    with pytest.raises(ValueError, match="does not bear the seal"):
        Storage(storage.location, b"of another run").read(0, "a")
    file.rename(file.with_name(file.name.replace("0-", "1-")))  # the value of one task for that of another
    with pytest.raises(ValueError, match="does not bear the seal"):
        storage.read(1, "a")
    assert not (tmp_path / "crater").exists()
    assert "values" not in repr(storage) and "key" not in repr(storage).replace("Storage", "")


def test_a_place_that_takes_nothing_is_told_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    for place, said in [
        (tmp_path / "file", "is a file; expected a folder"),
        (tmp_path / "full", "holds something; expected a new or an empty folder"),
        ("nowhere://bucket/values", "expected a folder that the driver and all executors can write to"),
    ]:
        with pytest.raises(InputError, match=said):
            Storage(str(place), KEY).prepare()


def counted(folder: str, name: str, seconds: float, *values: Any) -> Any:
    """Note that it ran; give a number or, for some, an array."""
    import time

    with (Path(folder) / name).open("a") as file:
        file.write("x")
    time.sleep(seconds)
    total = 1 + sum(float(np.sum(value)) for value in values) % 1000
    return np.full(50_000, total) if name.endswith("3") else total


def chains(folder: Path, broken: bool = False) -> Any:
    folder.mkdir(exist_ok=True)
    builder = GraphBuilder()
    before: list[Any] = []
    for layer in range(5):
        now = []
        for i in range(5):
            taken = [before[i], before[(i + 1) % 5]] if before else []
            run = "builtins:abs" if broken and layer == 4 and i == 0 else counted
            args = ("no number",) if run != counted else (str(folder), f"{layer}-{i}", 0.05, *taken)
            now.append(builder.add(run, *args, id=f"{layer}-{i}", after=taken if run != counted else ()))
        before = now
    return builder.build()


def times(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in folder.iterdir()}


def test_a_run_goes_on_where_another_ended_and_on_fewer_slots(storage: Storage, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    first = driven(planned(chains(ran, broken=True), 3), storage=storage)
    assert first.status == "failed" and len(first.records) == 24
    assert all(record.stored and not record.remark for record in first.records.values())
    assert set(times(ran).values()) == {1}
    graph = chains(ran)
    second = driven(planned(graph, 2), storage=storage, done=sorted(first.records))
    assert second.status == "done"
    assert times(ran) == {name: 1 for name in times(ran)} and len(times(ran)) == 25
    assert [graph.names[task] for task in second.records] == ["4-0"]
    assert len(second.kept) == 24
    again = tmp_path / "again"
    expected = evaluate(chains(again))
    for task, value in second.results.items():
        np.testing.assert_array_equal(value, expected[graph.names[task]])


def test_what_is_not_in_the_store_is_made_again_and_what_it_needs(storage: Storage, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    graph = chains(ran)
    first = driven(planned(graph, 3), storage=storage)
    kept = {path.name.partition("-")[0]: path for path in (tmp_path / "values").iterdir()}
    for name in ("4-2", "3-2", "3-3"):
        kept[str(graph.index[name])].unlink()
    kept[str(graph.index["2-4"])].write_bytes(b"noise")  # found out only when it is read
    second = driven(planned(graph, 2), storage=storage, done=sorted(first.records))
    assert second.status == "done"
    assert {name for name, n in times(ran).items() if n > 1} == {"4-2", "3-2", "3-3", "2-4"}
    for task, value in second.results.items():
        np.testing.assert_array_equal(value, first.results[task])


def test_a_lost_slot_costs_less_where_values_are_stored(storage: Storage, tmp_path: Path) -> None:
    graph = graph_of(4, layers=16)
    blows = Blows([(0.0, 1, signal.SIGKILL)], journal=tmp_path / "j", ended=40)
    outcome = driven(planned(graph, 3), blows, storage=storage, journal_path=tmp_path / "j")
    assert outcome.status == "done" and len(outcome.lost) == 1
    assert set(outcome.again) <= set(result_tasks(graph)), "but what the driver had yet to fetch"
    expected = evaluate(graph)
    for task, value in outcome.results.items():
        np.testing.assert_array_equal(value, expected[graph.names[task]])


def test_a_store_that_fails_later_costs_nothing_but_the_values_in_it(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "values").rmdir()
    (tmp_path / "values").touch()
    outcome = driven(planned(chains(tmp_path / "ran"), 2), storage=storage)
    assert outcome.status == "done"
    assert all(not record.stored and record.remark for record in outcome.records.values())


def test_a_folder_in_which_a_run_goes_on_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    with pytest.raises(InputError, match="a run is going on in this folder"):
        driven(planned(chains(tmp_path / "ran"), 2), journal_path=path)
    first.close()
    assert driven(planned(chains(tmp_path / "ran"), 2), journal_path=path).status == "done"
