"""Models of other libraries come through their ONNX exports."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_samples import prefix_cut, same_bits, through, whole

from planner.submodels import layer_graph, profile_layers, read_onnx, write_stages


def test_scikit_learn(tmp_path: Path) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    draw = np.random.default_rng(0)
    rows = draw.standard_normal((200, 6)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] ** 2 > 0.5).astype(np.int64)
    for last in (linear.LogisticRegression(), MLPClassifier((16, 8), max_iter=40, random_state=0)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # forty rounds do not converge
            fitted = make_pipeline(StandardScaler(), last).fit(rows, labels)
        exported = to_onnx(fitted, rows[:1], options={"zipmap": False}, target_opset=20)
        onnx.save(exported, tmp_path / "sk.onnx")
        model = read_onnx(tmp_path / "sk.onnx")
        assert model.inputs == ("X",)
        assert model.outputs == ("label", "probabilities")
        profile = profile_layers(model, {"X": rows}, runs=1, warm_up=0)
        assert layer_graph(model, profile).n == len(model.layers)
        for end in range(1, len(model.layers)):
            files = write_stages(model, prefix_cut(model, end), tmp_path / "cut")
            got = through(files, {"X": rows})
            assert same_bits(got, whole(model, {"X": rows}))
            np.testing.assert_allclose(got["probabilities"], fitted.predict_proba(rows), atol=1e-5)


def test_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Linear(16, 2))
    rows = torch.randn(4, 6)
    torch.onnx.export(network, (rows,), tmp_path / "torch.onnx", input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    model = read_onnx(tmp_path / "torch.onnx")
    (got,) = through(write_stages(model, prefix_cut(model, 1), tmp_path / "cut"), {"x": rows.numpy()}).values()
    np.testing.assert_allclose(got, network(rows).detach().numpy(), atol=1e-5)
