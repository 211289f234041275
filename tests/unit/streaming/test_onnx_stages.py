"""A cut ONNX model on slots: each loads its own part, and together they give what the whole gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from planner.models import read_model
from planner.streaming.onnx_stages import _fitted, onnx_stages
from planner.submodels import LoadedStage, transformer, write_stages
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
    stages = onnx_stages(files, {"tokens": "ids", "seen": "mask"}, planned.replicas.tolist())
    stream = streamed(stages, spooled(tmp_path, [table], ["tokens", "seen"], 4))
    whole = LoadedStage(path)({"ids": given["tokens"], "mask": given["seen"].astype(np.int64)})["embedding"]
    np.testing.assert_allclose(outputs(stream)["embedding"].to_pylist(), whole, atol=1e-5)
    assert [stage.batches for stage in stream.load.stages] == [3] * planned.n_stages


@pytest.mark.parametrize(
    ("array", "kind", "shape", "expected"),
    [
        (np.ones((2, 12)), "tensor(float)", ["batch", 3, 2, 2], ("float32", (2, 3, 2, 2))),
        (np.ones((2, 3, 4)), "tensor(float)", ["batch", 3, 4], ("float32", (2, 3, 4))),
        (np.ones((2, 12)), "tensor(int64)", ["batch", "sequence"], ("int64", (2, 12))),
        (np.ones(2), "tensor(double)", ["batch", 1], ("float64", (2, 1))),
        (np.ones((2, 5)), "tensor(float)", ["batch", 3, 2], ("float32", (2, 5))),  # the model says what is wrong
        (np.array(["a"], object), "tensor(string)", ["batch"], ("object", (1,))),
        (np.ones(2), "", (), ("float64", (2,))),
    ],
)
def test_columns_are_fitted_to_inputs(array, kind, shape, expected) -> None:
    fitted = _fitted(array, kind, shape)
    assert (str(fitted.dtype), fitted.shape) == expected
