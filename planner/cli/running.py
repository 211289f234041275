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
from planner.io.resuming import planned_graph
from planner.model import Graph, GraphBuilder
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
    graph, network = _asked_graph(reader), reader.network()
    if graph.n and not any(graph.calls) and words.emulate is None:
        problem = "is left out; expected a scale, because this graph is a trace whose tasks name nothing to run"
        reader.faults.append(Fault("--emulate", problem))
    named = reader.cluster() if reader.names_cluster() else None
    if named is None:
        reader.refuse("goes with --executors; without them the memory is what Spark gave its executors", "memory")
    reader.check()
    planned = pipeline.plan(graph, named, **settings) if named else None  # what is wrong is known before Spark starts
    with session(words.master, f"planner: {Path(words.graph or words.resume).name}") as spark:
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
                speculate=not words.no_speculation,
                history=words.history,
                store=words.store,
                resume=words.resume,
            )
        except RunError as error:
            _show(words, planned, getattr(error, "result", None), error)
            raise
    _show(words, planned, result, None)


def _asked_graph(reader: Reader) -> Graph:
    """Read the graph that is named, or that of the run which is to go on."""
    words = reader.words
    if words.resume is None:
        if words.graph is None:
            reader.faults.append(Fault("GRAPH", "is left out; expected a graph to run, or --resume RUN_DIR"))
            return GraphBuilder().build()
        if words.store is not None and words.run_dir is None:
            reader.faults.append(Fault("--store", "goes with --run-dir, which keeps the journal; expected both"))
        return named_graph(reader, words.graph)
    if words.graph is not None:
        reader.faults.append(Fault("GRAPH", "goes on with its run by --resume; expected one of the two"))
    reader.refuse("does not go with --resume, which names the run", "run_dir", "store", "emulate", "edges")
    graph = GraphBuilder().build()
    with reader.collecting("--resume"):
        graph = planned_graph(words.resume)
    return graph


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
