"""Which values cross the cuts of a model: what each stage takes, gives, and lets pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.errors import Fault, InputError
from planner.submodels.onnx_model import OnnxModel
from planner.submodels.tensor_data import is_tensor

__all__ = ["Interface", "interfaces"]


@dataclass(frozen=True)
class Interface:
    """The named tensors of one stage.

    Attributes
    ----------
    takes : tuple of str
        Inputs of the model and values of earlier stages that it reads.
    gives : tuple of str
        Values it computes for later stages, or for who runs the model.
    passes : tuple of str
        What earlier stages gave and later ones need; it goes on as it came. Some of it may be taken, too.
    """

    takes: tuple[str, ...]
    gives: tuple[str, ...]
    passes: tuple[str, ...]


def interfaces(model: OnnxModel, stage: Sequence[int]) -> list[Interface]:
    """Give the interface of every stage of a cut.

    What the last stage gives and lets pass are the model's outputs; an output that is a constant is given by it, too.

    Parameters
    ----------
    model : OnnxModel
    stage : sequence of int, length n
        The stage of each layer, from 0 on; no layer in an earlier stage than one whose values it takes.

    Raises
    ------
    InputError
        With every fault: another number of layers, stages without layers, values that would go backwards, and values
        that cross a cut and are no tensors.
    """
    _check(model, stage)
    count = max(stage) + 1
    begins = dict.fromkeys(model.inputs, -1)
    ends = {output: count for output in model.outputs if output in begins or output in model.producer}
    takes: list[dict[str, None]] = [{} for _ in range(count)]
    gives: list[dict[str, None]] = [{} for _ in range(count)]
    for layer, number in zip(model.layers, stage, strict=True):
        begins |= dict.fromkeys(layer.gives, number)
        for value in layer.takes:
            ends[value] = max(ends.get(value, -1), number)
            if begins[value] < number:
                takes[number][value] = None
    for value, end in ends.items():
        if 0 <= begins[value] < end:
            gives[begins[value]][value] = None
    gives[-1] |= dict.fromkeys(output for output in model.outputs if output not in ends)
    passing = [[value for value, end in ends.items() if begins[value] < k < end] for k in range(count)]
    _check_types(model, takes)
    return [Interface(*map(tuple, one)) for one in zip(takes, gives, passing, strict=True)]


def _check(model: OnnxModel, stage: Sequence[int]) -> None:
    if len(stage) != len(model.layers):
        raise InputError(f"there are stages for {len(stage)} layers; {model.path.name} has {len(model.layers)}")
    if sorted(set(stage)) != list(range(max(stage) + 1)):
        raise InputError(f"the stages are {sorted(set(stage))}; expected 0, 1, … with at least a layer each")
    faults = [
        Fault(f"layers[{layer.name!r}]", f"is in stage {number}, and takes {value!r} of stage {stage[giver]}")
        for layer, number in zip(model.layers, stage, strict=True)
        for value in layer.takes
        if (giver := model.producer.get(value)) is not None and stage[giver] > number
    ]
    if faults:
        raise InputError(faults)


def _check_types(model: OnnxModel, takes: Sequence[dict[str, None]]) -> None:
    wrong = {value for one in takes for value in one if not is_tensor(model.types.get(value))}
    if wrong:
        problem = "would cross a cut, and is no tensor of a known type; expected its layers in one stage"
        raise InputError([Fault(f"values[{value!r}]", problem) for value in sorted(wrong)])
