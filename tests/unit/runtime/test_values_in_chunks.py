"""Values over a real Flight server in many small chunks: the shapes and types that are easy to lose on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from planner.runtime import values
from planner.runtime.fetch import fetch
from planner.runtime.outbox import Outbox, OutboxServer
from planner.runtime.values import INLINE_BYTES, Packed, pack
from planner.runtime.wire import Line

WORDS = pa.array(["a", "b"]).dictionary_encode()
OTHER = pa.array(["c", "d", "e"]).dictionary_encode()
GROWN = pa.DictionaryArray.from_arrays(pa.array([0, 2], pa.int32()), ["a", "b", "z"])
ROWS = pa.table({"x": np.arange(5000), "s": [f"row {i}" for i in range(5000)]})

ARROW: dict[str, Any] = {
    "slice across chunks": pa.concat_tables([ROWS, ROWS, ROWS]).slice(4000, 7000),
    "empty batch": ROWS.to_batches()[0].slice(0, 0),
    "batch": ROWS.to_batches()[0].slice(17, 3000),
    "rows without columns": ROWS.select([]),
    "batch without columns": ROWS.to_batches()[0].select([]),
    "dictionaries that differ": pa.table({"d": pa.chunked_array([WORDS, OTHER, WORDS])}),
    "dictionary that grows": pa.table({"d": pa.chunked_array([WORDS, GROWN])}),
    "dictionary in a batch": pa.record_batch({"d": OTHER}),
    "dictionary in a list": pa.table({"l": pa.ListArray.from_arrays([0, 1, 3], OTHER)}),
    "nulls": pa.table({"x": pa.array([None, 1, None]), "n": pa.nulls(3)}),
    "nested, sliced": pa.table({"l": [[1], [2, 3], None], "s": [{"a": 1}, None, {"a": 3}]}).slice(1, 2),
    "metadata": pa.table({"x": [1]}).replace_schema_metadata({"k": "v"}),
    "categorical frame": pa.Table.from_pandas(pd.DataFrame({"c": pd.Categorical(["u", "v"] * 500)})),
}

PICKLED: dict[str, Any] = {
    "buffers of no bytes between others": [np.zeros(0), np.ones(30_000), np.zeros((0, 4)), np.arange(3), np.zeros(0)],
    "buffers of a chunk to the byte": [np.arange(1000, dtype=np.int8), np.ones(2000, dtype=np.int8)],
    "fortran": np.asfortranarray(np.arange(90_000.0).reshape(300, 300)),
    "reversed": np.arange(9000)[::-1],
    "no dimensions": np.array(7, dtype=np.int16),
    "objects": np.array(["x" * 1000, None, (1, 2)] * 200, dtype=object),
    "structured": np.zeros(3000, dtype=[("a", "i4"), ("b", "f8", (2,))]),
    "times": np.arange("2020-01-01", "2030-01-01", dtype="M8[D]"),
    "large bytes": bytes(range(256)) * (INLINE_BYTES // 256 + 1),
    "large bytearray": bytearray(b"abc" * INLINE_BYTES),
    "large head and buffers": {"text": "ü" * INLINE_BYTES, "arrays": [np.arange(5000), np.ones((3, 3))]},
    "frame": pd.DataFrame(
        {"x": np.arange(3000.0), "c": pd.Categorical(["a", "b", "c"] * 1000)},
        index=pd.date_range("2020", periods=3000, freq="s"),
    ),
    "series": pd.Series(np.arange(5), name="q"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Outbox, flight.FlightClient]]:
    outbox = Outbox()
    served = OutboxServer(outbox, "127.0.0.1", Line("secret"))
    with flight.FlightClient(served.address) as client:
        yield outbox, client
    outbox.close()
    served.shutdown()


@pytest.fixture(params=["whole", "chunks"])
def travel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: Any) -> Any:
    """Take a packed value to the other side, either way."""
    monkeypatch.setattr(values, "CHUNK_BYTES", 1000)

    def go(packed: Packed) -> Packed:
        if request.param == "whole":
            return Packed.from_inline(*packed.inline())
        outbox, client = server
        outbox.keep(1, packed, (5,))
        return fetch(Line("secret"), client, 1, 5, packed.form, packed.head, packed.lengths())

    return go


@pytest.mark.parametrize("name", ARROW)
def test_arrow_arrives_as_it_was(name: str, travel: Any) -> None:
    value = ARROW[name]
    came = travel(pack(value)).open(own=False)
    assert type(came) is type(value)
    assert came.num_rows == value.num_rows
    assert came.schema.equals(value.schema, check_metadata=True)
    assert came.equals(value)


def _check(value: Any, came: Any) -> None:
    assert type(came) is type(value)
    if isinstance(value, list | tuple):
        assert len(came) == len(value)
        for one, other in zip(value, came, strict=True):
            _check(one, other)
    elif isinstance(value, dict):
        assert list(came) == list(value)
        _check(list(value.values()), list(came.values()))
    elif isinstance(value, np.ndarray):
        assert (came.dtype, came.shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(came, value)
    elif isinstance(value, pd.DataFrame | pd.Series):
        assert came.equals(value)
    else:
        assert came == value


@pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])
@pytest.mark.parametrize("name", PICKLED)
def test_pickled_values_arrive_as_they_were(name: str, own: bool, travel: Any) -> None:
    _check(PICKLED[name], travel(pack(PICKLED[name])).open(own=own))


@pytest.mark.parametrize("shape", [(), (3000,), (30, 100)])
def test_owned_arrays_are_writable_and_shared_ones_are_not(shape: tuple[int, ...], travel: Any) -> None:
    packed = travel(pack({"a": [np.ones(shape)]}))
    shared = packed.open(own=False)["a"][0]
    assert not shared.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        shared[...] = 2
    owned = packed.open(own=True)["a"][0]
    owned[...] = 3
    np.testing.assert_array_equal(owned, np.full(shape, 3.0))


def test_an_owned_frame_can_be_changed_in_place(travel: Any) -> None:
    frame = travel(pack(PICKLED["frame"])).open(own=True)
    frame.loc[frame.index[0], "x"] = -1.0
    assert frame["x"].iloc[0] == -1.0
    assert PICKLED["frame"]["x"].iloc[0] == 0.0
