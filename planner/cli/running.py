"""``planner run``: the one command that needs Spark."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from planner import pipeline
from planner.cli.commands import planning_settings, read_graph_option
from planner.cli.options import Reader
from planner.cli.summary import dump, plan_summary, run_summary
from planner.errors import RunError
from planner.report import load_text, plan_text, write_report
from planner.spark import RunResult, discover, run
from planner.spark.session import check_master, session

__all__ = ["run_on_spark"]


def run_on_spark(words: Namespace) -> None:
    """Plan a graph for the named cluster, or for what Spark has, run it, show and write what it did.

    Raises
    ------
    PlannerError
        As `planner.plan` and `planner.spark.run`; after a `RunError` what finished has been shown and written.
    """
    reader = Reader(words)
    settings, emulate = planning_settings(reader), reader.emulate()
    with reader.collecting("--master"):
        check_master(words.master)
    graph = read_graph_option(reader, words.graph)
    named = reader.cluster() if reader.names_cluster() else None
    network, memory = reader.network(), reader.memory()
    reader.check()
    planned = pipeline.plan(graph, named, **settings) if named else None  # before Spark starts: it may be refused
    with session(words.master, f"planner: {Path(words.graph).name}") as spark:
        if planned is None:
            planned = pipeline.plan(graph, discover(spark, network=network), **settings)
        if not words.json:
            print(plan_text(planned), end="\n\n", flush=True)
        progress: Any = "none" if words.json else "auto"
        try:
            result = run(planned, spark, run_dir=words.run_dir, emulate=emulate, progress=progress)
        except RunError as error:
            _show(words, planned, getattr(error, "result", None), error)
            raise
    _show(words, planned, result, None)
