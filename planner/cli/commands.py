"""One function a command: read everything, then plan, replay, run or write, then show it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from planner import pipeline
from planner.cli.completion import completion_command
from planner.cli.first import INSIDE_SPARK_SUBMIT, first_plan
from planner.cli.history import history_summary, history_text
from planner.cli.options import DEFAULT_EXECUTORS, Reader
from planner.cli.summary import dump, plan_summary, rows, run_summary
from planner.errors import Fault, InputError
from planner.explaining.explain import explain
from planner.io import export_load, is_plan, read_graph, read_run
from planner.io.locations import shown_place
from planner.model.builder import GraphBuilder
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.report import load_text, plan_text, prose, write_report

__all__ = ["COMMANDS", "named_graph", "planning_settings"]


GRAPHS_ONLY = "edges", "cluster", "slots", "memory", "bandwidth", "latency", "method", "budget", "iterations", "output"
"""Options of ``planner simulate`` that say nothing of a plan."""


def methods_command(words: Namespace) -> None:
    """Carry out ``planner methods``."""
    known = pipeline.known_methods()
    listed = [
        {"method": name, "summary": summary, "source": source or "all of the below"}
        for name, (summary, source) in known.items()
    ]
    wide = max(len(row["method"]) for row in listed)
    lines = [f"{row['method']:{wide}}  {row['summary']}\n{'':{wide}}  {row['source']}" for row in listed]
    _show(words, listed, lambda: "\n".join(lines))


def plan_command(words: Namespace) -> None:
    """Carry out ``planner plan``."""
    reader = Reader(words)
    settings = planning_settings(reader)
    graph, cluster = _inputs(reader)
    reader.file_in_a_folder("output")
    reader.check()
    with first_plan(graph, cluster, settings):
        planned = pipeline.plan(graph, cluster, **settings)
    if words.output:
        planned.save(words.output)
    if not words.explain:
        _show(words, plan_summary(planned), lambda: plan_text(planned))
    elif words.json:
        print(dump({**plan_summary(planned), "explanation": explain(planned).to_dict()}))
    else:
        print(plan_text(planned), end="\n\n", flush=True)  # before planning again, which takes longer than planning
        print(prose(str(explain(planned))))
    _wrote(words, words.output)


def compare_command(words: Namespace) -> None:
    """Carry out ``planner compare``."""
    reader = Reader(words)
    chosen, effort, seed = reader.method_list(), reader.effort(), reader.seed()
    graph, cluster = _inputs(reader)
    reader.check()
    found = pipeline.compare(graph, cluster, methods=chosen, seed=seed, **effort)
    _show(words, rows(found.to_pandas()), lambda: str(found))
    _write(words, found.report)


def simulate_command(words: Namespace) -> None:
    """Carry out ``planner simulate``: a plan is replayed, a graph is planned for each number of executors."""
    if words.executors is None and is_plan(words.file):
        _replay(words)
    else:
        _curve(words)


def _replay(words: Namespace) -> None:
    reader = Reader(words)
    reader.refuse("goes with a graph, and this is a plan", *GRAPHS_ONLY)
    noise, seed, rebalance = reader.noise(), reader.seed(), reader.rebalance("none")
    planned = None
    with reader.collecting(words.file):
        planned = pipeline.read_plan(words.file)
    slow = reader.slow(planned.cluster if planned else None)
    reader.check()
    assert planned is not None  # noqa: S101 - for the type checker
    found = pipeline.simulate(planned, noise=noise, slow=slow, seed=seed, rebalance=rebalance)
    summary = {"makespan": planned.makespan, "simulated_makespan": found.makespan, "stretch": found.stretch}
    world = {"noise": noise, "slow": slow, "seed": seed}
    moved = {"rebalance": rebalance, "moves": len(found.moves)} if rebalance != "none" else {}
    _show(words, {**summary, **world, **moved}, lambda: str(found))


def _curve(words: Namespace) -> None:
    reader = Reader(words)
    graph = named_graph(reader, words.file)
    if words.executors is None:
        reader.check()  # what cannot be read is neither a graph nor a plan, and nothing is missing for it
    reader.refuse("goes with a plan, and this is a graph", "noise", "slow", "rebalance")
    span, cluster = reader.span(), reader.cluster(1)
    method, effort, seed = reader.method(), reader.effort(), reader.seed()
    reader.picture("output")
    reader.check()
    found = pipeline.curve(graph, span, cluster=cluster, method=method, seed=seed, **effort)
    points = rows(found.to_pandas())
    summary = {"knee": found.knee, "about": found.about, "too_few": list(found.too_few), "points": points}
    _show(words, summary, lambda: str(found))
    _write(words, found.report)


def report_command(words: Namespace) -> None:
    """Carry out ``planner report``: a page, or the load report in the form that the name says."""
    folder = Path(words.run_dir)
    output = folder / "report.html" if words.output is None else Path(words.output)
    planned, load = read_run(folder)
    page = output.suffix.lower() in (".html", ".htm")
    written = [write_report(planned, load, output)] if page else export_load(load, output)
    _show(words, {"report": str(written[0]), **run_summary(load)}, lambda: load_text(load, planned))
    for file in written:
        _wrote(words, file)


def history_command(words: Namespace) -> None:
    """Carry out ``planner history``."""
    experience = pipeline.experience_of(words.folder)
    if not experience.runs:
        problem = "holds no runs; expected the folder of a history, to which planner run --history adds runs"
        raise InputError([Fault(shown_place(words.folder), problem)])
    _show(words, history_summary(experience), lambda: history_text(experience))


def run_command(words: Namespace) -> None:
    """Carry out ``planner run``; Spark is loaded here and nowhere else."""
    from planner.cli.running import run_on_spark

    run_on_spark(words)


def doctor_command(words: Namespace) -> None:
    """Carry out ``planner doctor``, which loads Spark."""
    from planner.cli.doctoring import examine

    examine(words)


def split_command(words: Namespace) -> None:
    """Carry out ``planner split``; what reads and splits models is loaded here."""
    from planner.cli import splitting

    splitting.split_command(words)


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
    if reader.words.weights is not None:
        settings["weights"] = reader.weights()
    if reader.words.history is not None:
        settings["history"] = reader.history()
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


def _write(words: Namespace, report: Callable[[str], Path]) -> None:
    """Write what was computed where it was asked for, after it was shown: a wrong path loses nothing."""
    if words.output is not None:
        sys.stdout.flush()
        _wrote(words, report(words.output))


def _wrote(words: Namespace, path: str | Path | None) -> None:
    if path is not None and not words.json:
        print(f"written: {path}")


COMMANDS: Mapping[str, Callable[[Namespace], None]] = {
    "methods": methods_command,
    "plan": plan_command,
    "compare": compare_command,
    "simulate": simulate_command,
    "run": run_command,
    "split": split_command,
    "report": report_command,
    "history": history_command,
    "doctor": doctor_command,
    "completion": completion_command,
}
