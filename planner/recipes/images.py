"""Image files as what an image classifier takes, and what it gives as classes: decode, resize, normalise, top classes.

What decodes and resizes comes from Pillow, which executors need as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from planner.errors import Fault, Finding, InputError, PreflightError

try:
    from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError
except ModuleNotFoundError as error:
    mend = "pip install 'spark-planner[jobs,models]', on the driver and on the executors"
    raise PreflightError([Finding("Pillow is not installed, which images need", mend)]) from error

__all__ = ["PREPARED", "classes_of", "generate_images", "image_files", "prepare", "preparer", "top_classes"]

PREPARED = "path string, pixels array<float>"
"""What `preparer` gives, as Spark writes it."""

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Of red, green and blue, 0 to 1, over ImageNet: what published classifiers were trained to expect."""


def generate_images(folder: str | Path, count: int = 64, seed: int = 0) -> Path:
    """Write images of random sizes, with random discs on a ground that goes from one colour to another.

    Parameters
    ----------
    folder : str or Path
    count : int
        Half of them JPEG, half PNG.
    seed : int
        The same seed gives the same images.
    """
    folder, draw = Path(folder), np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        width, height = (int(side) for side in draw.integers(80, 400, 2))
        dark, light = (tuple(int(part) for part in draw.integers(0, 256, 3)) for _ in range(2))
        image = ImageOps.colorize(Image.linear_gradient("L").resize((width, height)), dark, light)
        for _ in range(int(draw.integers(1, 6))):
            x, y, radius = (int(part) for part in draw.integers(5, 80, 3))
            colour = tuple(int(part) for part in draw.integers(0, 256, 3))
            ImageDraw.Draw(image).ellipse((x, y, x + radius, y + radius), fill=colour)
        image.save(folder / f"{number:05}.{'png' if number % 2 else 'jpg'}")
    return folder


def image_files(folder: str | Path) -> list[str]:
    """List the images below a folder, in the order of their paths; the suffix decides what is one.

    Raises
    ------
    InputError
        If there is none, or with every file that has an image's suffix and is none.
    """
    known = Image.registered_extensions()
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in known and path.is_file())
    if not paths:
        raise InputError([Fault(str(folder), "has no image; expected a folder of files such as .jpg or .png")])
    faults = []
    for path in paths:
        try:
            Image.open(path).close()  # reads the head only
        except (UnidentifiedImageError, OSError) as error:
            faults.append(Fault(str(path), f"is no image that Pillow reads ({type(error).__name__})"))
    if faults:
        raise InputError(faults)
    return [str(path.absolute()) for path in paths]


def prepare(path: str, size: int) -> NDArray[np.float32]:
    """Decode an image, cut its middle to a square, resize and normalise it.

    Parameters
    ----------
    path : str
    size : int
        Pixels on a side.

    Returns
    -------
    ndarray of float32, shape (3, size, size)
    """
    with Image.open(path) as image:
        square = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (size, size))
    values = np.asarray(square, np.float32) / np.float32(255)
    return np.ascontiguousarray(((values - MEAN) / DEVIATION).transpose(2, 0, 1))


def preparer(size: int) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Give what prepares the images whose ``path`` comes in, and gives `PREPARED`: a function for ``mapInArrow``.

    Parameters
    ----------
    size : int
        Pixels on a side.
    """
    return partial(_prepared, size=size)


def _prepared(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        paths = batch.column("path")
        flat = [prepare(path, size).reshape(-1) for path in paths.to_pylist()]
        yield pa.record_batch({"path": paths, "pixels": pa.array(flat, pa.list_(pa.float32()))})


def top_classes(probabilities: ArrayLike, count: int = 3) -> NDArray[np.int64]:
    """Give the most probable classes of each row, the first of equals before others.

    Examples
    --------
    >>> top_classes([[0.1, 0.6, 0.3]], 2)
    array([[1, 2]])
    """
    rows = np.asarray(probabilities)
    return np.asarray(np.argsort(-rows, axis=1, kind="stable")[:, :count], np.int64)


def classes_of(made: Sequence[pa.Table], count: int = 3) -> tuple[pa.Table, float]:
    """Give the classes of each image, and how far apart several results for the same images are.

    Parameters
    ----------
    made : sequence of pyarrow.Table
        With ``path``, the same in each, and the probabilities of classes as the last column.
    count : int
        Classes of each image.

    Returns
    -------
    pyarrow.Table
        ``path`` and ``classes``, most probable first, by the first result.
    float
        The largest difference of a probability from that of the first result.

    Examples
    --------
    >>> one, other = (pa.table({"path": ["a"], "made": [[0.25, second]]}) for second in (0.5, 0.75))
    >>> classes, apart = classes_of([one, other], 1)
    >>> classes.to_pylist(), apart
    ([{'path': 'a', 'classes': [1]}], 0.25)
    """
    given = [np.array(one.columns[-1].to_pylist(), np.float64) for one in made]
    apart = max((float(np.abs(given[0] - other).max()) for other in given[1:]), default=0.0)
    return pa.table({"path": made[0]["path"], "classes": top_classes(given[0], count).tolist()}), apart
