"""What is wrong with an ONNX file is said all at once, and nothing outside of its folder is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_samples import awkward, head, parsed

from planner.errors import InputError
from planner.submodels import input_shapes, read_onnx, residual_network, sample_batch, transformer


def saved(path: Path, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto] = []) -> Path:  # noqa: B006
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


@pytest.mark.parametrize("content", [b"", b"\x00\xff garbage", b"Apache License"], ids=["empty", "bytes", "text"])
def test_what_is_no_onnx_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"no\.onnx: (is no ONNX model|has no nodes)"):
        read_onnx(tmp_path / "no.onnx")
    with pytest.raises(InputError, match="there is no such file"):
        read_onnx(tmp_path / "nothing.onnx")
    with pytest.raises(InputError, match="there is no such file"):
        read_onnx(tmp_path)


def test_all_faults_of_a_graph_are_told_at_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Neg", ["nothing"], ["a"]),
        helper.make_node("Exp", ["x"], ["a"]),
        helper.make_node("Exp", ["nowhere"], ["z"]),
    ]
    with pytest.raises(InputError) as refused:
        read_onnx(saved(tmp_path / "g.onnx", nodes))
    assert str(refused.value).splitlines() == [
        f"{tmp_path}/g.onnx: nodes[1]: gives 'a', which nodes[0] gives already; expected one giver",
        f"{tmp_path}/g.onnx: nodes[0]: a Neg reads 'nothing', which nothing gives",
        f"{tmp_path}/g.onnx: nodes[2]: a Exp reads 'nowhere', which nothing gives",
        f"{tmp_path}/g.onnx: outputs: nothing gives 'y'",
    ]


def test_a_cycle_is_shown(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "c"], ["a"], name="first"),
        helper.make_node("Neg", ["a"], ["c"], name="second"),
        helper.make_node("Exp", ["c"], ["y"], name="third"),
    ]
    with pytest.raises(InputError, match="there is a cycle: first -> second -> first"):
        read_onnx(saved(tmp_path / "g.onnx", nodes))


def test_a_model_that_computes_nothing_from_inputs_is_refused(tmp_path: Path) -> None:
    text = "(float[4] x) => (float[4] y) { y = Constant <value = float[4] {1, 2, 3, 4}> () }"
    with pytest.raises(InputError, match="none is computed from an input"):
        read_onnx(parsed(tmp_path / "g.onnx", head("g") + text))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"location": "../w.data"}, r"lies in '../w.data'; expected a file of the model's folder"),
        ({"location": "/etc/hostname"}, r"lies in '/etc/hostname'; expected a file of the model's folder"),
        ({"location": "a/../../w.data"}, r"expected a file of the model's folder"),
        ({}, r"lies in ''; expected a file of the model's folder"),
        ({"location": "gone.data"}, r"lies in 'gone.data', and there is no such file beside the model"),
        ({"location": "w.data", "offset": "8"}, r"needs 64 bytes from byte 8 of 'w.data', which ends before that"),
        ({"location": "w.data", "length": "60"}, r"is 60 bytes long in 'w.data'; expected 64, for its shape"),
        ({"location": "w.data", "offset": "two"}, r"has an offset or a length that is no number, in 'w.data'"),
        ({"location": "w.data", "offset": "-8"}, r"needs 64 bytes from byte -8"),
    ],
)
def test_external_data_that_is_not_there_is_told(entries: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(64))
    weight = onnx.TensorProto(name="w", dims=[4, 4], data_type=TensorProto.FLOAT)
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    with pytest.raises(InputError, match=rf"g.onnx: weights\['w'\]: .*{said}"):
        read_onnx(saved(tmp_path / "g.onnx", nodes, [weight]))


def test_very_many_faults_are_counted(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", [f"no{i}"], [f"v{i}"]) for i in range(60)]
    with pytest.raises(InputError, match="and 41 more faults like these"):
        read_onnx(saved(tmp_path / "g.onnx", nodes))


def test_layers_have_distinct_names_and_the_order_of_their_values(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Exp", ["a"], ["y"], name="same"),
        helper.make_node("Neg", ["x"], ["a"], name="same"),
        helper.make_node("Neg", ["x"], ["idle"]),
    ]
    model = read_onnx(saved(tmp_path / "g.onnx", nodes))
    assert [layer.name for layer in model.layers] == ["same", "same#1"], "no output depends on the third"
    assert [layer.gives for layer in model.layers] == [("a",), ("y",)]


def test_functions_and_branches_are_looked_into(tmp_path: Path) -> None:
    assert [layer.node.op_type for layer in read_onnx(awkward("functions", tmp_path)).layers] == [
        "Mul",
        "Sigmoid",
        "Sin",
        "Mul",
        "Sigmoid",
    ]
    branch = read_onnx(awkward("a branch that captures", tmp_path)).layers[2]
    assert (set(branch.takes), set(branch.constants)) == ({"c", "k", "a"}, {"v", "w"})


def test_open_axes_want_a_size(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=1, width=16, heads=2, vocabulary=50))
    with pytest.raises(InputError) as refused:
        input_shapes(model, {"sequnce": 4, "batch": 0})
    assert [fault.path for fault in refused.value.faults] == [
        "inputs['ids']",
        "inputs['mask']",
        "sizes['sequnce']",
        "sizes['batch']",
    ]
    assert "such as sizes={'sequence': 128}" in str(refused.value)
    assert input_shapes(model, {"sequence": 4}) == {"ids": (1, 4), "mask": (1, 4)}
    assert input_shapes(model, {"batch": 2, "ids:1": 4, "mask:1": 5}) == {"ids": (2, 4), "mask": (2, 5)}


def test_a_made_up_batch_is_the_same_each_time(tmp_path: Path) -> None:
    model = read_onnx(residual_network(tmp_path / "r.onnx", blocks=(1,), width=4, classes=3))
    shapes = input_shapes(model, {"height": 32, "width": 32})
    one, other = sample_batch(model, shapes), sample_batch(model, shapes)
    np.testing.assert_array_equal(one["pixels"], other["pixels"])
    assert one["pixels"].shape == (1, 3, 32, 32)
    assert one["pixels"].dtype == np.float32
