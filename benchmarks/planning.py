"""The planning engine on published instances and on large graphs: how good, how fast.

It writes docs/benchmarks/planning.md.

python benchmarks/planning.py                      # all of it: some eight minutes on one core
python benchmarks/planning.py --only stg packing   # parts, as in PARTS below
python benchmarks/planning.py --every 20           # every twentieth instance; prints only

Published instances are read from ../shared/data, or the folder that PLANNER_REFERENCE_DATA names. Times are CPU seconds
of this process on one core, after the kernels were compiled.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
from adversarial import rows as hunted
from plots import log_log

from planner import Cluster, Executor, Graph, Network, Progress, kept, plan, read_graph, replan
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Schedule
from planner.packing import assign, lpt, pack
from planner.pipeline.warming import warm
from planner.schedulers import auto, get
from planner.validate import validate

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PLANNER_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
DOCS = ROOT / "docs" / "benchmarks"
SECOND = 10**6
Row = list[str]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    words.add_argument("--every", type=int, default=1, help="take every so manieth instance, and write nothing")
    given = words.parse_args()
    warm_up()
    tables = []
    for name in given.only:
        title, head, rows = PARTS[name](given.every)
        tables.append(f"## {title}\n\n{markdown(head, rows)}\n")
        print(tables[-1], flush=True)
    if given.every == 1 and len(given.only) == len(PARTS):
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / "planning.md").write_text("\n".join([header(), *tables]))


def header() -> str:
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return (
        f"# The planning engine, measured\n\n{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; load {load} when written. `python benchmarks/planning.py` writes this page.\n"
        "Times are CPU seconds on one core, after compilation. Where the instances come from and what others reach on "
        "them is told in the README of the reference data.\n"
    )


def markdown(head: Row, rows: list[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def warm_up() -> None:
    if (folder := kept.place()) is not None:
        warm(folder)
    graph = layered(60, 6, 3)
    for cluster in (Cluster.uniform(3), mixed(3, Network(10, 1e6)), Cluster.uniform(70, network=Network(10, 1e6))):
        plan(graph, cluster, iterations=60)
    pack(np.arange(1, 50) * 7 % 53, 7, iterations=60)
    pack(np.arange(1, 99) * 7 % 53, 3, iterations=60)
    assign(np.arange(1, 241).reshape(40, 6) * 7 % 53, iterations=1000)
    plan(layered(40_000, 20, 3), mixed(80, Network(10, 1e8)), method="critical_path")
    lpt(np.arange(40_000), np.ones(3))


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


# Published task graphs


def task_graphs(proven: bool, every: int) -> Iterator[tuple[Graph, Cluster, int]]:
    with (DATA / "stg" / "optimum.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["proven"] == "1") == proven]
    for row in rows[::every]:
        yield read_graph(DATA / "stg" / row["graph"]), Cluster.uniform(int(row["processors"])), int(row["upper"])


def best(graph: Graph, cluster: Cluster, budget: float) -> tuple[Schedule, float, int]:
    """Give the schedule, the CPU seconds from priced problem to schedule, and the bound."""
    problem = Problem.of(graph, cluster)
    began = time.process_time()
    bound = lower_bound(problem)
    found = auto(problem, bound, 0, seconds=budget)
    took = time.process_time() - began
    validate(graph, cluster, found.schedule)
    return found.schedule, took, bound.us


def proven(budget: float) -> Callable[[int], tuple[str, Row, list[Row]]]:
    def part(every: int) -> tuple[str, Row, list[Row]]:
        gaps, took = [], []
        for graph, cluster, optimum in task_graphs(True, every):
            schedule, cpu, _ = best(graph, cluster, budget)
            gaps.append(schedule.makespan_us / SECOND / optimum - 1)
            took.append(cpu)
        optimal = sum(gap <= 1e-12 for gap in gaps)
        row = [
            f"{len(gaps)}",
            f"{optimal} ({optimal / len(gaps):.2%})",
            f"{100 * np.mean(gaps):.4f} %",
            f"{np.mean(took):.4f} s",
            f"{max(took):.2f} s",
        ]
        return f"STG, proven rows, {budget:g} s each", ["rows", "optimal", "mean gap", "mean time", "longest"], [row]

    return part


def open_rows(every: int) -> tuple[str, Row, list[Row]]:
    rows, better, worse = [], 0, 0
    for graph, cluster, upper in task_graphs(False, every):
        schedule, _, bound = best(graph, cluster, 10.0)
        found = round(schedule.makespan_us / SECOND)
        better, worse = better + (found < upper), worse + (found > upper)
        if found != upper:
            rows.append(
                [f"{graph.n} tasks, {cluster.n_slots} processors", str(upper), str(found), str(bound // SECOND)]
            )
    title = f"STG, open rows, 10 s each: better than the stated upper bound on {better}, worse on {worse}"
    return title, ["row", "stated", "found", "lower bound"], rows


# Published traces


def traces(every: int) -> tuple[str, Row, list[Row]]:
    folder = DATA / "wfinstances"
    speeds = json.loads((folder / "cluster8.json").read_text())["speeds"]
    executors = tuple(Executor(str(i), speed=speed) for i, speed in enumerate(speeds))
    files = {path.stem: path for path in folder.glob("*/*.json")}
    rows, ratios, gaps = [], {"1Gbit": [], "ccr1": []}, []
    with (folder / "reference.csv").open() as file:
        reference = list(csv.DictReader(file))[::every]
    for row in reference:
        cluster = Cluster(executors, Network(0, float(row["bandwidth_bytes_per_s"])))
        schedule, _, bound = best(read_graph(files[row["instance"]]), cluster, 1.0)
        makespan, published = schedule.makespan_us / SECOND, float(row["best_of_18_schedulers"])
        known = float(row["best_known"])
        ratios[row["setting"]].append(makespan / published)
        if row["proven_optimal"] == "1":
            gaps.append(makespan / known - 1)
        numbers = [f"{published:.2f}", f"{known:.2f}", f"{makespan:.2f}", f"{bound / SECOND:.2f}"]
        rows.append([row["instance"], row["setting"], *numbers, f"{makespan / published:.3f}"])
    means = [f"{s}: {np.exp(np.mean(np.log(r))):.4f} (largest {max(r):.4f})" for s, r in ratios.items() if r]
    title = f"WfInstances, 1 s each: geometric mean over the best of 18 schedulers {'; '.join(means)}"
    title += f"; at most {100 * max(gaps, default=0):.2f} % above a proven optimum"
    return title, ["trace", "setting", "best of 18", "best known", "found", "lower bound", "ratio"], rows


# Independent tasks


def packing(every: int) -> tuple[str, Row, list[Row]]:
    lines = (DATA / "pcmax" / "instances.jsonl").read_text().splitlines()[::every]
    families: dict[str, list[tuple[float, float]]] = {}
    for row in map(json.loads, lines):
        times, began = np.array(row["times"]), time.process_time()
        until = began + 0.19
        found = pack(times, row["m"], iterations=10**9, stop=lambda: time.process_time() > until, chunk=10)  # noqa: B023
        took = time.process_time() - began
        families.setdefault(row["family"], []).append((found.makespan / row["optimum"] - 1, took))
    everything = [entry for entries in families.values() for entry in entries]
    rows = []
    for name, entries in [*families.items(), ("all", everything)]:
        gaps, took = np.array(entries).T
        share = f"{(gaps <= 1e-12).sum()} ({(gaps <= 1e-12).mean():.1%})"
        rows.append([name, f"{len(gaps)}", share, f"{100 * gaps.mean():.4f} %", f"{took.max():.2f} s"])
    return "P‖Cmax, 0.2 s each", ["family", "instances", "optimal", "mean gap", "longest"], rows


def assignment(every: int) -> tuple[str, Row, list[Row]]:
    lines = (DATA / "rcmax" / "instances.jsonl").read_text().splitlines()[::every]
    families: dict[str, list[tuple[float, float]]] = {}
    for row in map(json.loads, lines):
        began = time.process_time()
        found = assign(row["p"], used=lambda: (time.process_time() - began) / 0.97)  # noqa: B023
        took = time.process_time() - began
        families.setdefault(row["name"].partition("-")[0], []).append((found.makespan / row["best_known"] - 1, took))
    everything = [entry for entries in families.values() for entry in entries]
    rows = []
    for name, entries in [*families.items(), ("all", everything)]:
        gaps, took = np.array(entries).T
        numbers = f"{(gaps <= 1e-12).sum()}", f"{100 * gaps.mean():.3f} %", f"{100 * gaps.max():.2f} %"
        rows.append([name, f"{len(gaps)}", *numbers, f"{took.max():.2f} s"])
    return "R‖Cmax, 1 s each", ["family", "instances", "best known", "mean gap", "largest gap", "longest"], rows


# Large graphs


def layered(n: int, layers: int, degree: int, seed: int = 0) -> Graph:
    """Each task takes the values of some tasks of the layer before; times are log-normal with sigma 1."""
    draw, per = np.random.default_rng(seed), n // layers
    target = np.repeat(np.arange(per, n), degree)
    source = (target // per - 1) * per + draw.integers(0, per, len(target))
    work, output = draw.lognormal(0, 1, n), draw.integers(0, 10**6, n)
    return Graph.from_arrays(work=work, source=source, target=target, output=output)


def mixed(executors: int, network: Network) -> Cluster:
    return Cluster(tuple(Executor(str(i), speed=(1.0, 1.5, 2.0, 3.0)[i % 4]) for i in range(executors)), network)


def large(every: int) -> tuple[str, Row, list[Row]]:
    rows = []
    graph, cluster = layered(3000, 20, 3), Cluster.uniform(32, network=Network(100, 1e9))
    problem = Problem.of(graph, cluster)
    took = min(seconds(lambda: get("heft").schedule(problem, 0))[0] for _ in range(5))
    rows.append(["3,000 tasks × 32 executors, HEFT with insertion", f"{1000 * took:.1f} ms", ""])
    rows.append(million())
    weights = np.random.default_rng(0).integers(1, 10**6, 10**6)
    took = min(seconds(lambda: lpt(weights, np.ones(1000)))[0] for _ in range(5))
    rows.append(["LPT, 1,000,000 tasks × 1,000 slots", f"{1000 * took:.0f} ms", ""])
    rows.append(half_done())
    return "Large problems", ["what", "CPU time", "how good"], rows


def million() -> Row:
    graph, cluster = layered(10**6, 100, 3), mixed(1000, Network(100, 1e9))
    problem = Problem.of(graph, cluster)
    took, schedule = min(
        (seconds(lambda: get("critical_path").schedule(problem, 0)) for _ in range(3)), key=lambda x: x[0]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    over = schedule.makespan_us / lower_bound(problem).us  # type: ignore[attr-defined]
    what = f"{graph.n:,} tasks, {graph.n_edges:,} edges × 1,000 executors of 4 speeds, list schedule"
    return [what, f"{took:.2f} s", f"{over:.4f} × the lower bound; {peak} MB at most"]


def half_done() -> Row:
    planned = plan(layered(20_000, 40, 3), Cluster.uniform(64, network=Network(100, 1e8)), method="heft")
    now = int(np.sort(planned.schedule.start_us)[10_000])
    begun = planned.schedule.start_us < now
    slot = np.where(begun, planned.schedule.slot, -1).astype(np.int32)
    times = (np.where(begun, column, 0) for column in (planned.schedule.start_us, planned.schedule.finish_us))
    progress = Progress(now, slot, *times)
    took, again = min((seconds(lambda: replan(planned, progress)) for _ in range(5)), key=lambda x: x[0])
    what = f"re-plan of {int((~begun).sum()):,} remaining tasks × 64 slots, validated"
    return [what, f"{1000 * took:.0f} ms", f"{again.makespan / planned.makespan:.4f} × the plan"]  # type: ignore[attr-defined]


def growth(every: int) -> tuple[str, Row, list[Row]]:
    rows, over_tasks, over_executors = [], [], []
    for n in (10**3, 10**4, 10**5, 10**6):
        problem = Problem.of(layered(n, max(10, n // 10_000), 3), mixed(100, Network(100, 1e9)))
        took = min(seconds(lambda: get("critical_path").schedule(problem, 0))[0] for _ in range(3))  # noqa: B023
        rows.append([f"{n:,}", "100", f"{1000 * took:.1f} ms", f"{1e6 * took / n:.2f} µs"])
        over_tasks.append((n, took))
    graph = layered(10**5, 10, 3)
    for executors in (10, 10**2, 10**3, 10**4):
        problem = Problem.of(graph, mixed(executors, Network(100, 1e9)))
        took = min(seconds(lambda: get("critical_path").schedule(problem, 0))[0] for _ in range(3))  # noqa: B023
        rows.append(["100,000", f"{executors:,}", f"{1000 * took:.1f} ms", f"{1e6 * took / 10**5:.2f} µs"])
        over_executors.append((executors, took))
    if every == 1:
        DOCS.mkdir(parents=True, exist_ok=True)
        seconds_taken = "seconds of CPU"
        log_log(DOCS / "growth-tasks.svg", "Time over tasks, 100 executors", "tasks", seconds_taken, over_tasks)
        title = "Time over executors, 100,000 tasks"
        log_log(DOCS / "growth-executors.svg", title, "executors", seconds_taken, over_executors)
    pictures = "![time over tasks](growth-tasks.svg) ![time over executors](growth-executors.svg)"
    return f"Growth of the list schedule\n\n{pictures}", ["tasks", "executors", "CPU time", "a task"], rows


def adversarial(every: int) -> tuple[str, Row, list[Row]]:
    found = [(name, each) for name, each in hunted(max(10, 300 // every)) if each.tried > 1]
    rows = [[name, f"{each.tried}", f"{each.behind:.2f} ×", f"{each.ahead:.4f} ×"] for name, each in found]
    title = "Adversarial instances: the worst that annealing over instances of up to 8 tasks on 3 executors finds"
    return title, ["method", "instances", "its makespan over auto's, at most", "auto's over its, at most"], rows


PARTS: dict[str, Callable[[int], tuple[str, Row, list[Row]]]] = {
    "stg": proven(0.1),
    "stg1s": proven(1.0),
    "open": open_rows,
    "traces": traces,
    "packing": packing,
    "assignment": assignment,
    "adversarial": adversarial,
    "large": large,
    "growth": growth,
}

if __name__ == "__main__":
    sys.exit(main())
