"""planner beside dask.distributed and Ray: layered random graphs of sleeping and of empty tasks, 8 slots each.

    python benchmarks/peers.py              some ten minutes; writes docs/benchmarks/peers.md and peers.csv
    python benchmarks/peers.py --quick      a minute or two; smaller graphs, prints only

Every round makes new graphs, and every engine in turn gets a fresh process, in which it is started, warmed up by a run
of the same kind, and measured; no other engine is alive meanwhile. A run counts only if its values are right.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engines import NEEDS, SLOTS, Settings, apart, engine
from layered import layered
from table import Measured, Sheet, machine, write_rows

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Case:
    """Graphs of one kind, and what is wanted of planner: at most so many times the bound, or so many tasks a second."""

    name: str
    tasks: int
    median: float
    repeat: int
    warm_up: int
    target: float | None = None
    moonshot: float | None = None


CASES = (
    Case("800 × 100 ms", 800, 0.1, 1, 160, 1.06, 1.03),
    Case("2,000 × 10 ms", 2000, 0.01, 2, 2000, 1.25, 1.12),
    Case("2,000 empty tasks", 2000, 0.0, 3, 2000, 2000.0, 5000.0),
)
QUICK = (
    Case("160 × 50 ms", 160, 0.05, 1, 160),
    Case("400 × 10 ms", 400, 0.01, 1, 400),
    Case("800 empty tasks", 800, 0.0, 2, 800),
)


def measure(name: str, cases: tuple[Case, ...], seed: int, settings: Settings) -> dict[str, Any]:
    """Start one engine in this process and run every case on it."""
    rows: list[dict[str, Any]] = []
    with engine(name, settings) as running:
        for case in cases:
            once(running, layered(case.warm_up, case.median, seed + 10_000))
            work = layered(case.tasks, case.median, seed)
            rows += [{"case": case.name, "bound": bound(work)} | once(running, work) for _ in range(case.repeat)]
        versions = running.versions()
    return {"versions": versions, "rows": rows}


def once(running: Any, work: Any) -> dict[str, Any]:
    """Run once and check the values."""
    run = running.run(work, running.prepare(work))
    expected = {task: work.layer(task) for task in work.last()}
    if run.values != expected:
        wrong = [task for task, value in expected.items() if run.values.get(task) != value]
        raise AssertionError(f"{running.name} brought home {len(wrong)} wrong values of {len(expected)}")
    return {
        "tasks": work.n,
        "seconds": run.seconds,
        "call": run.call,
        "detail": run.detail | {"load": os.getloadavg()[0]},
    }


def bound(work: Any) -> float:
    """Seconds below which nobody can be on 8 slots: no overhead, no network."""
    from planner import Cluster
    from planner.bounds import lower_bound
    from planner.cost import Problem

    return lower_bound(Problem.of(work.graph(trace=True), Cluster.uniform(SLOTS))).us / 1e6


def main() -> None:
    """Measure the rounds and print the sheet."""
    given = arguments()
    cases = tuple(case for case in (QUICK if given.quick else CASES) if given.only in case.name)
    settings = Settings(given.method, given.budget, given.overhead_ms, given.latency_ms)
    if given.child:
        name, seed, out = given.child
        Path(out).write_text(json.dumps(measure(name, cases, int(seed), settings)))
        return
    there = [name for name in given.engines if importlib.util.find_spec(NEEDS[name]) is not None]
    for name in sorted(set(given.engines) - set(there)):
        print(f"{name} is not installed and left out: pip install 'spark-planner[bench]'")
    measured: list[Measured] = []
    facts = machine(ROOT) | {f"planner's {key}": str(value) for key, value in asdict(settings).items()}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.rounds):
            for name in there:
                began = time.monotonic()
                out = Path(folder) / f"{name}-{seed}.json"
                found = apart(
                    name, [sys.executable, __file__, *sys.argv[1:], "--child", name, str(seed), str(out)], out
                )
                if found is None:
                    sys.exit(1)
                facts |= found["versions"]
                measured += [Measured(name, seed, **row) for row in found["rows"]]
                times = ", ".join(f"{row['seconds']:.2f} s" for row in found["rows"])
                print(f"round {seed + 1}, {name}: {times}  ({time.monotonic() - began:.0f} s in all)", flush=True)
    sheet = Sheet(cases, there, measured, facts)
    print(sheet.text())
    target = given.output or (None if given.quick else ROOT / "docs" / "benchmarks" / "peers.md")
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(sheet.text(), encoding="utf-8")
        write_rows(measured, target.with_suffix(".csv"))
        print(f"written to {target} and {target.with_suffix('.csv').name}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    usual = Settings()
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="small graphs; not written unless -o says where")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--engines", nargs="+", default=list(NEEDS), choices=list(NEEDS))
    words.add_argument("--only", default="", metavar="TEXT", help="only the cases with this text in their name")
    words.add_argument("--method", default=usual.method, help="planner's method")
    words.add_argument("--budget", type=float, default=usual.budget, help="seconds of planning")
    words.add_argument("--overhead-ms", type=float, default=usual.overhead_ms, help="planned cost of any task")
    words.add_argument("--latency-ms", type=float, default=usual.latency_ms, help="planned cost of handing a value on")
    words.add_argument("-o", "--output", type=Path, metavar="FILE.md")
    words.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return words.parse_args()


if __name__ == "__main__":
    main()
