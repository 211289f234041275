"""ONNX files by the one façade: read, measured, planned, cut, corrected."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_samples import same_bits, through, whole

from planner.cli import main
from planner.errors import InfeasibleError, InputError
from planner.models import read_model
from planner.models.measured_model import MeasuredModel
from planner.submodels import residual_network, transformer


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> MeasuredModel:
    path = transformer(tmp_path_factory.mktemp("t") / "small.onnx", layers=3, width=64, heads=4, vocabulary=200)
    model = read_model(path, sizes={"batch": 2, "sequence": 16})
    assert isinstance(model, MeasuredModel)
    return model


@pytest.mark.parametrize("executors", [1, 2, 4])
def test_a_plan_is_cut_as_it_says(small: MeasuredModel, executors: int, tmp_path: Path) -> None:
    planned = small.plan(executors=executors, bandwidth="1GB/s")
    files = small.cut(planned, tmp_path)
    assert [list(file.layers) for file in files] == [
        np.flatnonzero(planned.stage == stage).tolist() for stage in range(planned.n_stages)
    ]
    assert same_bits(through(files, small.batch), whole(small.source, small.batch))


def test_replicas_share_the_files_of_their_stage(small: MeasuredModel, tmp_path: Path) -> None:
    planned = small.plan(executors=4, replicate=True)
    assert len(small.cut(planned, tmp_path)) == planned.n_stages


def test_memory_of_the_process_is_kept_free(small: MeasuredModel) -> None:
    layers = int(small.layers.memory_bytes.sum())
    planned = small.plan(executors=2, memory=small.reserved_bytes + layers)
    assert planned.memory_limit_bytes == layers
    assert any("for the process and a micro-batch are kept free" in note for note in planned.notes)
    with pytest.raises(InfeasibleError, match=r"memory: is 100 MB, and each executor needs 14\d MB for the process"):
        small.plan(executors=2, memory="100MB")
    with pytest.raises(InfeasibleError):
        small.plan(executors=1, memory=small.reserved_bytes + layers // 2)
    with pytest.raises(InputError, match="memory"):
        small.plan(executors=2, memory="much")


def test_what_stages_took_corrects_the_plan(small: MeasuredModel) -> None:
    first = small.plan(executors=2)
    took = (np.array([3, 1]) * 10**8).tolist()
    second = small.corrected(first, took).plan(executors=2)
    counts = [int((planned.stage == 0).sum()) for planned in (first, second)]
    assert counts[1] < counts[0], "the stage that took longer than planned has fewer layers now"
    with pytest.raises(InputError, match=r"measured: has 1 times; the plan has 2 stages"):
        small.corrected(first, [1])


def test_stages_are_measured_here_if_nothing_is_said(tmp_path: Path) -> None:
    path = residual_network(tmp_path / "r.onnx", blocks=(1,), width=8, classes=10)
    model = read_model(path, sizes={"height": 32, "width": 32}, runs=2)
    assert isinstance(model, MeasuredModel)
    again = model.corrected(model.plan(executors=1))
    assert again.layers.time_ns.sum() > 0
    assert again.layers.names == model.layers.names


def test_nonsense_is_told_in_one_go(tmp_path: Path) -> None:
    path = transformer(tmp_path / "t.onnx", layers=1, width=16, heads=2, vocabulary=50)
    with pytest.raises(InputError, match="axis 1 may have any size"):
        read_model(path)
    with pytest.raises(InputError, match="there is no such file"):
        read_model(tmp_path / "no.onnx")
    batch = {"ids": np.zeros((1, 4), np.int64), "mask": np.ones((1, 4), np.int64)}
    assert read_model(str(path), batch=batch, runs=1).layers.n > 40
    with pytest.raises(InputError, match="ONNX Runtime cannot run it"):
        read_model(path, batch={**batch, "ids": np.zeros(3)}, runs=1)
    with pytest.raises(InputError, match=r"sizes: is 'batch=2'; expected a dict of names\nbatch: is 3"):
        read_model(path, sizes="batch=2", batch=3)
    with pytest.raises(InputError, match="runs"):
        read_model(path, batch=batch, runs=0)


def test_the_command_line_splits_it_too(small: MeasuredModel, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["split", str(small.source.path), "--executors", "2", "--memory", "1GB"]
    assert main([*words, "--sizes", "batch=2,sequence=16", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [len(stage["layers"]) > 0 for stage in said["stages"]] == [True, True]
    assert said["notes"][-1].startswith("of 1 GB on each executor")
    assert main([*words, "--sizes", "batch=2,sequence"]) == 2
    assert "--sizes: 'sequence' is no AXIS=N" in capsys.readouterr().err
    assert main([*words, "--sizes", "squence=16"]) == 2
    assert "sizes['squence']: is no open axis; expected one of batch, ids:0," in capsys.readouterr().err


def test_a_profile_takes_no_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "graph.txt").write_text("node1 -- Input -- forward_compute_time=1, backward_compute_time=1")
    assert main(["split", str(tmp_path / "graph.txt"), "--executors", "2", "--sizes", "batch=2"]) == 2
    assert "sizes: is given, and a profile takes no settings" in capsys.readouterr().err


def test_who_lacks_the_libraries_is_told_what_to_type(small: MeasuredModel) -> None:
    code = f"""
import sys
sys.modules["onnx"] = None
from planner.cli import main
raise SystemExit(main(["split", {str(small.source.path)!r}, "--executors", "2"]))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Traceback" not in said.stderr
    assert "onnx is not installed, which ONNX models need" in said.stderr
    assert "pip install 'spark-planner[models]', on the driver and on the executors" in said.stderr
