"""Images as a classifier takes them, and a classifier for them that needs no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from planner.errors import InputError
from planner.recipes.classifier import made_up_classifier, pixels_of
from planner.recipes.images import generate_images, image_files, prepare, preparer
from planner.submodels import residual_network


def test_the_same_seed_draws_the_same_images(tmp_path: Path) -> None:
    one, other = (image_files(generate_images(tmp_path / name, 4, seed=3)) for name in "ab")
    assert len(one) == 4 and {Path(path).suffix for path in one} == {".jpg", ".png"}
    for a, b in zip(one, other, strict=True):
        assert Path(a).read_bytes() == Path(b).read_bytes()


def test_an_image_is_cut_resized_and_normalised(tmp_path: Path) -> None:
    image = Image.new("RGB", (90, 30), (0, 0, 255))
    image.paste((255, 0, 0), (30, 0, 60, 30))
    image.save(tmp_path / "a.png")
    values = prepare(str(tmp_path / "a.png"), 10)
    assert values.shape == (3, 10, 10) and values.dtype == np.float32
    red = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    np.testing.assert_allclose(values[:, 5, 5], red, rtol=1e-5)

    (batch,) = preparer(10)([pa.record_batch({"path": [str(tmp_path / "a.png")]})])
    np.testing.assert_array_equal(batch["pixels"][0].as_py(), values.reshape(-1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_every_kind_of_image_has_three_colours(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (40, 40)).save(tmp_path / "a.png")
    assert prepare(str(tmp_path / "a.png"), 8).shape == (3, 8, 8)


def test_all_files_that_are_no_images_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no image"):
        image_files(tmp_path)
    for name in ("a.jpg", "b.png", "notes.txt"):
        (tmp_path / name).write_text("no image")
    with pytest.raises(InputError) as caught:
        image_files(tmp_path)
    assert [Path(fault.path).name for fault in caught.value.faults] == ["a.jpg", "b.png"]


def test_a_classifier_says_what_images_it_takes(tmp_path: Path) -> None:
    assert pixels_of(made_up_classifier(tmp_path / "made.onnx", 48)) == 48
    left_open = residual_network(tmp_path / "open.onnx", blocks=(1,), width=4, classes=5)
    with pytest.raises(InputError, match="expected one input of shape"):
        pixels_of(left_open)
