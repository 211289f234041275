"""The engines that `peers` compares, each in the form that comes naturally to it and was measured to be its fastest.

`prepare` is not timed; `run` begins with the submission of what is prepared and ends when the values of all last tasks
are in the hands of the caller.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from layered import Layered, nap

SLOTS = 8


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes
    ----------
    seconds : float
        Submission to the last value in hand.
    call : float
        The whole of the user's call, which is the same for the peers; for planner also preflight, the packing of the
        queues, the slots' farewell and the load report.
    values : dict of int to int
        Value of each last task.
    detail : dict
        What else the engine can say of the run.
    """

    seconds: float
    call: float
    values: dict[int, int]
    detail: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """How planner plans: what a task costs beyond its work, and what it takes to hand a value to another executor.

    They are what the engine's own overheads were measured to be; without them a plan for tasks that do nothing would
    have no reason to keep a task where its inputs are.
    """

    method: str = "auto"
    budget: float = 10.0
    overhead_ms: float = 0.2
    latency_ms: float = 0.5


class Ours:
    """A plan on resident slots, on a session as ``planner run --master`` starts it."""

    name = "planner"

    def __init__(self, settings: Settings, rebalance: Literal["planned", "none"] = "planned") -> None:
        self.settings, self.rebalance = settings, rebalance
        self._open = ExitStack()

    def __enter__(self) -> Ours:
        from planner import Cluster, Network
        from planner.spark.session import session

        network = Network(latency_us=round(self.settings.latency_ms * 1000))
        overhead = round(self.settings.overhead_ms * 1000)
        self.cluster = replace(Cluster.uniform(SLOTS, network=network), overhead_us=overhead)
        self.spark = self._open.enter_context(session(f"local-cluster[{SLOTS},1,1024]", "benchmark"))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def versions(self) -> dict[str, str]:
        """Give the versions of what runs."""
        import pyarrow

        java = self.spark.sparkContext._jvm.System.getProperty("java.version")
        return {"PySpark": self.spark.version, "Java": java, "PyArrow": pyarrow.__version__}

    def prepare(self, work: Layered) -> Any:
        """Plan the graph."""
        from planner import plan

        graph = work.graph()
        if work.believed is not None:
            graph = replace(graph, work_us=np.maximum(1, np.rint(work.believed * 1e6)).astype(np.int64))
        return plan(graph, self.cluster, method=self.settings.method, budget=self.settings.budget)

    def run(self, work: Layered, prepared: Any) -> Run:
        """Run the plan."""
        from planner.spark import run

        began = time.perf_counter()
        result = run(prepared, self.spark, progress="none", rebalance=self.rebalance)
        call = time.perf_counter() - began
        load = result.load
        elapsed, measured = load.elapsed_us / 1e6, load.measured_makespan_us / 1e6
        detail = {"planning": prepared.seconds, "planned": prepared.makespan, "measured": measured}
        detail["moves"] = float(load.settings["moves"])
        return Run(elapsed, call, {int(task): value for task, value in result.values.items()}, detail)


class Dask:
    """Delayed calls, computed together; as quick as a graph of raw keys, quicker than a future at a time."""

    name = "dask.distributed"

    def __enter__(self) -> Dask:
        from distributed import Client, LocalCluster

        self.cluster = LocalCluster(
            n_workers=SLOTS, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=None
        )
        self.client = Client(self.cluster)
        self.client.wait_for_workers(SLOTS)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self.cluster.close()

    def versions(self) -> dict[str, str]:
        """Give the versions of what runs."""
        import distributed

        return {"distributed": distributed.__version__}

    def prepare(self, work: Layered) -> Any:
        """Build the graph, under keys that the scheduler has not seen."""
        import dask

        call = dask.delayed(nap, pure=False)
        delayed: list[Any] = []
        for seconds, taken in zip(work.seconds.tolist(), work.inputs(), strict=True):
            delayed.append(call(seconds, *[delayed[i] for i in taken]))
        return delayed

    def run(self, work: Layered, prepared: Any) -> Run:
        """Submit the graph and gather its last values; there is nothing in it that an optimisation could fuse."""
        last = work.last()
        began = time.perf_counter()
        futures = self.client.compute([prepared[i] for i in last], optimize_graph=False)
        values = self.client.gather(futures)
        seconds = time.perf_counter() - began
        return Run(seconds, seconds, dict(zip(last, values, strict=True)))


class Ray:
    """Tasks that take the references of others. Submission is part of the run, because Ray begins with the first."""

    name = "Ray"

    def __enter__(self) -> Ray:
        import ray

        ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        self.ray = ray
        self.nap = ray.remote(nap)
        return self

    def __exit__(self, *error: object) -> None:
        self.ray.shutdown()

    def versions(self) -> dict[str, str]:
        """Give the versions of what runs."""
        return {"Ray": self.ray.__version__}

    def prepare(self, work: Layered) -> Any:
        """Make plain lists, so that the timed loop does nothing but submit."""
        return list(zip(work.seconds.tolist(), work.inputs(), strict=True))

    def run(self, work: Layered, prepared: Any) -> Run:
        """Submit every task and get the last values."""
        last = work.last()
        submit = self.nap.remote
        began = time.perf_counter()
        refs: list[Any] = []
        for seconds, taken in prepared:
            refs.append(submit(seconds, *[refs[i] for i in taken]))
        values = self.ray.get([refs[i] for i in last])
        seconds = time.perf_counter() - began
        return Run(seconds, seconds, dict(zip(last, values, strict=True)))


def apart(name: str, command: Sequence[str], out: Path) -> dict[str, Any] | None:
    """Measure one engine in a process of its own, which writes to `out` what it found, and to a log what it prints."""
    log = out.with_suffix(".log")
    with log.open("w") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    if code or not out.exists():
        print(f"{name} failed, exit code {code}; the end of what it said:")
        print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        return None
    found: dict[str, Any] = json.loads(out.read_text())
    return found


FIXED = "planner, nothing moved"
NEEDS = {"planner": "pyspark", "dask.distributed": "distributed", "Ray": "ray"}
"""The module without which an engine cannot run."""


def engine(name: str, settings: Settings) -> AbstractContextManager[Any]:
    """Give an engine by its name, not yet started, in a process whose children can import this folder and planner."""
    here = Path(__file__).resolve().parent
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would call home
    fixed = {FIXED: lambda: Ours(settings, "none")}
    return {**fixed, Ours.name: lambda: Ours(settings), Dask.name: Dask, Ray.name: Ray}[name]()
