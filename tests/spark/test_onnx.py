"""ONNX models are measured where they will run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

import planner.submodels
from planner.errors import InputError
from planner.models import read_model
from planner.submodels import transformer


def test_a_model_is_measured_on_an_executor(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_here(*_: Any, **__: Any) -> None:
        raise AssertionError("measured at the driver")

    monkeypatch.setattr(planner.submodels, "profile_layers", not_here)
    path = transformer(tmp_path / "t.onnx", layers=1, width=32, heads=2, vocabulary=50)
    model = read_model(path, sizes={"batch": 2, "sequence": 8}, runs=2, spark=spark)
    assert model.layers.time_ns.sum() > 0
    assert model.plan(executors=2).n_stages == 2
    batch = {"ids": np.zeros((2, 8), np.int64), "mask": np.zeros(3)}
    with pytest.raises(InputError, match="ONNX Runtime cannot run it"):
        read_model(path, batch=batch, runs=1, spark=spark)
