"""What does not fit, in layers and bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.errors import Fault, InfeasibleError
from planner.model.units import format_bytes
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices

__all__ = ["check", "left_over"]

_MOST_TOLD = 10
"""Layers that are named; the rest is counted."""
_LONGEST = 40
"""Letters of a name that are told."""


def check(blocks: Blocks, devices: Devices, names: Sequence[str]) -> None:
    """Refuse what no split can run.

    Raises
    ------
    InfeasibleError
        For each block that no device can hold or run, and where all executors together have too little memory.
    """
    if devices.hosts or not blocks.n:  # a host runs everything, and has no limit
        return
    faults = [
        Fault(f"layers[{names[layer]!r}]", "runs on a host only; expected at least one host")
        for layer in np.flatnonzero(~blocks.supported[blocks.block])[:_MOST_TOLD].tolist()
    ]
    room = devices.memory_bytes
    if room is not None:
        for b in np.flatnonzero(blocks.memory_bytes > room)[:_MOST_TOLD].tolist():
            held = _layers(blocks, b)
            what = "takes" if len(held) == 1 else f"and {len(held) - 1} that stay with it take"
            problem = f"{what} {_bytes(blocks.memory_bytes[b])}; an executor has {_bytes(room)}"
            faults.append(Fault(f"layers[{names[held[0]]!r}]", problem))
        if not faults and int(blocks.memory_bytes.sum()) > room * devices.accelerators:
            faults.append(Fault("memory", left_over(blocks, devices, names)))
    if faults:
        raise InfeasibleError(faults)


def left_over(blocks: Blocks, devices: Devices, names: Sequence[str]) -> str:
    """Say which layers are left when executors are filled one after the other, and how many bytes they take."""
    room = devices.memory_bytes or 0
    held, used = 0, 1
    b = 0
    while b < blocks.n:
        need = int(blocks.memory_bytes[b])
        if held + need > room:
            used, held = used + 1, 0
            if used > devices.accelerators:
                break
        held += need
        b += 1
    left = [layer for block in range(b, blocks.n) for layer in _layers(blocks, block)]
    told = ", ".join(repr(names[layer][:_LONGEST]) for layer in left[:_MOST_TOLD])
    more = f" and {len(left) - _MOST_TOLD} more" if len(left) > _MOST_TOLD else ""
    total, bytes_left = blocks.memory_bytes.sum(), blocks.memory_bytes[b:].sum()
    return (
        f"the model takes {_bytes(total)}, and {devices.accelerators} × {_bytes(room)} do not hold it:"
        f" filled in order, they leave {_bytes(bytes_left)} over, the layers {told}{more};"
        " expected more memory or more executors"
    )


def _layers(blocks: Blocks, block: int) -> list[int]:
    return [int(layer) for layer in np.flatnonzero(blocks.block == block)]


def _bytes(count: int | np.int64) -> str:
    return f"{format_bytes(int(count))} ({int(count):,} bytes)"
