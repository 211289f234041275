"""How data-parallel tasks are cut into shards, from measured weights."""

from planner.partitioners.contiguous import contiguous_cuts
from planner.partitioners.decompose import Decomposed, decompose

__all__ = ["Decomposed", "contiguous_cuts", "decompose"]
