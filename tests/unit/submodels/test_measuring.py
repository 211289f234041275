"""What is measured of models: every layer, every value, and stages as they are loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_samples import awkward, head, parsed, prefix_cut, some_batch, through, whole

from planner.errors import InputError, PlannerError
from planner.submodels import (
    input_shapes,
    layer_graph,
    measure_apart,
    profile_layers,
    read_onnx,
    residual_network,
    sample_batch,
    transformer,
    working_bytes,
    write_stages,
)
from planner.submodels.profiling import parts


def test_every_layer_and_every_value_is_measured(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=1, width=64, heads=2, vocabulary=100))
    batch = sample_batch(model, input_shapes(model, {"batch": 2, "sequence": 8}))
    profile = profile_layers(model, batch, runs=3, warm_up=1)
    assert profile.time_ns.shape == (len(model.layers),)
    assert profile.time_ns.sum() > 0
    assert {value for layer in model.layers for value in layer.gives} <= profile.value_bytes.keys()
    assert profile.value_bytes["encoder0.gelu"] == 2 * 8 * 4 * 64 * 4
    assert profile.value_bytes["ids"] == 2 * 8 * 8
    assert profile.value_bytes["position"] == 8 * 64 * 4, "of a shape that only running tells"


@pytest.mark.parametrize("name", ["a branch that captures", "a sequence", "functions", "operators of the runtime"])
def test_awkward_models_are_measured_a_part_at_a_time(name: str, tmp_path: Path) -> None:
    model = read_onnx(awkward(name, tmp_path))
    batch = some_batch(model)
    for part_bytes in (2**30, 1):
        profile = profile_layers(model, batch, runs=2, warm_up=1, part_bytes=part_bytes)
        assert (profile.time_ns > 0).any()
        assert profile.value_bytes["y"] > 0


def test_an_operator_that_the_runtime_lacks_is_told_by_the_model_and_the_layer_of_the_user(tmp_path: Path) -> None:
    text = "(float[b, 4] x) => (float[b, 4] y) { a = Sin(x) y = Erfc(a) }"
    model = read_onnx(parsed(tmp_path / "lacks.onnx", head("lacks") + text))
    with pytest.raises(InputError) as refused:
        profile_layers(model, some_batch(model))
    (fault,) = refused.value.faults
    assert fault.path == str(tmp_path / "lacks.onnx")
    assert '("Erfc_1", Erfc,' in fault.problem
    assert "planner/1" not in fault.problem
    assert "lacks.0.onnx" not in fault.problem


def test_parts_hold_so_many_bytes_and_keep_together_what_cannot_be_parted(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=2, width=64, heads=2, vocabulary=100))
    limit = 100_000
    stage = parts(model, limit)
    assert stage == sorted(stage)
    for part in range(stage[-1] + 1):
        inside = [layer for layer, number in zip(model.layers, stage, strict=True) if number == part]
        held = sum(model.constant_bytes(name) for name in {name for layer in inside for name in layer.constants})
        assert held <= limit or sum(bool(layer.constants) for layer in inside) == 1
    sequence = read_onnx(awkward("a sequence", tmp_path))
    assert parts(sequence, 0)[2] == parts(sequence, 0)[3]


def test_a_batch_that_lacks_an_input_is_told(tmp_path: Path) -> None:
    model = read_onnx(awkward("inputs and outputs", tmp_path))
    with pytest.raises(InputError, match=r"batch\['z'\]: is missing; expected x, z, idle\nbatch\['idle'\]"):
        profile_layers(model, {"x": np.zeros((1, 4), np.float32)})


def test_a_layer_graph_has_what_planning_needs(tmp_path: Path) -> None:
    model = read_onnx(residual_network(tmp_path / "r.onnx", blocks=(1, 1), width=8, classes=10))
    batch = sample_batch(model, input_shapes(model, {"height": 32, "width": 32}))
    profile = profile_layers(model, batch, runs=2, warm_up=1)
    graph = layer_graph(model, profile)
    place = {layer.name: i for i, layer in enumerate(model.layers)}
    assert graph.names == tuple(place)
    assert graph.memory_bytes[place["stem.convolved"]] == round(3.7 * 8 * 3 * 7 * 7 * 4)
    assert graph.memory_bytes[place["head"]] == round(2.1 * (16 * 10 + 10) * 4)
    assert graph.memory_bytes[place["stem.relu"]] == 0
    assert graph.output_bytes[place["stem.relu"]] == 8 * 16 * 16 * 4
    assert graph.output_bytes[place["probabilities"]] == 0, "no layer takes it"
    assert graph.predecessors(place["group0.block0.sum"]).tolist() == sorted(
        [place["stem.pool"], place["group0.block0.second"]]
    )
    most = 2 * 8 * 16 * 16 * 4
    assert working_bytes(model, profile.value_bytes) - working_bytes(model, {}) >= 2 * most


def test_layers_that_cannot_be_parted_are_of_one_class(tmp_path: Path) -> None:
    model = read_onnx(awkward("a sequence", tmp_path))
    graph = layer_graph(model, profile_layers(model, some_batch(model), runs=1, warm_up=0))
    classes = graph.color_class.tolist()
    assert classes[2] == classes[3]
    assert len(set(classes)) == len(classes) - 1


def test_stages_are_measured_in_processes_of_their_own(tmp_path: Path) -> None:
    model = read_onnx(residual_network(tmp_path / "r.onnx", blocks=(1, 1), width=32, classes=10))
    batch = {"pixels": np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)}
    files = write_stages(model, prefix_cut(model, 9), tmp_path)
    found = measure_apart([file.path for file in files], batch, runs=2)
    assert all(one.time_ns > 0 for one in found)
    assert all(0 < (one.load_bytes or 1) <= (one.peak_bytes or 1) for one in found)
    files[1].path.unlink()
    with pytest.raises(PlannerError, match=r"measuring .*r\.1\.onnx ended with 1: (.|\n)*ONNX Runtime cannot load it"):
        measure_apart([file.path for file in files], batch, runs=1)


def test_what_was_fused_gives_nearly_the_same(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=2, width=64, heads=4, vocabulary=100))
    batch = sample_batch(model, input_shapes(model, {"batch": 3, "sequence": 20}))
    (embedding,) = through(write_stages(model, prefix_cut(model, 45), tmp_path), batch, optimize=True).values()
    np.testing.assert_allclose(embedding, whole(model, batch)["embedding"], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
