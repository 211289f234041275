"""The two jobs that run models, as people start them: the same results as without Spark, and a report."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from planner.recipes.images import generate_images, image_files, prepare, top_classes
from planner.recipes.language import passages, text_chain
from planner.submodels import LoadedStage
from tests.spark.test_jobs import ROOT, started

pytestmark = [pytest.mark.spark, pytest.mark.timeout(240)]


def small_classifier(path: Path) -> Path:
    """Write a residual network of a few layers, for images of 32 pixels."""
    from planner.submodels import residual_network
    from planner.submodels.libraries import onnx

    residual_network(path, blocks=(1, 1), width=8, classes=10)
    model = onnx.load(path, load_external_data=False)
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = 32
    onnx.save(model, path)
    return path


def test_images_have_the_same_classes_in_three_ways_as_without_spark(tmp_path: Path) -> None:
    model = small_classifier(tmp_path / "small.onnx")
    files = image_files(generate_images(tmp_path / "drawn", 12, seed=2))
    words = ("--executors", "2", "--batch", "3", "--images", "drawn", "--model", "small.onnx", "--out", "out")
    said = started(sys.executable, ROOT / "jobs" / "images.py", *words, cwd=tmp_path)
    for told in ("data-parallel", "model-parallel", "hybrid", "rows/s", "12 images"):
        assert told in said
    line = next(line for line in said.splitlines() if line.startswith("largest difference"))
    assert float(line.rpartition(" ")[2]) <= 1e-5

    found = pq.read_table(tmp_path / "out" / "classes.parquet")
    assert found["path"].to_pylist() == files
    pixels = np.stack([prepare(path, 32) for path in files])
    expected = LoadedStage(model)({"pixels": pixels})["probabilities"]
    assert found["classes"].to_pylist() == top_classes(expected).tolist()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "model-parallel" in page and "waits for core" in page


def test_texts_have_the_scores_that_they_have_without_spark(tmp_path: Path) -> None:
    words = ("--limit", "40", "--query", "close the file", "--batch", "8", "--out", "out")
    said = started(sys.executable, ROOT / "jobs" / "language.py", *words, cwd=tmp_path)
    assert "40 texts of" in said and "the bottleneck is" in said

    found = pq.read_table(tmp_path / "out" / "scores.parquet")
    texts = passages(limit=40)
    batch = {"text": np.array(texts["text"].to_pylist(), dtype=object)}
    run, embed, score = text_chain("close the file")
    expected = dict(
        zip(
            zip(*(texts[name].to_pylist() for name in ("source", "name")), strict=True),
            score(embed()(run(batch)))["score"],
            strict=True,
        )
    )
    assert found.num_rows == 40
    for row in found.to_pylist():
        assert row["score"] == pytest.approx(expected[row["source"], row["name"]], abs=1e-5)
    assert (tmp_path / "out" / "report.html").exists()
