"""After ``planner warm`` nothing is left to compile, whatever is planned."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from planner import kept

PROGRAM = """
import sys
import numpy as np
from pathlib import Path
from numba.core import event
from planner import Progress, plan, read_graph, read_plan, replan, simulate, write_graph
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import LayerGraph
from planner.models.planning import plan_stages
from planner.schedulers import auto, methods
from tests.instances import CLUSTERS, GRAPHS

class Listener(event.Listener):
    def on_start(self, happened):
        loop, types = happened.data["dispatcher"].py_func, happened.data["args"]
        if loop.__module__.startswith("planner"):
            print(loop.__module__, loop.__qualname__, *types)

    def on_end(self, happened):
        pass

event.register("numba:compile", Listener())
folder = Path(sys.argv[1])
for search in ("genetic", "ant_colony"):
    sys.modules[f"planner.schedulers.{search}"]._STEPS = 10**6
sys.modules["planner.schedulers.auto"]._PROOF_EFFORT = 0.001
for (name, graph), cluster in zip(GRAPHS.items(), [*CLUSTERS.values()] * 2):
    if not graph.n:
        continue
    problem = Problem.of(graph, cluster)
    for method in methods():
        if method.refuses(problem) is None and method.name != "exact" and (not method.search or name == "chain"):
            method.schedule(problem, 0)
    auto(problem, lower_bound(problem), 0, schedules=20)
for file in ("tasks.parquet", "graph.json"):
    write_graph(GRAPHS["layered"], folder / file)
    edges = folder / "edges.parquet" if file == "tasks.parquet" else None
    found = plan(read_graph(folder / file, edges=edges), CLUSTERS["three equal"], iterations=20)
    found = read_plan(found.save(folder / "plan.json"))
    simulate(found, noise=0.1)
    begun = found.schedule.start_us < np.median(found.schedule.start_us)
    slot = np.where(begun, found.schedule.slot, -1).astype(np.int32)
    times = (np.where(begun, each, 0) for each in (found.schedule.start_us, found.schedule.finish_us))
    replan(found, Progress(int(np.median(found.schedule.start_us)), slot, *times), iterations=20)
layers = LayerGraph.from_arrays(time_ns=[3] * 400, output_bytes=[5] * 400, source=range(398), target=range(2, 400))
for replicate in (False, True):
    plan_stages(layers, executors=3, hosts=1, memory=10**6, bandwidth=1e9, replicate=replicate, overlap=replicate)
layers = LayerGraph.from_arrays(time_ns=[3] * 38, output_bytes=[5] * 38, source=range(33), target=range(5, 38))
assert plan_stages(layers, executors=3, bandwidth=1e9).n_stages
"""


def test_nothing_is_left_to_compile(tmp_path: Path) -> None:
    if not kept.complete():
        pytest.skip("not all is compiled here; to have it checked: planner warm")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", *sys.path])}
    words = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout == ""
