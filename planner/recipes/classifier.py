"""The image classifier of a job: one that is named, or a residual network whose weights are made up."""

from __future__ import annotations

from pathlib import Path

from planner.errors import Fault, InputError

__all__ = ["made_up_classifier", "pixels_of"]


def made_up_classifier(path: str | Path, size: int = 64, seed: int = 0) -> Path:
    """Write a residual network of 18 layers for images of one size; it has learnt nothing.

    Parameters
    ----------
    path : str or Path
    size : int
        Pixels on a side, from 32 on.
    seed : int
    """
    from planner.submodels import residual_network
    from planner.submodels.libraries import onnx

    written = residual_network(path, width=32, classes=100, seed=seed)
    model = onnx.load(written, load_external_data=False)
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = size
    onnx.save(model, written)
    return written


def pixels_of(path: str | Path) -> int:
    """Give the side of the images that a classifier takes.

    Raises
    ------
    InputError
        If it takes anything but one square image in three colours, of a stated size, for each row.
    """
    from planner.submodels import read_onnx
    from planner.submodels.libraries import onnx

    read_onnx(path)  # says what is wrong with the file
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    shapes = [
        [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in graph.input
        if value.name not in constants
    ]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        _, colours, height, width = shapes[0]
        if colours == 3 and height == width and height > 0:
            return int(height)
    problem = f"takes {shapes} (0: left open); expected one input of shape (batch, 3, side, side), the side stated"
    raise InputError([Fault(str(path), problem)])
