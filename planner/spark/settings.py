"""Settings as Spark writes them."""

from __future__ import annotations

from planner.model.units import parse_bytes

__all__ = ["spark_bytes"]


def spark_bytes(text: str) -> int:
    """Read a size of Spark's, whose units are powers of 1024: ``128m`` is 128 MiB.

    Examples
    --------
    >>> spark_bytes("128m") == 128 * 2**20, spark_bytes("1gb") == 2**30, spark_bytes("4194304")
    (True, True, 4194304)
    """
    bare = text.strip().lower().removesuffix("b")
    return parse_bytes(bare if bare[-1:].isdigit() else f"{bare.removesuffix('i')}ib")
