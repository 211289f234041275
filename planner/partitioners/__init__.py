"""How data-parallel tasks are cut into shards, from measured weights."""

from planner.partitioners.contiguous import contiguous_cuts
from planner.partitioners.decompose import Decomposed, decompose
from planner.partitioners.experience import Experience, learn

__all__ = ["Decomposed", "Experience", "contiguous_cuts", "decompose", "learn"]
