"""Files: graphs, clusters, plans and the folders of runs, read and written. Reading never imports what a file names."""

from planner.io.cluster_file import read_cluster, write_cluster
from planner.io.graph_file import read_graph, write_graph
from planner.io.key_history import append_history, read_history
from planner.io.load_export import export_load
from planner.io.plan_file import is_plan, read_plan, write_plan
from planner.io.run_folder import create_run_folder, read_run, write_load
from planner.io.run_history import append_run, read_runs

__all__ = [
    "append_history",
    "append_run",
    "create_run_folder",
    "export_load",
    "is_plan",
    "read_cluster",
    "read_graph",
    "read_history",
    "read_plan",
    "read_run",
    "read_runs",
    "write_cluster",
    "write_graph",
    "write_load",
    "write_plan",
]
