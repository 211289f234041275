"""The key `over` of a job file: what a data-parallel task is mapped over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from planner.io.checks import Faults
from planner.model.graph import Over

__all__ = ["over_document", "read_over"]

SHAPES = "a list of items, a file pattern, or a table with one of items (and weights), files, each, tree (and fan_in)"
SOURCES = ("items", "files", "each", "tree")
KEYS = (*SOURCES, "weights", "fan_in")
WIDEST_TREE = 10**6


def read_over(path: str, value: Any, find: Callable[[str, Any], int | None], faults: Faults) -> Over | None:
    """Read what a task is mapped over.

    Parameters
    ----------
    path : str
        Where it stands.
    value : object
        A list of items; a file pattern; or a table with exactly one of ``items``, ``files``, ``each``, ``tree``.
    find : callable
        Gives the position of the task of a name, or notes that there is none.
    faults : Faults
        Gets what is wrong.
    """
    if isinstance(value, list):
        return Over(items=tuple(value))
    if isinstance(value, str):
        return Over(files=faults.text(path, value, "a file pattern"))
    if not isinstance(value, dict):
        faults.expected(path, value, SHAPES)
        return None
    faults.keys(path, value, KEYS)
    given = [key for key in SOURCES if key in value]
    if len(given) != 1:
        named = " and ".join(given) or "none of items, files, each, tree"
        faults.add(path, f"has {named}; expected exactly one of {', '.join(SOURCES)}")
        return None
    source = given[0]
    for key, of in (("weights", "items"), ("fan_in", "tree")):
        if key in value and source != of:
            faults.add(f"{path}.{key}", f"stands beside {source!r}; expected it beside {of!r} only")
    if source == "items":
        items = faults.items(f"{path}.items", value["items"], "a list of items")
        return Over(items=tuple(items), weights=_weights(f"{path}.weights", value, len(items), faults))
    if source == "files":
        return Over(files=faults.text(f"{path}.files", value["files"], "a file pattern"))
    task = find(f"{path}.{source}", value[source])
    if source == "each":
        return None if task is None else Over(each=task)
    fan_in = faults.whole(f"{path}.fan_in", value.get("fan_in", 4), 2, WIDEST_TREE)
    return None if task is None else Over(tree=task, fan_in=fan_in)


def _weights(path: str, value: dict[str, Any], count: int, faults: Faults) -> tuple[float, ...] | None:
    if "weights" not in value:
        return None
    weights = faults.items(path, value["weights"], "a list of numbers")
    if len(weights) != count:
        faults.add(path, f"has {len(weights)} weights for {count} items; expected one each")
    numbers = [faults.number(f"{path}[{k}]", weight, "a number >= 0") for k, weight in enumerate(weights)]
    for k, number in enumerate(numbers):
        if number < 0:
            faults.add(f"{path}[{k}]", f"is {number:g}; expected a number >= 0")
    return tuple(numbers)


def over_document(over: Over, names: list[str]) -> Any:
    """Say what a task is mapped over as `read_over` reads it."""
    if over.items is not None:
        items = list(over.items)
        return items if over.weights is None else {"items": items, "weights": list(over.weights)}
    if over.files is not None:
        return {"files": over.files}
    if over.each is not None:
        return {"each": names[over.each]}
    assert over.tree is not None  # noqa: S101 - for the type checker
    return {"tree": names[over.tree], "fan_in": over.fan_in}
