"""How long the first plan on a machine takes, when nothing is compiled, and later ones.

It writes docs/benchmarks/first-plan.md.

python benchmarks/first_plan.py              # some six minutes: every first run waits until all is compiled behind it
python benchmarks/first_plan.py --runs 1     # prints only

Every run is a process of its own, from its start to its end: Python, imports, reading, planning, printing. Machine code
is kept in a new folder for every first run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "first-plan.md"
RUNS = 5
CASES = [(3, 3), (40, 3), (200, 8)]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--runs", type=int, default=RUNS)
    runs, load = words.parse_args().runs, os.getloadavg()
    rows, compiling = [], []
    with tempfile.TemporaryDirectory() as name:
        for tasks, executors in CASES:
            file = Path(name) / f"{tasks}.json"
            file.write_text(json.dumps({"format": "planner.graph/1", "tasks": some(tasks)}))
            first, later = [], []
            for run in range(runs):
                place = Path(name) / f"{tasks}-{run}"
                first.append(seconds(file, executors, place))
                compiling.append(until_compiled(place))
                later.append(seconds(file, executors, place))
            rows.append(f"| {tasks} tasks on {executors} executors | {shown(first)} | {shown(later)} |")
            print(rows[-1], flush=True)
    text = page(rows, compiling, load)
    print(text)
    if runs >= RUNS:
        PAGE.write_text(text)


def page(rows: list[str], compiling: list[float], load: tuple[float, ...]) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    before, runs = ", ".join(f"{x:.1f}" for x in load), len(compiling) // len(rows)
    lines = [
        "# The first plan, measured\n",
        f"{date.today()}, {machine}; load {before} before it began. `python benchmarks/first_plan.py` writes",
        "this page. Seconds of `planner plan`, from the start of the process to its end: the median of",
        f"{runs} runs, and the least and the most.\n",
        "| | nothing compiled | everything compiled |",
        "|---|--:|--:|",
        *rows,
        "\nWhile nothing is compiled, a search is short; what it finds is a valid plan with its bound, as always.",
        f"Everything was compiled {shown(compiling)} after a first plan, by a process that gives way to others.\n",
    ]
    return "\n".join(lines)


def some(tasks: int) -> list[dict[str, Any]]:
    """Give tasks of some seconds, each after two of the sixteen before it; their values take some tenths to send."""
    draw = random.Random(0)
    before = [[f"t{j}" for j in sorted(draw.sample(range(max(0, i - 16), i), min(i, 2)))] for i in range(tasks)]
    return [
        {"id": f"t{i}", "run": "math:sqrt", "args": [i], "work": draw.randint(10, 99) / 10, "after": after}
        | {"output": draw.randint(1, 80) * 10**6}
        for i, after in enumerate(before)
    ]


def seconds(file: Path, executors: int, place: Path) -> float:
    """Plan in a new process, and give its whole time."""
    words = ["plan", str(file), "--executors", str(executors), "--bandwidth", "1Gbit"]
    bare = {key: value for key, value in os.environ.items() if key != "PLANNER_COMPILE"}
    began = time.perf_counter()
    environment = {**bare, "NUMBA_CACHE_DIR": str(place)}
    subprocess.run([sys.executable, "-m", "planner", *words], env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def until_compiled(place: Path) -> float:
    """Wait for the process that compiles behind a first plan, and give the time it took."""
    began = time.perf_counter()
    while not any(note.stat().st_size for note in place.glob("planner-*.json")):
        time.sleep(0.1)
        if time.perf_counter() - began > 600:
            raise TimeoutError(f"nothing has come of compiling into {place}")
    return time.perf_counter() - began


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"


if __name__ == "__main__":
    main()
