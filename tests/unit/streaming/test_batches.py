"""Batches: what goes in as numpy comes out as numpy, whatever its type and shape, and nothing is pickled."""

from __future__ import annotations

import datetime
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from planner.runtime.values import pack
from planner.streaming.batches import as_batch, decode, encode, from_rows, to_rows

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.datetime64_dtypes(max_period="D", min_period="us"),
)


@given(st.dictionaries(st.text(max_size=5), hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_dims=4))))
def test_arrays_of_numbers_arrive_as_they_were(batch: dict[str, Any]) -> None:
    back, rows = decode(encode(batch, 7))
    assert rows == 7 and list(back) == list(batch)
    for name, array in batch.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()
        assert back[name].flags.writeable, "it belongs to the stage that takes it"


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "ß"],
        [b"\x00", b"", None],
        [None, None],
        [],
        [np.array([1, 2]), np.array([3])],
        [[1.5], None, []],
        [{"a": 1}, {"a": None}],
        [Decimal("1.50"), Decimal("2.25")],
        [datetime.date(2026, 1, 1), None],
    ],
)
def test_arrays_of_objects_arrive_as_objects(values: list[Any]) -> None:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    back, _ = decode(encode({"x": array}, len(values)))
    assert back["x"].dtype == object and back["x"].shape == (len(values),)
    for was, now in zip(values, back["x"], strict=True):
        assert np.array_equal(was, now) if isinstance(was, list | np.ndarray) else was == now


def test_texts_of_numpy_arrive_as_objects_of_their_shape() -> None:
    back, _ = decode(encode({"x": np.array([["a", "bc"], ["d", ""]])}, 2))
    assert back["x"].tolist() == [["a", "bc"], ["d", ""]]


def test_no_pickle_is_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle, "dumps", None)
    monkeypatch.setattr(pickle, "Pickler", None)
    packed = pack(encode({"x": np.arange(6.0).reshape(2, 3), "s": np.array(["a", "b"], object)}, 2))
    assert packed.form == "batch" and packed.arrow is not None


def test_a_stage_may_use_its_arrays_again() -> None:
    array = np.arange(3.0)
    encoded, columns = encode({"x": array}, 3), to_rows({"x": array}, 3)
    array[:] = 9
    assert decode(encoded)[0]["x"].tolist() == [0, 1, 2] == columns["x"].to_pylist()


@pytest.mark.parametrize("made", [[1], None, np.ones(3), {1: np.ones(3)}])
def test_what_is_no_dict_of_arrays_is_refused(made: Any) -> None:
    with pytest.raises(TypeError, match="expected a dict of names and numpy arrays"):
        as_batch(made)


def test_columns_of_a_dataframe_are_arrays() -> None:
    rows = pa.record_batch(
        {
            "n": pa.array([1, 2]),
            "null": pa.array([1, None]),
            "flag": pa.array([True, False]),
            "text": pa.array(["a", None]),
            "vector": pa.array([[1.0, 2.0], [3.0, 4.0]]),
            "matrix": pa.array([[[1], [2]], [[3], [4]]]),
            "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
            "ragged": pa.array([[1.0], [2.0, 3.0]]),
            "holes": pa.array([[1.0, None], [2.0, 3.0]]),
            "words": pa.array([["a"], ["b"]]),
            "time": pa.array([0, 1], pa.timestamp("us", "UTC")),
        }
    )
    arrays = from_rows(rows)
    shapes = {name: array.shape for name, array in arrays.items()}
    assert {name for name in shapes if shapes[name] != (2,)} == {"vector", "matrix", "fixed"}
    assert shapes["matrix"] == (2, 2, 1) and shapes["fixed"] == (2, 2)
    assert np.isnan(arrays["null"][1]) and arrays["text"].tolist() == ["a", None]
    assert arrays["ragged"].dtype == object and arrays["ragged"][1].tolist() == [2.0, 3.0]
    assert arrays["time"].dtype == "datetime64[us]"
    assert all(array.flags.writeable for array in arrays.values())


def test_a_slice_of_rows_is_just_these_rows() -> None:
    rows = pa.record_batch({"x": pa.array([[1, 2], [3, 4], [5, 6]]), "w": ["a", "b", "c"]}).slice(1, 1)
    arrays = from_rows(rows)
    assert arrays["x"].tolist() == [[3, 4]] and arrays["w"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.ones(2, np.float16), pa.float32()),
        (np.ones(2, np.uint8), pa.int16()),
        (np.ones(2, np.uint64), pa.int64()),
        (np.ones(2, bool), pa.bool_()),
        (np.ones((2, 3), np.float32), pa.list_(pa.float32())),
        (np.ones((2, 3, 0), np.int32), pa.list_(pa.list_(pa.int32()))),
        (np.array(["a", "b"]), pa.string()),
        (np.array([["a"], ["b"]], object), pa.list_(pa.string())),
        (np.array(["2026-01-01", "NaT"], "M8[us]"), pa.timestamp("us")),
    ],
)
def test_outputs_are_columns_that_spark_has_a_type_for(array: Any, kind: pa.DataType) -> None:
    column = to_rows({"y": array}, 2).column("y")
    assert column.type == kind
    if array.dtype.kind in "biuf":
        assert column.to_pylist() == array.tolist()


@pytest.mark.parametrize("array", [np.array(1.0), np.ones(3), np.ones(2, complex), np.full(2, 2**63, np.uint64)])
def test_outputs_that_are_no_columns_are_refused(array: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the last stage gave 'y'"):
        to_rows({"y": array}, 2)
