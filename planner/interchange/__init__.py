"""Graphs of other libraries: from and to networkx, from dask. Each needs its extra, and only when it is called."""

from planner.interchange.dask_graph import from_dask
from planner.interchange.networkx_graph import from_networkx, to_networkx

__all__ = ["from_dask", "from_networkx", "to_networkx"]
