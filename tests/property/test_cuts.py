"""Graphs that nobody drew by hand, cut wherever data walks from stage to later stage only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import same_bits, through, whole

from planner.errors import InputError
from planner.submodels import interfaces, read_onnx, write_stages

UNARY, BINARY = ("Sin", "Tanh", "Neg", "Identity"), ("Add", "Mul", "Sub", "MatMul")


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """Draw a graph of 4 × 4 matrices with weights, constants of weights, several inputs, and any outputs."""
    values, nodes = ["x", "z", "w", "v"], []
    for i in range(draw(st.integers(1, 12))):
        one, other = (draw(st.sampled_from(values)) for _ in range(2))
        op = draw(st.sampled_from((*UNARY, *BINARY)))
        nodes.append(helper.make_node(op, [one] if op in UNARY else [one, other], [f"v{i}"]))
        values.append(f"v{i}")
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
    weights = np.random.default_rng(0).standard_normal((2, 4, 4)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "z")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in outputs],
        [numpy_helper.from_array(values, name) for values, name in zip(weights, ("w", "v"), strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(proto=graphs(), data=st.data())
def test_any_graph_cut_anywhere_gives_the_same_bits(
    proto: onnx.ModelProto, data: st.DataObject, tmp_path: Path
) -> None:
    onnx.save(proto, tmp_path / "drawn.onnx")
    try:
        model = read_onnx(tmp_path / "drawn.onnx")
    except InputError as error:
        assert "none is computed from an input" in str(error)
        return
    drawn: list[int] = []
    for layer in model.layers:
        least = max((drawn[model.producer[value]] for value in layer.takes if value in model.producer), default=0)
        drawn.append(least + data.draw(st.integers(0, 2)))
    stage = np.unique(drawn, return_inverse=True)[1].tolist()
    draw = np.random.default_rng(1)
    batch = {name: draw.standard_normal((4, 4)).astype(np.float32) for name in ("x", "z")}
    assert same_bits(through(write_stages(model, stage, tmp_path), batch), whole(model, batch))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(proto=graphs())
def test_what_a_stage_takes_was_given_before(proto: onnx.ModelProto, tmp_path: Path) -> None:
    onnx.save(proto, tmp_path / "drawn.onnx")
    try:
        model = read_onnx(tmp_path / "drawn.onnx")
    except InputError:
        return
    there = set(model.inputs)
    for one in interfaces(model, range(len(model.layers))):
        assert {*one.takes, *one.passes} <= there
        there = {*one.gives, *one.passes}
    assert there == set(model.outputs)
