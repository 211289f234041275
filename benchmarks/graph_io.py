"""Time and memory that large graphs take: built from arrays, read from Parquet, read from JSON.

Each row is measured in a fresh process, so that its peak memory is its own::

    python benchmarks/graph_io.py [--tasks 1000000] [--edges 3000000] [--repeat 3]

The peak is that of the whole process: the interpreter, its libraries, and the arrays that the graph is built from.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from planner.io import read_graph, write_graph
from planner.model import Graph

JSON_TASKS = 100_000


def arrays(tasks: int, edges: int, seed: int = 0) -> dict[str, object]:
    """Works of seconds; edges from a task to one of the 1,000 after it."""
    random = np.random.default_rng(seed)
    source = random.integers(0, tasks - 1, edges)
    target = np.minimum(source + 1 + random.integers(0, 1000, edges), tasks - 1)
    sizes = random.integers(0, 10**6, edges)
    return {"work": random.exponential(1.0, tasks), "source": source, "target": target, "edge_bytes": sizes}


def write_inputs(folder: Path, tasks: int, edges: int) -> None:
    """Write the same graph with ids that are text and with ids that are numbers, and a smaller one as JSON."""
    import pyarrow.parquet as pq

    columns = arrays(tasks, edges)
    np.savez(folder / "arrays.npz", **columns)
    (folder / "text").mkdir()
    write_graph(Graph.from_arrays(**columns), folder / "text")
    (folder / "numbers").mkdir()
    pq.write_table(pa.table({"id": np.arange(tasks), "work": columns["work"]}), folder / "numbers" / "tasks.parquet")
    ends = {"source": columns["source"], "target": columns["target"], "bytes": columns["edge_bytes"]}
    pq.write_table(pa.table(ends), folder / "numbers" / "edges.parquet")
    write_graph(Graph.from_arrays(**arrays(JSON_TASKS, 3 * JSON_TASKS)), folder / "graph.json")


def measure(what: str, folder: Path) -> dict[str, float]:
    """Make the graph once in this process; compiled code is loaded before the clock starts."""
    Graph.from_arrays(work=[1, 1], source=[0], target=[1])
    given = dict(np.load(folder / "arrays.npz")) if what == "arrays" else {}
    start, cpu = time.perf_counter(), time.process_time()
    graph = Graph.from_arrays(**given) if what == "arrays" else read_graph(folder / what)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"tasks": graph.n, "edges": graph.n_edges, "seconds": seconds, "cpu": cpu, "peak_mb": peak_bytes() / 1e6}


def peak_bytes() -> int:
    """Give the highest resident memory of this process; getrusage would give its parent's, where that was higher."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


ROWS = {
    "arrays": "built from arrays",
    "numbers": "read from Parquet, ids are numbers",
    "text": "read from Parquet, ids are text",
    "graph.json": "read from JSON",
}


def main() -> None:
    """Measure every row and print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--tasks", type=int, default=1_000_000)
    words.add_argument("--edges", type=int, default=3_000_000)
    words.add_argument(
        "--repeat", type=int, default=3, help="of so many processes, the shortest times and the highest peak are shown"
    )
    words.add_argument("--measure", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure[0], Path(given.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder), given.tasks, given.edges)
        print(f"{'':36} {'tasks':>10} {'edges':>10} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}")
        for row, name in ROWS.items():
            command = [sys.executable, __file__, "--measure", row, folder]
            texts = [subprocess.run(command, check=True, capture_output=True).stdout for _ in range(given.repeat)]
            found = list(map(json.loads, texts))
            seconds, cpu = (min(each[key] for each in found) for key in ("seconds", "cpu"))
            peak = max(each["peak_mb"] for each in found)
            counts = f"{found[0]['tasks']:>10,} {found[0]['edges']:>10,}"
            print(f"{name:36} {counts} {seconds:>8.2f} {cpu:>8.2f} {peak:>8.0f}")


if __name__ == "__main__":
    main()
