"""Models that were cut are the models that they were."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import (
    AWKWARD,
    LIGHT,
    TOPOLOGIES,
    awkward,
    head,
    parsed,
    prefix_cut,
    same_bits,
    some_batch,
    through,
    whole,
)

from planner.errors import InputError
from planner.submodels import (
    LoadedStage,
    interfaces,
    read_onnx,
    residual_network,
    transformer,
    with_made_up_weights,
    write_stages,
)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_published_topology_gives_the_same_bits_wherever_it_is_cut(name: str, tmp_path: Path) -> None:
    """Some cuts; `benchmarks/onnx_cuts.py` makes all."""
    model = read_onnx(with_made_up_weights(LIGHT / f"light_{name}.onnx", tmp_path / f"{name}.onnx"))
    batch, n = some_batch(model), len(model.layers)
    right = whole(model, batch)
    assert all(np.isfinite(values).all() and len(np.unique(values)) > 100 for values in right.values())
    files = write_stages(model, prefix_cut(model, n // 4, n // 3, n // 2, 3 * n // 4), tmp_path, copy_weights=False)
    assert same_bits(through(files, batch), right)
    close = through(files, batch, optimize=True)
    for output, values in right.items():
        np.testing.assert_allclose(close[output], values, atol=1e-5, rtol=0)


def test_constant_nodes_of_a_published_topology_are_copied_to_where_they_are_read(tmp_path: Path) -> None:
    model = read_onnx(LIGHT / "light_squeezenet.onnx")
    assert (len(model.layers), len(model.constants)) == (66, 39)
    files = write_stages(model, prefix_cut(model, 20, 40), tmp_path)
    assert same_bits(through(files, some_batch(model)), whole(model, some_batch(model)))
    copies = [sum(node.op_type == "ConstantOfShape" for node in onnx.load(file.path).graph.node) for file in files]
    assert sum(copies) == 39
    assert min(copies) > 0


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_model_gives_the_same_bits_wherever_it_can_be_cut(name: str, tmp_path: Path) -> None:
    model = read_onnx(awkward(name, tmp_path))
    n, cuts = len(model.layers), 0
    batch = some_batch(model)
    for truth in (False, True) if "c" in model.inputs else (False,):
        batch |= {"c": np.array(truth)} if "c" in model.inputs else {}
        right = whole(model, batch)
        for count in range(n):
            for ends in combinations(range(1, n), count):
                stage = prefix_cut(model, *ends)
                if name == "a sequence" and stage[2] != stage[3]:
                    with pytest.raises(InputError, match=r"values\['s'\]: would cross a cut, and is no tensor"):
                        write_stages(model, stage, tmp_path / "cut")
                    continue
                assert same_bits(through(write_stages(model, stage, tmp_path / "cut"), batch), right), ends
                cuts += 1
    assert cuts >= n - 1


def test_what_is_drawn_at_random_is_drawn_once(tmp_path: Path) -> None:
    text = """(float[b, 4] x) => (float[b, 4] y) {
        noise = RandomNormal <shape = [4]> ()
        a = Add(x, noise)
        c = Exp(a)
        d = Log(c)
        y = Sub(d, noise)
    }"""
    model = read_onnx(parsed(tmp_path / "random.onnx", head("random") + text))
    assert model.layers[0].name == "RandomNormal_0"
    batch = some_batch(model)
    (y,) = through(write_stages(model, prefix_cut(model, 3, 4), tmp_path), batch).values()
    np.testing.assert_allclose(y, batch["x"], atol=1e-5)


def test_a_cut_need_not_follow_the_order_of_the_file(tmp_path: Path) -> None:
    text = """(float[b, 4] x) => (float[b, 4] y) {
        a = Sin(x)
        c = Cos(x)
        d = Exp(a)
        e = Tanh(c)
        y = Add(d, e)
    }"""
    model = read_onnx(parsed(tmp_path / "two ways.onnx", head("ways") + text))
    batch = some_batch(model)
    for stage in ([0, 1, 0, 1, 1], [1, 0, 1, 0, 2], [0, 0, 2, 1, 3]):
        assert same_bits(through(write_stages(model, stage, tmp_path), batch), whole(model, batch))


def test_interfaces_name_what_crosses(tmp_path: Path) -> None:
    model = read_onnx(awkward("a branch that captures", tmp_path))
    first, second, third = interfaces(model, [0, 1, 2, 2])
    assert (first.takes, first.gives, first.passes) == (("x",), ("a",), ("x", "c"))
    assert (second.takes, second.gives, second.passes) == (("a",), ("k",), ("x", "a", "c"))
    assert (set(third.takes), third.gives, third.passes) == ({"c", "k", "a", "x"}, ("y",), ())


def test_what_is_no_cut_is_refused_with_every_value_that_would_go_back(tmp_path: Path) -> None:
    model = read_onnx(awkward("out of order", tmp_path))
    with pytest.raises(InputError, match=r"there are stages for 2 layers; awkward\.onnx has 3"):
        interfaces(model, [0, 0])
    with pytest.raises(InputError, match=r"the stages are \[0, 2\]; expected 0, 1"):
        interfaces(model, [0, 2, 2])
    with pytest.raises(InputError) as refused:
        interfaces(model, [2, 1, 0])
    assert len(refused.value.faults) == 2
    assert "is in stage 1, and takes 'a' of stage 2" in str(refused.value)


def test_each_stage_has_its_own_weights_and_no_others(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=2, width=64, heads=2, vocabulary=500))
    files = write_stages(model, prefix_cut(model, 40, 60), tmp_path / "cut")
    assert [sorted(path.name for path in (tmp_path / "cut").iterdir())] == [
        sorted(f"t.{k}.onnx{end}" for k in range(3) for end in ("", ".data"))
    ]
    shared = {name for file in files for name in weights_of(file.path)}
    assert shared == set(model.weights)
    data = [file.data.stat().st_size for file in files if file.data]
    assert all(size <= file.weight_bytes + 4096 * len(model.weights) for size, file in zip(data, files, strict=True))
    assert sum(file.weight_bytes for file in files) < 1.01 * sum(
        np.prod(weight.dims) * 4 for weight in model.weights.values()
    )


def weights_of(path: Path) -> list[str]:
    return [tensor.name for tensor in onnx.load(path, load_external_data=False).graph.initializer]


def test_weights_can_stay_where_they_are(tmp_path: Path) -> None:
    model = read_onnx(residual_network(tmp_path / "r.onnx", blocks=(1, 1), width=16, classes=10))
    batch = {"pixels": np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)}
    files = write_stages(model, prefix_cut(model, 9), tmp_path, copy_weights=False)
    assert [file.data for file in files] == [None, None]
    assert same_bits(through(files, batch), whole(model, batch))
    with pytest.raises(InputError, match="weights that are not copied need that of"):
        write_stages(model, prefix_cut(model, 9), tmp_path / "elsewhere", copy_weights=False)


def test_a_model_beyond_two_gigabytes_is_cut_without_being_held(tmp_path: Path) -> None:
    """Its table is a file with a hole, so the test needs no disk; nothing of it is copied, and little of it is read."""
    rows, width = 10_000_000, 64
    table = onnx.TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[rows, width])
    table.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "table.data"), ("offset", "0"), ("length", str(rows * width * 4))):
        table.external_data.add(key=key, value=value)
    with (tmp_path / "table.data").open("wb") as file:
        file.truncate(rows * width * 4)
        file.seek((rows - 1) * width * 4)
        file.write(np.arange(width, dtype=np.float32).tobytes())
    nodes = [helper.make_node("Gather", ["table", "ids"], ["row"]), helper.make_node("Exp", ["row"], ["y"])]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["b"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", width])
    proto = helper.make_model(
        helper.make_graph(nodes, "g", [ids], [y], [table]), opset_imports=[helper.make_opsetid("", 20)], ir_version=9
    )
    onnx.save(proto, tmp_path / "large.onnx")
    model = read_onnx(tmp_path / "large.onnx")
    files = write_stages(model, [0, 1], tmp_path, copy_weights=False)
    assert [file.weight_bytes for file in files] == [2_560_000_000, 0]
    (got,) = through(files, {"ids": np.array([0, rows - 1])}).values()
    np.testing.assert_array_equal(got[0], np.ones(width, np.float32))
    np.testing.assert_allclose(got[1, :3], np.exp([0, 1, 2]), rtol=1e-6)


def test_weights_in_all_forms_come_through(tmp_path: Path) -> None:
    """Numbers in a field of their own, large weights of branches, a sparse one, and four bits each."""
    draw = np.random.default_rng(0)
    plain = draw.standard_normal((32, 32)).astype(np.float32)
    fields = helper.make_tensor("fields", TensorProto.FLOAT, plain.shape, plain.ravel().tolist())
    inside = numpy_helper.from_array(plain.T.copy(), "inside")
    then = helper.make_graph(
        [helper.make_node("MatMul", ["a", "inside"], ["t"])],
        "then",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)],
        [inside],
    )
    other = helper.make_graph(
        [helper.make_node("MatMul", ["a", "few"], ["o"])],
        "else",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    few = helper.make_sparse_tensor(
        helper.make_tensor("few", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
        helper.make_tensor("few_places", TensorProto.INT64, [3], [0, 40, 1023]),
        [32, 32],
    )
    bits = helper.make_tensor("bits", TensorProto.INT4, [64, 64], draw.integers(-8, 8, 64 * 64).tolist())
    scale = numpy_helper.from_array(np.float32(0.1), "scale")
    nodes = [
        helper.make_node("MatMul", ["x", "fields"], ["a"]),
        helper.make_node("If", ["c"], ["b"], then_branch=then, else_branch=other),
        helper.make_node("Concat", ["b", "a"], ["d"], axis=1),
        helper.make_node("DequantizeLinear", ["bits", "scale"], ["real"]),
        helper.make_node("MatMul", ["d", "real"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "forms",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 32]),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [fields, bits, scale],
        sparse_initializer=[few],
    )
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10),
        tmp_path / "forms.onnx",
        save_as_external_data=True,
        location="forms.data",
        size_threshold=3000,
        convert_attribute=True,
    )
    model = read_onnx(tmp_path / "forms.onnx")
    assert [node.op_type for node in model.constants] == ["DequantizeLinear"]
    for truth in (False, True):
        batch = {"x": draw.standard_normal((5, 32)).astype(np.float32), "c": np.array(truth)}
        for ends in ([], [1], [2], [1, 2, 3]):
            files = write_stages(model, prefix_cut(model, *ends), tmp_path / "cut")
            assert same_bits(through(files, batch), whole(model, batch)), (truth, ends)


def test_a_stage_says_what_it_lacks_and_what_does_not_fit(tmp_path: Path) -> None:
    model = read_onnx(awkward("inputs and outputs", tmp_path))
    stage = LoadedStage(write_stages(model, [0, 0, 0], tmp_path)[0].path)
    assert (stage.takes, stage.passes) == (("x", "z"), ("z",))
    with pytest.raises(InputError, match=r"batch\['x'\]: is missing; there is 'q'\nbatch\['z'\]: is missing"):
        stage({"q": np.zeros(1)})
    with pytest.raises(InputError, match="ONNX Runtime cannot run it"):
        stage({"x": np.zeros((2, 5), np.float32), "z": np.zeros((2, 4), np.float32)})
    wide = stage({"x": [[0.0, 0.5, 1.0, 2.0]], "z": np.zeros((1, 4), np.int64)})
    np.testing.assert_allclose(wide["m"], np.tanh(np.array([[0, 0.5, 1, 2]])), rtol=1e-6)
    with pytest.raises(TypeError, match="is loaded in this process; send its path"):
        pickle.dumps(stage)
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x01")
    with pytest.raises(InputError, match=r"broken.onnx: ONNX Runtime cannot load it"):
        LoadedStage(tmp_path / "broken.onnx")


def test_one_wrong_weight_would_be_seen(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=1, width=16, heads=2, vocabulary=50))
    batch = {"ids": np.arange(6).reshape(2, 3), "mask": np.array([[1, 1, 0], [1, 1, 1]])}
    right = whole(model, batch)
    swapped = {"encoder0.query.bias": model.weights["encoder0.key.bias"]}
    other = replace(model, weights=model.weights | swapped)
    assert not same_bits(through(write_stages(other, prefix_cut(model, 7), tmp_path / "other"), batch), right)
    assert same_bits(through(write_stages(model, prefix_cut(model, 7), tmp_path / "cut"), batch), right)
