"""Models of other libraries come through their ONNX exports.

PyTorch and TensorFlow are large, so the usual environment has neither and their tests are skipped. To run them, in an
environment of its own for each: ``pip install ".[models,test,torch]" torchvision`` or ``".[models,test,tensorflow]"``,
and ``pytest tests/unit/submodels/test_exports.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx_samples import awkward, prefix_cut, same_bits, some_batch, through, whole

from planner.models import read_model
from planner.submodels import layer_graph, profile_layers, read_onnx, write_stages

Named = Mapping[str, NDArray[Any]]


def planned_and_cut(path: Path, batches: Sequence[tuple[Named, Sequence[Any]]]) -> None:
    """Plan for 2 to 4 executors, cut, and run; each batch stands with what the library itself makes of it."""
    model = read_model(path, batch=batches[0][0], runs=1)
    for executors in (2, 3, 4):
        planned = model.plan(executors=executors)
        assert planned.n_stages > 1
        files = model.cut(planned, path.parent / "cut")
        for batch, expected in batches:
            assert same_bits(through(files, batch), whole(model.source, batch))
            got = through(files, batch, optimize=True)
            assert len(expected) == len(model.source.outputs)
            for name, values in zip(model.source.outputs, expected, strict=True):
                np.testing.assert_allclose(got[name], values, atol=1e-5, rtol=0)


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


def torch_network(torch: Any, name: str) -> tuple[Any, dict[str, list[Any]], dict[str, dict[int, str]]]:
    """Give a network, two batches of different sizes, and the names of its open axes, by the names of its inputs."""
    nn = torch.nn
    torch.manual_seed(0)

    class Encoder(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
            self.words, self.encoder = nn.Embedding(50, 32), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, ids: Any, mask: Any) -> Any:
            hidden = self.encoder(self.words(ids), src_key_padding_mask=mask == 0)
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * kept).sum(1) / kept.sum(1)

    class Several(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.inside = nn.Embedding(50, 16), nn.Linear(5, 16)
            self.kind, self.value = nn.Linear(16, 3), nn.Linear(16, 1)

        def forward(self, ids: Any, numbers: Any) -> dict[str, Any]:
            hidden = self.words(ids).mean(1) + torch.tanh(self.inside(numbers))
            return {"kind": self.kind(hidden).softmax(-1), "value": self.value(hidden).squeeze(-1)}

    def ids(*shape: int) -> Any:
        return torch.randint(0, 50, shape)

    if name == "encoder":
        masks = [torch.tensor([[1] * 7, [1] * 4 + [0] * 3]), torch.ones(3, 7, dtype=torch.int64)]
        axes = {"ids": {0: "batch"}, "mask": {0: "batch"}}
        return Encoder(), {"ids": [ids(2, 7), ids(3, 7)], "mask": masks}, axes
    if name == "several inputs":
        batches = {"ids": [ids(2, 7), ids(3, 5)], "numbers": [torch.randn(2, 5), torch.randn(3, 5)]}
        return Several(), batches, {"ids": {0: "batch", 1: "sequence"}, "numbers": {0: "batch"}}
    if name == "torchvision":
        network = pytest.importorskip("torchvision").models.mobilenet_v3_small(weights=None)
    else:
        network = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1, groups=4), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Dropout(), nn.Linear(16, 5)),
        )
    return network, {"x": [torch.randn(2, 3, 64, 64), torch.randn(5, 3, 64, 64)]}, {"x": {0: "batch"}}


@pytest.mark.parametrize("exporter", ["export", "trace"])
@pytest.mark.parametrize("name", ["convolutions", "torchvision", "encoder", "several inputs"])
def test_pytorch(name: str, exporter: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network, batches, axes = torch_network(torch, name)
    network.eval()
    example = tuple(values[0] for values in batches.values())
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporters tell of their own future
        if exporter == "export":
            pytest.importorskip("onnxscript")
            shapes = tuple(axes.values())
            torch.onnx.export(network, example, path, input_names=list(axes), dynamic_shapes=shapes, dynamo=True)
        else:
            if name == "encoder":  # what traces, keeps the sizes of the example in attention
                axes, batches = {}, {key: values[:1] for key, values in batches.items()}
            torch.onnx.export(network, example, path, input_names=list(batches), dynamic_axes=axes, dynamo=False)
    pairs = []
    for given in zip(*batches.values(), strict=True):
        with torch.no_grad():
            found = network(*given)
        outputs = [one.numpy() for one in (found.values() if isinstance(found, dict) else [found])]
        pairs.append((dict(zip(batches, (one.numpy() for one in given), strict=True)), outputs))
    planned_and_cut(path, pairs)


def test_pytorch_with_weights_beside_the_model(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    network = torch.nn.Sequential(*(torch.nn.Linear(512, 512) for _ in range(4)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporters tell of their own future
        torch.onnx.export(network, (torch.randn(2, 512),), tmp_path / "model.onnx", dynamo=True, external_data=True)
    assert (tmp_path / "model.onnx.data").stat().st_size >= 4 * 512 * 512 * 4
    model = read_onnx(tmp_path / "model.onnx")
    batch = some_batch(model)
    for copy_weights in (True, False):
        files = write_stages(model, prefix_cut(model, 1, 3), tmp_path, copy_weights=copy_weights)
        assert same_bits(through(files, batch), whole(model, batch))
        assert [file.data is not None for file in files] == [copy_weights] * 3


def keras_network(keras: Any, name: str) -> tuple[Any, dict[str, list[NDArray[Any]]]]:
    """Give a network, called once, and two batches of different sizes by the names of its inputs."""
    layers, draw = keras.layers, np.random.default_rng(0)
    keras.utils.set_random_seed(0)

    def reals(*shape: int) -> NDArray[Any]:
        return draw.standard_normal(shape).astype(np.float32)

    def ids(*shape: int) -> NDArray[Any]:
        return draw.integers(0, 50, shape).astype(np.int32)

    if name == "convolutions":
        pixels = keras.Input((32, 32, 3), name="pixels")
        hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, 2, "same")(pixels)))
        hidden = layers.Add()([hidden, layers.SeparableConv2D(8, 3, padding="same")(hidden)])
        hidden = layers.GlobalAveragePooling2D()(layers.MaxPool2D()(hidden))
        network = keras.Model(pixels, layers.Dense(5, "softmax")(hidden))
        batches = {"pixels": [reals(2, 32, 32, 3), reals(5, 32, 32, 3)]}
    elif name == "encoder":
        words = keras.Input((None,), dtype="int32", name="ids")
        mask = keras.Input((None,), dtype="int32", name="mask")
        hidden = layers.Embedding(50, 32)(words)
        for _ in range(2):
            seen = layers.MultiHeadAttention(4, 8)(hidden, hidden, attention_mask=layers.Reshape((1, -1))(mask))
            hidden = layers.LayerNormalization()(layers.Add()([hidden, seen]))
            fed = layers.Dense(32)(layers.Dense(64, "relu")(hidden))
            hidden = layers.LayerNormalization()(layers.Add()([hidden, fed]))
        network = keras.Model([words, mask], layers.GlobalAveragePooling1D()(hidden))
        masks = [np.array([[1] * 7, [1] * 4 + [0] * 3], np.int32), np.ones((3, 5), np.int32)]
        batches = {"ids": [ids(2, 7), ids(3, 5)], "mask": masks}
    elif name == "recurrent":
        steps = keras.Input((9, 8), name="steps")
        hidden = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(steps)
        network = keras.Model(steps, layers.Dense(2)(layers.SimpleRNN(4)(hidden)))
        batches = {"steps": [reals(2, 9, 8), reals(3, 9, 8)]}
    else:
        words, numbers = keras.Input((7,), dtype="int32", name="ids"), keras.Input((5,), name="numbers")
        hidden = layers.GlobalAveragePooling1D()(layers.Embedding(50, 16)(words))
        hidden = layers.Add()([hidden, layers.Dense(16, "tanh")(numbers)])
        network = keras.Model([words, numbers], [layers.Dense(3, "softmax")(hidden), layers.Dense(1)(hidden)])
        batches = {"ids": [ids(2, 7), ids(3, 7)], "numbers": [reals(2, 5), reals(3, 5)]}
    network([values[0] for values in batches.values()])  # which Keras wants before it exports
    return network, batches


@pytest.mark.parametrize("exporter", ["keras", "tf2onnx"])
@pytest.mark.parametrize("name", ["convolutions", "encoder", "recurrent", "several inputs"])
def test_tensorflow(name: str, exporter: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporters tell of their own future
        import keras

        network, batches = keras_network(keras, name)
        if exporter == "keras":
            network.export(path, format="onnx", verbose=False)
        else:
            network.export(tmp_path / "saved", verbose=False)
            line = f"-m tf2onnx.convert --saved-model {tmp_path / 'saved'} --output {path} --opset 18"
            quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
            subprocess.run([sys.executable, *line.split()], check=True, capture_output=True, env=quiet)
        pairs = []
        for given in zip(*batches.values(), strict=True):
            found = network(list(given), training=False)
            outputs = found if isinstance(found, list | tuple) else [found]
            pairs.append((dict(zip(batches, given, strict=True)), [keras.ops.convert_to_numpy(o) for o in outputs]))
    planned_and_cut(path, pairs)


def test_weights_that_a_file_lists_as_inputs_are_weights(tmp_path: Path) -> None:
    """ONNX Runtime lays constants out for its products, and not what could be given; so the last bits may differ."""
    path = awkward("large weights of a branch", tmp_path)
    proto = onnx.load(path)
    for tensor in proto.graph.initializer:
        proto.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    onnx.save(proto, tmp_path / "listed.onnx")
    plain, listed = read_onnx(path), read_onnx(tmp_path / "listed.onnx")
    assert listed.inputs == plain.inputs == ("x", "c")
    batch = some_batch(listed) | {"c": np.array(True)}
    got = through(write_stages(listed, prefix_cut(listed, 1, 2), tmp_path / "cut"), batch)
    assert same_bits(got, whole(plain, batch))
    for name, values in whole(listed, batch).items():
        np.testing.assert_allclose(got[name], values, atol=1e-5)
