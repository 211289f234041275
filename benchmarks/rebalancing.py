"""Runs in which the world is not as planned: an executor that is slow, or becomes slow, and costs that are wrong.

    python benchmarks/rebalancing.py              some 25 minutes; writes docs/benchmarks/rebalancing.md and .csv
    python benchmarks/rebalancing.py --quick      a few minutes; smaller graphs, prints only

Layered random graphs of sleeping tasks on 8 slots, with and without moves, beside dask.distributed (work stealing) and
Ray, which hands out each task late. One process of an engine is slow: the one that took the first task while it was
warmed up. The bound is that of an engine which knows all of it beforehand.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from engines import FIXED, NEEDS, SLOTS, Dask, Ours, Ray, Settings, apart, engine
from layered import SLOW_WORLD, Layered, layered, slow_from
from table import Measured, machine, write_rows

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "rebalancing.md"
NAMES = (Ours.name, FIXED, Dask.name, Ray.name)


@dataclass(frozen=True)
class World:
    """What is not as planned.

    Attributes
    ----------
    slow : float
        Factor of one executor.
    since : float
        From which part of the bound on, if all were as planned.
    wrong : float
        Costs are planned wrong by a log-normal factor, whose logarithm has this spread.
    target : str
        What is wanted of planner.
    """

    name: str
    target: str
    slow: float = 1.0
    since: float = 0.0
    wrong: float = 0.0


WORLDS = (
    World("all is as planned", "≤ 1.01 × nothing moved"),
    World("one executor 4 × slower from the start", "≤ 1.05", slow=4.0),
    World("one executor 4 × slower from half-time", "≤ 1.05", slow=4.0, since=0.5),
    World("costs wrong by a factor of 2", "≤ 1.15", wrong=math.log(2)),
)


def bound(work: Layered, world: World) -> float:
    """Give seconds below which nobody can be who knows the world: all slots busy, or the longest chain."""
    from planner import Cluster
    from planner.bounds import lower_bound
    from planner.cost import Problem

    cluster, graph = Cluster.uniform(SLOTS), work.graph(trace=True)
    even = lower_bound(Problem.of(graph, cluster)).us / 1e6
    if world.since:
        from_then_on = SLOTS - 1 + 1 / world.slow
        done = SLOTS * world.since * even
        return world.since * even + (float(work.seconds.sum()) - done) / from_then_on
    first = replace(cluster.executors[0], speed=1 / world.slow)
    return lower_bound(Problem.of(graph, replace(cluster, executors=(first, *cluster.executors[1:])))).us / 1e6


def measure(name: str, tasks: int, seed: int, settings: Settings, folder: Path) -> dict[str, Any]:
    """Start one engine in this process and run it in every world."""
    os.environ[SLOW_WORLD] = str(folder)
    if name in (Ours.name, FIXED):
        os.environ[f"{SLOW_WORLD}_BY"] = "parent"
    rows = []
    with engine(name, settings) as running:
        warm = layered(160, 0.02, seed + 10_000)
        running.run(warm, running.prepare(warm))
        for world in WORLDS:
            work = layered(tasks, 0.1, seed)
            if world.wrong:
                factor = np.random.default_rng(seed).lognormal(0.0, world.wrong, work.n)
                work = replace(work, believed=work.seconds * factor)
            prepared, least = running.prepare(work), bound(work, world)
            even = bound(work, World("", ""))
            slow_from(folder, world.slow, time.time() + world.since * even)
            run = running.run(work, prepared)
            if run.values != {task: work.layer(task) for task in work.last()}:
                raise AssertionError(f"{name} brought home wrong values")
            detail = run.detail | {"load": os.getloadavg()[0]}
            rows.append(Measured(name, seed, world.name, work.n, least, run.seconds, run.call, detail))
        versions = running.versions()
    return {"versions": versions, "rows": [asdict(row) for row in rows]}


def page(measured: Sequence[Measured], facts: dict[str, str]) -> str:
    """Give all of it as Markdown."""
    parts = [
        "# When the world is not as planned\n\nWritten by `python benchmarks/rebalancing.py`. Seconds from the "
        "submission to the last value, on warm engines of 8 slots;\nmedians. The bound is that of a plan which knows "
        "everything beforehand, without any overhead."
    ]
    for world in WORLDS:
        lines = [
            f"## {world.name[0].upper()}{world.name[1:]}\n",
            "| | runs | seconds | least – most | ÷ bound | moves |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for name in NAMES:
            runs = [m for m in measured if (m.case, m.engine) == (world.name, name)]
            if runs:
                seconds = [m.seconds for m in runs]
                span, ratio = f"{min(seconds):.2f} – {max(seconds):.2f}", median(m.ratio for m in runs)
                moves = f"{median(m.detail['moves'] for m in runs):.0f}" if "moves" in runs[0].detail else "–"
                lines.append(f"| {name} | {len(runs)} | {median(seconds):.2f} | {span} | {ratio:.3f} | {moves} |")
        parts.append("\n".join([*lines, f"| *target* | | | | {world.target} | |"]))
    rows = "\n".join(f"| {key} | {value} |" for key, value in facts.items())
    return "\n\n".join([*parts, f"## Where\n\n| | |\n|---|---|\n{rows}"]) + "\n"


def main() -> None:
    """Measure the rounds and print the page."""
    given = arguments()
    settings = Settings()
    if given.child:
        name, seed, out = given.child
        with tempfile.TemporaryDirectory() as folder:
            Path(out).write_text(json.dumps(measure(name, given.tasks, int(seed), settings, Path(folder))))
        return
    there = [n for n in given.engines if importlib.util.find_spec(NEEDS.get(n, "pyspark")) is not None]
    measured: list[Measured] = []
    facts = machine(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.rounds):
            for name in there:
                out = Path(folder) / f"{name}-{seed}.json"
                child = [sys.executable, __file__, "--tasks", str(given.tasks), "--child", name, str(seed), str(out)]
                found = apart(name, child, out)
                if found is None:
                    sys.exit(1)
                facts |= found["versions"]
                rows = [Measured(**row) for row in found["rows"]]
                measured += rows
                print(f"round {seed + 1}, {name}: " + ", ".join(f"{row.ratio:.3f} ×" for row in rows), flush=True)
    text = page(measured, facts)
    print(text)
    target = given.output or (None if given.quick else PAGE)
    if target is not None:
        target.write_text(text, encoding="utf-8")
        write_rows(measured, target.with_suffix(".csv"))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="one round of 320 tasks; not written unless -o says where")
    words.add_argument("--rounds", type=int)
    words.add_argument("--tasks", type=int)
    words.add_argument("--engines", nargs="+", default=list(NAMES), choices=list(NAMES))
    words.add_argument("-o", "--output", type=Path, metavar="FILE.md")
    words.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = words.parse_args()
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.tasks = given.tasks or (320 if given.quick else 800)
    return given


if __name__ == "__main__":
    main()
