"""Frozen data: graph, cluster, plan and load report. No algorithms live here."""

from planner.model.builder import GraphBuilder, Handle
from planner.model.cluster import Cluster, Executor, Link, Network
from planner.model.graph import Call, Graph, Over, Pin, Ref, Refs
from planner.model.layers import LayerGraph
from planner.model.load import SLOT_SCHEMA, TASK_SCHEMA, LoadReport
from planner.model.plan import Bound, Learnt, Plan, Schedule, Trial
from planner.model.profile import ExecutorProfile, LinkProfile, Profile, Spread
from planner.model.progress import Progress
from planner.model.redundancy import Replicas
from planner.model.stage_plan import StagePlan
from planner.model.weights import Weights

__all__ = [
    "SLOT_SCHEMA",
    "TASK_SCHEMA",
    "Bound",
    "Call",
    "Cluster",
    "Executor",
    "ExecutorProfile",
    "Graph",
    "GraphBuilder",
    "Handle",
    "LayerGraph",
    "Learnt",
    "Link",
    "LinkProfile",
    "LoadReport",
    "Network",
    "Over",
    "Pin",
    "Plan",
    "Profile",
    "Progress",
    "Ref",
    "Refs",
    "Replicas",
    "Schedule",
    "Spread",
    "StagePlan",
    "Trial",
    "Weights",
]
