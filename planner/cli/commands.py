"""One function a command: read everything, then plan, replay, run or write, then show it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from planner import pipeline
from planner.cli.first import INSIDE_SPARK_SUBMIT, first_plan
from planner.cli.options import DEFAULT_EXECUTORS, Reader
from planner.cli.summary import dump, plan_summary, rows, run_summary
from planner.io import is_plan, read_graph, read_run
from planner.model.builder import GraphBuilder
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.report import comparison_text, load_text, plan_text, write_report
from planner.schedulers import methods

__all__ = ["COMMANDS", "named_graph", "planning_settings"]


def methods_command(words: Namespace) -> None:
    """Carry out ``planner methods``."""
    listed = [{"method": m.name, "summary": m.summary, "source": m.source} for m in methods()]
    listed.insert(
        0,
        {"method": "auto", "summary": "The best of all methods, and a search around it", "source": "all of the below"},
    )
    wide = max(len(row["method"]) for row in listed)
    lines = [f"{row['method']:{wide}}  {row['summary']}\n{'':{wide}}  {row['source']}" for row in listed]
    _show(words, listed, lambda: "\n".join(lines))


def plan_command(words: Namespace) -> None:
    """Carry out ``planner plan``."""
    reader = Reader(words)
    settings = planning_settings(reader)
    graph, cluster = _inputs(reader)
    reader.check()
    with first_plan(graph, cluster, settings):
        planned = pipeline.plan(graph, cluster, **settings)
    if words.output:
        planned.save(words.output)
    _show(words, plan_summary(planned), lambda: plan_text(planned))
    _wrote(words, words.output)


def compare_command(words: Namespace) -> None:
    """Carry out ``planner compare``."""
    reader = Reader(words)
    chosen, effort, seed = reader.method_list(), reader.effort(), reader.seed()
    graph, cluster = _inputs(reader)
    reader.check()
    frame = pipeline.compare(graph, cluster, methods=chosen, seed=seed, **effort).to_pandas()
    _show(words, rows(frame), lambda: comparison_text(frame))


def simulate_command(words: Namespace) -> None:
    """Carry out ``planner simulate``: a plan is replayed, a graph is planned for each number of executors."""
    if words.executors is None and is_plan(words.file):
        _replay(words)
    else:
        _curve(words)


def _replay(words: Namespace) -> None:
    reader = Reader(words)
    reader.refuse(
        "goes with a graph, and this is a plan",
        "edges",
        "slots",
        "bandwidth",
        "latency",
        "method",
        "budget",
        "iterations",
    )
    noise, seed = reader.noise(), reader.seed()
    planned = None
    with reader.collecting(words.file):
        planned = pipeline.read_plan(words.file)
    slow = reader.slow(planned.cluster if planned else None)
    reader.check()
    assert planned is not None  # noqa: S101 - for the type checker
    found = pipeline.simulate(planned, noise=noise, slow=slow, seed=seed)
    summary = {"makespan": planned.makespan, "simulated_makespan": found.makespan, "stretch": found.stretch}
    _show(words, {**summary, "noise": noise, "slow": slow, "seed": seed}, lambda: str(found))


def _curve(words: Namespace) -> None:
    reader = Reader(words)
    reader.refuse("goes with a plan, and this is a graph", "noise", "slow")
    span, slots = reader.span(), reader.number("slots", 1, least=1, most=10_000)
    method, effort, seed, network = reader.method(), reader.effort(), reader.seed(), reader.network()
    graph = named_graph(reader, words.file)
    reader.check()
    settings: dict[str, Any] = {"slots": slots, "network": network, "method": method, "seed": seed, **effort}
    found = pipeline.curve(graph, span, **settings)
    summary = {"knee": found.knee, "slots": slots, "points": rows(found.to_pandas())}
    _show(words, summary, lambda: str(found))


def report_command(words: Namespace) -> None:
    """Carry out ``planner report``."""
    folder = Path(words.run_dir)
    planned, load = read_run(folder)
    written = write_report(planned, load, words.output or folder / "report.html")
    _show(words, {"report": str(written), **run_summary(load)}, lambda: load_text(load, planned))
    _wrote(words, written)


def run_command(words: Namespace) -> None:
    """Carry out ``planner run``; Spark is loaded here and nowhere else."""
    from planner.cli.running import run_on_spark

    run_on_spark(words)


def planning_settings(reader: Reader) -> dict[str, Any]:
    """Read what ``plan`` and ``run`` plan by."""
    settings: dict[str, Any] = {
        "method": reader.method(),
        **reader.effort(),
        "seed": reader.seed(),
        "objective": reader.objective(),
    }
    if reader.words.efficiency is not None:
        with reader.collecting(reader.words.efficiency):
            settings["efficiency"] = pipeline.read_efficiency(reader.words.efficiency)
    return settings


def _inputs(reader: Reader) -> tuple[Graph, Cluster]:
    graph, cluster = named_graph(reader, reader.words.graph), reader.cluster()
    if reader.names_cluster() or reader.faults:
        return graph, cluster
    if INSIDE_SPARK_SUBMIT in os.environ:
        from planner.cli.running import live_cluster

        reader.refuse("goes with --executors; without them the memory is what Spark gave its executors", "memory")
        return graph, live_cluster(reader.network())
    name = f"{DEFAULT_EXECUTORS} executors of 1 slot"
    print(f"planner: no cluster named, so planning for {name} (--cluster, --executors)", file=sys.stderr)
    return graph, cluster


def named_graph(reader: Reader, path: str) -> Graph:
    """Read the graph; an empty one stands for it when that fails, until all faults are known."""
    graph = GraphBuilder().build()
    with reader.collecting(path):
        graph = read_graph(path, edges=reader.words.edges)
    return graph


def _show(words: Namespace, summary: Any, text: Callable[[], str]) -> None:
    print(dump(summary) if words.json else text())


def _wrote(words: Namespace, path: str | Path | None) -> None:
    if path is not None and not words.json:
        print(f"written: {path}")


COMMANDS: Mapping[str, Callable[[Namespace], None]] = {
    "methods": methods_command,
    "plan": plan_command,
    "compare": compare_command,
    "simulate": simulate_command,
    "run": run_command,
    "report": report_command,
}
