"""The keys ``pin`` and ``apart`` of a task in a job file, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.io.checks import Faults
from planner.model.graph import Pin

__all__ = ["PLACED_KEYS", "pin_document", "read_apart", "read_pin"]

PLACED_KEYS = ("pin", "apart")
PIN_KEYS = ("executor", "host", "kind")
WANTED = "an executor's id, or a table such as {kind = 'gpu'}"


def read_pin(path: str, value: Any, faults: Faults) -> Pin | None:
    """Read where a task may run: an executor's id, or a table with one or more of ``executor``, ``host`` and ``kind``.

    Examples
    --------
    >>> read_pin("pin", {"kind": "gpu"}, Faults())
    Pin(executor=None, host=None, kind='gpu')
    """
    if isinstance(value, str):
        return Pin(executor=faults.text(path, value, WANTED))
    if not isinstance(value, dict):
        faults.expected(path, value, WANTED)
        return None
    if not value:
        faults.add(path, "says nothing; expected an executor, a host or a kind")
    faults.keys(path, value, PIN_KEYS)
    given = {key: faults.text(f"{path}.{key}", value[key], "a name") for key in PIN_KEYS if key in value}
    return Pin(**given) if given else None


def read_apart(path: str, value: Any, faults: Faults) -> str:
    """Read the name of the group whose tasks run on different executors."""
    return faults.text(path, value, "the name of a group")


def pin_document(pin: Pin) -> str | Mapping[str, str]:
    """Give a pin as a job file says it."""
    given = {key: getattr(pin, key) for key in PIN_KEYS if getattr(pin, key) is not None}
    return given["executor"] if given.keys() == {"executor"} else given
