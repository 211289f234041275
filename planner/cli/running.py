"""``planner run``: the one command that needs Spark."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Literal

from planner import pipeline
from planner.cli.commands import named_graph, planning_settings
from planner.cli.options import Reader
from planner.cli.summary import dump, plan_summary, run_summary
from planner.errors import Fault, RunError
from planner.model.cluster import Cluster, Network
from planner.report import load_text, plan_text, write_report
from planner.spark import RunResult, discover, run
from planner.spark.session import check_master, session

__all__ = ["live_cluster", "run_on_spark"]


def live_cluster(network: Network) -> Cluster:
    """Describe what the Spark of spark-submit has."""
    with session(name="planner: plan") as spark:
        return discover(spark, network=network)


def run_on_spark(words: Namespace) -> None:
    """Plan a graph for the named cluster, or for what Spark has, run it, show and write what it did.

    Raises
    ------
    PlannerError
        As `planner.plan` and `planner.spark.run`; before a `RunError` is raised, what finished is shown and written.
    """
    reader = Reader(words)
    settings, emulate, folder = planning_settings(reader), reader.emulate(), reader.new_folder("run_dir")
    rebalance = reader.rebalance("planned")
    with reader.collecting("--master"):
        check_master(words.master)
    graph, network = named_graph(reader, words.graph), reader.network()
    if graph.n and not any(graph.calls) and words.emulate is None:
        problem = "is left out; expected a scale, because this graph is a trace whose tasks name nothing to run"
        reader.faults.append(Fault("--emulate", problem))
    named = reader.cluster() if reader.names_cluster() else None
    if named is None:
        reader.refuse("goes with --executors; without them the memory is what Spark gave its executors", "memory")
    reader.check()
    planned = pipeline.plan(graph, named, **settings) if named else None  # what is wrong is known before Spark starts
    with session(words.master, f"planner: {Path(words.graph).name}") as spark:
        if planned is None:
            planned = pipeline.plan(graph, discover(spark, network=network), **settings)
        if not words.json:
            print(plan_text(planned), end="\n\n", flush=True)
        try:
            shown: Literal["auto", "none"] = "none" if words.json else "auto"
            result = run(
                planned,
                spark,
                run_dir=folder,
                emulate=emulate,
                progress=shown,
                rebalance=rebalance,
                history=words.history,
            )
        except RunError as error:
            _show(words, planned, getattr(error, "result", None), error)
            raise
    _show(words, planned, result, None)


def _show(words: Namespace, planned: pipeline.Plan, result: RunResult | None, error: RunError | None) -> None:
    report = None
    if result is not None and result.run_dir is not None:
        report = write_report(planned, result.load, result.run_dir / "report.html")
    for warning in result.warnings if result is not None else ():
        print(f"planner: {warning}", file=sys.stderr)
    if words.json:
        summary = {**plan_summary(planned), **(run_summary(result.load) if result is not None else {})}
        if error is not None:
            summary |= {"status": result.load.status if result is not None else "failed", "error": str(error)}
        print(dump({**summary, "report": None if report is None else str(report)}))
        return
    if result is not None:
        print(load_text(result.load, planned))
    if report is not None:
        print(f"written: {report}")
