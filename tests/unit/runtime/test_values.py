"""Values as they travel: whole or in chunks, owned or shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from planner.runtime.fetch import fetch
from planner.runtime.outbox import Outbox, OutboxServer, Retained
from planner.runtime.values import INLINE_BYTES, Packed, pack, rows_of
from planner.runtime.wire import Line

TABLE = pa.table({"x": range(1000), "s": [f"row {i}" for i in range(1000)]})
VALUES: dict[str, Any] = {
    "none": None,
    "nested": {"a": [1, (2, 3)], "b": {"c": np.arange(5)}},
    "scalar array": np.array(3.5),
    "empty array": np.zeros((0, 3)),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": np.arange(100)[::3],
    "objects": np.array(["a", None, {"b": 1}], dtype=object),
    "structured": np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "two buffers": [np.arange(100_000), np.ones(70_000, dtype=np.int8)],
    "table": TABLE,
    "slice of a table": TABLE.slice(10, 5),
    "empty table": TABLE.schema.empty_table(),
    "no columns": pa.table({}),
    "batch": TABLE.to_batches()[0].slice(3, 7),
    "frame": pd.DataFrame({"x": np.arange(10.0), "s": list("abcdefghij")}),
    "large bytes": bytes(INLINE_BYTES + 17),
    "large text": "ü" * INLINE_BYTES,
}


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and bool(np.array_equal(left, right))
    if isinstance(left, pd.DataFrame):
        return bool(left.equals(right))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Outbox, flight.FlightClient]]:
    outbox = Outbox()
    server = OutboxServer(outbox, "127.0.0.1", Line("secret"))
    with flight.FlightClient(server.address) as client:
        yield outbox, client
    outbox.close()
    server.shutdown()


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("own", [True, False])
def test_what_goes_in_comes_out(name: str, own: bool, served: tuple[Outbox, flight.FlightClient]) -> None:
    value, (outbox, client) = VALUES[name], served
    packed = pack(value)
    assert _same(value, Packed.from_inline(*packed.inline()).open(own=own))
    outbox.keep(1, packed, (5,))
    came = fetch(Line("secret"), client, 1, 5, packed.form, packed.head, packed.lengths())
    assert _same(value, came.open(own=own))
    assert outbox.held_bytes() == 0


def test_an_owned_array_can_be_written_to_and_a_shared_one_cannot() -> None:
    packed = Packed.from_inline(*pack({"a": np.arange(1000)}).inline())
    packed.open(own=True)["a"][0] = 7
    with pytest.raises(ValueError, match="read-only"):
        packed.open(own=False)["a"][0] = 7
    assert packed.open(own=False)["a"][0] == 0


def test_shared_values_share_their_memory() -> None:
    array = np.arange(100_000)
    packed = pack(array)
    assert np.shares_memory(packed.open(own=False), array)


def test_a_value_is_kept_until_the_last_taker_has_it() -> None:
    outbox = Outbox(Retained(0))
    outbox.keep(3, pack(np.arange(100_000)), (1, 2))
    outbox.taken(3, 1)
    assert outbox.held_bytes() >= 800_000
    outbox.taken(3, 2)
    assert outbox.held_bytes() == 0
    with pytest.raises(KeyError):
        outbox.take(3)


def test_rows_are_those_of_tables_alone() -> None:
    assert [rows_of(TABLE), rows_of(VALUES["frame"]), rows_of([1, 2])] == [1000, 10, None]


@pytest.mark.parametrize("made", ["arrays", "table", "bytes"])
def test_what_has_no_room_in_memory_is_on_disk_and_leaves_nothing_there(
    made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path))
    value = {
        "arrays": [np.arange(100_000), np.ones(200_000)],
        "table": pa.table({"x": np.arange(300_000)}),
        "bytes": b"b" * 2_000_000,
    }[made]
    outbox = Outbox(room_bytes=1_000_000)
    outbox.keep(0, pack(value), (1, 2))
    outbox.keep(1, pack(np.arange(50_000)), (1,))  # what came first has the room
    packed = outbox.take(0)
    mapped = packed.buffers[-1] if packed.arrow is None else packed.arrow.column(0).chunk(0).buffers()[1]
    assert any(str(tmp_path) in line for line in Path("/proc/self/maps").read_text().splitlines()), mapped
    assert list(tmp_path.iterdir()) == []
    server = OutboxServer(outbox, "127.0.0.1", Line("secret"))
    with Line("secret").client(server.address) as client:
        got = fetch(Line("secret"), client, 0, 1, packed.form, packed.head, packed.lengths()).open(own=True)
    server.shutdown()
    if made == "arrays":
        assert all(a.flags.writeable for a in got)
        np.testing.assert_array_equal(np.concatenate(got), np.concatenate(value))
    else:
        assert got == value
    opened = packed.open(own=True)  # where it was made
    assert made != "arrays" or opened[0].flags.writeable


def test_a_full_disk_leaves_values_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "is not there"))
    outbox = Outbox(room_bytes=10)
    outbox.keep(0, pack(np.arange(100_000)), (1,))
    np.testing.assert_array_equal(outbox.take(0).open(own=True), np.arange(100_000))
