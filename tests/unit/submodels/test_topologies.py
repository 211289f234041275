"""The networks that are made here are those that they say they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_samples import LIGHT, whole

from planner.submodels import read_onnx, residual_network, transformer, with_made_up_weights


def test_the_transformer_ignores_padding_and_knows_the_order_of_tokens(tmp_path: Path) -> None:
    model = read_onnx(transformer(tmp_path / "t.onnx", layers=2, width=64, heads=4, vocabulary=100))
    onnx.checker.check_model(tmp_path / "t.onnx", full_check=True)

    def embed(ids: list[int], mask: list[int]) -> np.ndarray:
        batch = {"ids": np.array([ids]), "mask": np.array([mask])}
        return whole(model, batch)["embedding"][0]

    plain = embed([5, 6, 7], [1, 1, 1])
    np.testing.assert_allclose(np.linalg.norm(plain), 1, rtol=1e-5)
    np.testing.assert_allclose(embed([5, 6, 7, 9, 9], [1, 1, 1, 0, 0]), plain, atol=1e-5)
    assert np.abs(embed([6, 5, 7], [1, 1, 1]) - plain).max() > 1e-3
    assert np.abs(embed([5, 6, 8], [1, 1, 1]) - plain).max() > 1e-3


def test_the_residual_network_is_the_published_one(tmp_path: Path) -> None:
    model = read_onnx(residual_network(tmp_path / "r.onnx"))
    onnx.checker.check_model(tmp_path / "r.onnx", full_check=True)
    assert sum(layer.node.op_type == "Conv" for layer in model.layers) == 20, "17 and 3 around blocks"
    learnt = sum(
        int(np.prod(weight.dims)) for name, weight in model.weights.items() if not name.endswith((".mean", ".variance"))
    )
    assert learnt == 11_689_512, "parameters of ResNet-18"
    pixels = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    given = whole(model, {"pixels": pixels})["probabilities"]
    np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)
    assert given.std(axis=1).min() > 1e-4
    assert np.abs(given[0] - given[1]).max() > 1e-6


@pytest.mark.parametrize("make", [transformer, residual_network])
def test_a_seed_gives_the_same_bytes(make: object, tmp_path: Path) -> None:
    assert callable(make)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make(tmp_path / name / "m.onnx", width=16, seed=3)
    for file in ("m.onnx", "m.onnx.data"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_weights_are_drawn_for_all_constants(tmp_path: Path) -> None:
    model = read_onnx(with_made_up_weights(LIGHT / "light_squeezenet.onnx", tmp_path / "s.onnx"))
    assert model.constants == ()
    full = onnx.load(tmp_path / "s.onnx")
    large = [onnx.numpy_helper.to_array(weight) for weight in full.graph.initializer if np.prod(weight.dims) > 100]
    assert len(large) > 20
    assert all(len(np.unique(values)) > 0.9 * values.size for values in large)
