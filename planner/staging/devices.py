"""What there is to run stages on."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Devices"]


class Devices(NamedTuple):
    """What there is to run stages on.

    ``accelerators`` with ``memory_bytes`` each (None: no limit), ``hosts`` without a limit; ``replicas`` is the most
    that one stage may have; with ``overlap`` links work beside devices, else a device computes, or sends and receives.
    """

    accelerators: int
    hosts: int = 0
    memory_bytes: int | None = None
    replicas: int = 1
    overlap: bool = False
