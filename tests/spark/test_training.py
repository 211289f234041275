"""The training job on real executors: the same network as in one process, to the last digit."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from planner.recipes.training import train
from planner.recipes.training_data import Rings

JOB = Path(__file__).resolve().parents[2] / "jobs" / "train.py"


def test_the_job_trains_as_one_process_does(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparkSession, "stop", lambda self: None)
    job = runpy.run_path(str(JOB))["train"]
    job(["--rows", "9000", "--steps", "4", "--curve", "--seed", "2", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    expected = train(Rings(9_000, seed=2), steps=4, seed=2)
    found = np.load(tmp_path / "out" / "network.npz")
    assert found["losses"].tolist() == list(expected.losses)
    layers = [found[name].ravel() for name in ("inner", "inner_bias", "outer", "outer_bias")]
    assert np.array_equal(np.concatenate(layers), expected.weights)
    assert said.index("lower bound") < said.index("Run done") < said.index("speedup measured")
    assert "of the rows that were kept back are told rightly" in said
    for name in ("curve.svg", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size > 1000
    assert "measured makespan" in (tmp_path / "out" / "curve.svg").read_text(encoding="utf-8")
