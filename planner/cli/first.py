"""The first commands on a machine: what they do until everything is compiled, and how that comes about.

Compiling takes about half a minute, once. The first plan of a small graph does not wait for it: loops run as they are
written, and a process that nobody has to wait for compiles everything meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from planner import kept
from planner.errors import InputError

if TYPE_CHECKING:
    from planner.model.cluster import Cluster
    from planner.model.graph import Graph

__all__ = ["COMPILE", "INSIDE_SPARK_SUBMIT", "first_command", "first_plan", "warm_command"]

COMPILE = "PLANNER_COMPILE"
"""Set to ``now``, every command waits until what it needs is compiled, and leaves no process behind."""

INSIDE_SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT"
"""Set by spark-submit; then the cluster that nobody named is the one that Spark has."""

_MOST_TASKS, _LARGEST = 2000, 20_000
"""Tasks, and tasks times slots, up to which a plan takes about a second without compiled loops."""

_COMPILING = 30
"""Seconds that compiling takes; who gives a search more than that can wait for it."""

_NOWHERE = "neither the package's folder nor the home can be written; NUMBA_CACHE_DIR names another place"


def warm_command(words: Namespace) -> None:
    """Carry out ``planner warm``: compile everything, unless that has been done.

    Raises
    ------
    InputError
        If machine code can be kept nowhere.
    """
    began, count, folder = time.perf_counter(), 0, None
    if not kept.complete():
        folder = kept.place()
        if folder is None:
            raise InputError(f"compiling would be in vain: {_NOWHERE}")
        _say(f"compiling, once on this machine: some {_COMPILING} s")
        from planner.pipeline.warming import warm  # who only asks whether there is something to do need not wait for it

        count = warm(folder)
        if not kept.complete():
            raise InputError(f"not all could be kept in {folder}")
    summary = {
        "compiled": count,
        "seconds": time.perf_counter() - began,
        "place": None if folder is None else str(folder),
    }
    took = f"{count} loop{'s' * (count != 1)} compiled in {summary['seconds']:.1f} s"
    done = took if count else "everything is compiled"
    print(json.dumps(summary, indent=2) if words.json else done)


@contextmanager
def first_plan(graph: Graph, cluster: Cluster, settings: Mapping[str, Any]) -> Iterator[None]:
    """Plan inside the block: a small graph at once, even if nothing is compiled.

    Parameters
    ----------
    graph, cluster
        What is planned.
    settings : mapping
        What is handed to `planner.plan`. A number of iterations asks for the plan that these give everywhere, and a
        search by name, or a long one, is hopeless before it is compiled.
    """
    if _is_small(graph, cluster) and _is_short(settings) and os.environ.get(COMPILE) != "now" and not kept.complete():
        from planner.model.compiled import interpreted

        with interpreted():
            yield
        _compile_later()
    else:
        with first_command():
            yield


@contextmanager
def first_command() -> Iterator[None]:
    """Say that what is done inside the block may be compiled first, and have the rest compiled behind it."""
    if kept.complete():
        yield
        return
    if sys.stderr.isatty():
        once = "once on this machine" if kept.place() else f"for this once, because {_NOWHERE}"
        _say(f"compiling, {once}: up to {_COMPILING} s")
    yield
    _compile_later()


def _is_small(graph: Graph, cluster: Cluster) -> bool:
    tasks = graph.n + 4 * len(graph.over) * cluster.n_slots  # what is data-parallel becomes so many, or fewer
    return tasks <= _MOST_TASKS and tasks * cluster.n_slots <= _LARGEST


def _is_short(settings: Mapping[str, Any]) -> bool:
    from planner.schedulers import methods

    searches = [method.name for method in methods() if method.search]
    return (
        settings.get("iterations") is None
        and (settings.get("budget") or 0) < _COMPILING
        and settings.get("method") not in searches
    )


def _compile_later() -> None:
    """Start a process of its own that compiles everything: with no terminal and no pipes, and after all others.

    Not inside spark-submit, where what a driver leaves behind is nobody's.
    """
    folder = kept.place()
    unwanted = os.environ.get(COMPILE) == "now" or INSIDE_SPARK_SUBMIT in os.environ
    if unwanted or folder is None or not sys.executable or kept.busy(folder):
        return
    code = (
        "import os, pathlib, sys\n"
        "if os.fork(): os._exit(0)\n"  # so that nobody has to wait for it, ever
        f"os.nice(19); sys.path.insert(0, {str(kept.PACKAGE.parent)!r})\n"
        f"from planner.pipeline.warming import warm; warm(pathlib.Path({str(folder)!r}), wait=False)"
    )
    words, nowhere = [sys.executable, "-c", code], subprocess.DEVNULL
    with suppress(OSError):
        subprocess.run(  # noqa: S603 - these are our own words
            words, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd="/", start_new_session=True, check=False
        )


def _say(text: str) -> None:
    print(f"planner: {text}", file=sys.stderr, flush=True)
