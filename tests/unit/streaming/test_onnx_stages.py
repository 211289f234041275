"""A cut ONNX model on slots: each loads its own part, and together they give what the whole gives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from onnx_samples import head, parsed

from planner.models import read_model
from planner.streaming.onnx_stages import Input, column_faults, inputs_of, onnx_stages
from planner.submodels import LoadedStage, read_onnx, transformer, write_stages
from tests.unit.streaming.streams import outputs, spooled, streamed


def test_stages_give_what_the_whole_gives(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model.onnx", layers=2, width=16, heads=2, vocabulary=50)
    model = read_model(path, sizes={"batch": 4, "sequence": 6}, runs=2)
    planned = model.plan(executors=3)
    given = {
        "tokens": np.random.default_rng(0).integers(0, 50, (10, 6)),
        "seen": np.ones((10, 6), dtype=np.int32),
    }
    table = pa.table({name: list(array) for name, array in given.items()})
    files = [(Path(one.path), one.data) for one in write_stages(model.source, planned.stage.tolist(), tmp_path / "cut")]
    takes = inputs_of(model.source)
    stages = onnx_stages(files, {"tokens": takes["ids"], "seen": takes["mask"]}, planned.replicas.tolist())
    stream = streamed(stages, spooled(tmp_path, [table], ["tokens", "seen"], 4))
    whole = LoadedStage(path)({"ids": given["tokens"], "mask": given["seen"].astype(np.int64)})["embedding"]
    np.testing.assert_allclose(outputs(stream)["embedding"].to_pylist(), whole, atol=1e-5)
    assert [stage.batches for stage in stream.load.stages] == [3] * planned.n_stages


@pytest.mark.parametrize(
    ("array", "dtype", "shape", "expected"),
    [
        (np.ones((2, 12)), "float32", (None, 3, 2, 2), ("float32", (2, 3, 2, 2))),
        (np.ones((2, 3, 4)), "float32", (None, 3, 4), ("float32", (2, 3, 4))),
        (np.ones((2, 12)), "int64", (None, None), ("int64", (2, 12))),
        (np.ones(2), "float64", (None, 1), ("float64", (2, 1))),
        (np.ones((2, 5)), "float32", (None, 3, 2), ("float32", (2, 5))),  # the model says what is wrong
        (np.array(["a"], object), "object", (None,), ("object", (1,))),
        (np.ones(2), "", None, ("float64", (2,))),
        (np.ones((0, 0)), "float32", (None, 3, None), ("float32", (0, 3, 0))),
    ],
)
def test_columns_are_fitted_to_inputs(array, dtype, shape, expected) -> None:
    fitted = Input("x", dtype, shape).fitted("c", array)
    assert (str(fitted.dtype), fitted.shape) == expected


@pytest.mark.parametrize(
    ("array", "dtype", "problem"),
    [
        (np.array([1.0, np.nan]), "int64", "column 'c' has nan; input 'x' takes int64"),
        (np.array([1.5]), "int32", "column 'c' has 1.5"),
        (np.array([300]), "uint8", "column 'c' has 300"),
        (np.array([None, [1.0]], object), "float32", "column 'c' has rows of unequal lengths, nulls"),
    ],
)
def test_columns_that_would_change_are_refused(array, dtype, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        Input("x", dtype, (None,)).fitted("c", array)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("array<int>", None),
        ("int", "takes arrays nested 1 deep"),
        ("array<array<string>>", r"takes numbers \(int64\) in arrays nested 1 deep"),
        ("decimal(10,2)", r"takes numbers \(int64\) in arrays"),
    ],
)
def test_columns_that_no_input_can_take_are_told_by_their_type(kind: str, problem: str | None) -> None:
    faults = column_faults([("c", kind)], ["c"], {"c": Input("ids", "int64", (None, None))}, [])
    assert len(faults) == (problem is not None) and all(re.search(str(problem), fault.problem) for fault in faults)
    assert not column_faults([("c", "float")], ["c"], {"c": Input("x", "float32", (None, 1, 1))}, []), "it is reshaped"


def test_an_input_that_only_the_last_stage_takes_is_fitted_as_well(tmp_path: Path) -> None:
    graph = "(float[batch, 2, 2] x, float[batch, 2, 2] late) => (float[batch, 2, 2] y)"
    layers = "{ a = Relu(x) b = Neg(a) y = Add(b, late) }"
    path = parsed(tmp_path / "late.onnx", f"{head('late')} {graph} {layers}")
    source = read_onnx(path)
    files = [(Path(one.path), one.data) for one in write_stages(source, [0, 0, 1], tmp_path / "cut")]
    table = pa.table({"x": [[1.0, -2.0, 3.0, 4.0]] * 3, "late": [[1, 2, 3, 4]] * 3})
    stages = onnx_stages(files, inputs_of(source), [1, 1])
    made = outputs(streamed(stages, spooled(tmp_path, [table], ["x", "late"], 2)))
    assert made["y"].to_pylist() == [[[0.0, 2.0], [0.0, 0.0]]] * 3
    none = outputs(streamed(stages, spooled(tmp_path, [table.slice(0, 0)], ["x", "late"], 2)))
    assert none.num_rows == 0 and none.schema == made.schema
