"""Models split into stages: published workloads with known optima, published profiles with a published tool's plans.

It writes docs/benchmarks/models.md.

python benchmarks/models.py           # all of it: less than a minute on one core
python benchmarks/models.py --print   # prints only

Instances are read from ../shared/data/models, or the folder that PLANNER_REFERENCE_DATA names. Times are CPU seconds of
this process, from the file to the plan, after the kernels were compiled. Every plan passes the validator.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from planner import kept
from planner.errors import InfeasibleError
from planner.model import StagePlan
from planner.models import read_model
from planner.pipeline.warming import warm
from planner.validate_stages import validate_stages

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PLANNER_REFERENCE_DATA", ROOT.parent / "shared" / "data")) / "models"
DOCS = ROOT / "docs" / "benchmarks"
MS = 1e6
ROUNDED_MS = 0.0006
"""By how much a published value may be off: some have six digits."""
ROUNDED_S = 2e-9
Row = list[str]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--print", action="store_true", help="write nothing")
    given = words.parse_args()
    if not kept.complete() and (folder := kept.place()):
        warm(folder)
    parts = []
    for part in (throughput, tight, profiles, inception, inception_tight, folded):
        title, head, rows = part()
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"## {title}\n\n{table}\n")
        print(parts[-1], flush=True)
    if not given.print:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / "models.md").write_text("\n".join([header(), *parts]))


def header() -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        "# Models split into stages, measured\n\n"
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {load} when written. `python benchmarks/models.py` writes this page.\n"
        "CPU seconds on one core, from the file to the plan, after compilation. Where the instances come from, and\n"
        "what was published of them, is told in the index of the reference data. Every plan passed the validator,\n"
        "which shares no code with what plans. Where fewer executors do as well, the plan uses fewer.\n"
    )


def planned(path: Path, **settings: Any) -> tuple[StagePlan, float]:
    began = time.process_time()
    plan = read_model(path).plan(**settings)
    took = time.process_time() - began
    validate_stages(plan)
    return plan, took


def solved(name: str, path: Path, known: float) -> tuple[Row, bool, float]:
    plan, took = planned(path)
    reached = plan.bottleneck_ns / MS
    optimal = plan.status == "optimal" and abs(reached - known) <= ROUNDED_MS
    row = [name, f"{known:.4f}", f"{reached:.4f}", f"{plan.lower_bound_ns / MS:.4f}", plan.status, f"{took:.2f} s"]
    return row, optimal, took


def summed(found: list[tuple[Row, bool, float]]) -> tuple[Row, list[Row]]:
    rows = [row for row, _, _ in found]
    total = sum(took for _, _, took in found)
    rows.append(["all", "", "", "", f"{sum(good for _, good, _ in found)} of {len(found)}", f"{total:.2f} s"])
    return ["workload", "known optimum, ms", "found, ms", "lower bound, ms", "status", "time"], rows


def throughput() -> tuple[str, Row, list[Row]]:
    folder = DATA / "dnn-partitioning"
    with (folder / "expected_throughput.csv").open() as file:
        known = {row["input"]: float(row["exact_maxload"]) for row in csv.DictReader(file)}
    found = [solved(name, folder / "throughput" / f"{name}.json", value) for name, value in known.items()]
    return "Throughput workloads", *summed(found)


def tight() -> tuple[str, Row, list[Row]]:
    """Take the known optima from the table in the index."""
    lines = re.findall(r"^\| (\w+)/(\S+) \| ([\d.]+) \([\d.]+\) \|", (DATA / "INDEX.md").read_text(), re.MULTILINE)
    folder = DATA / "dnn-partitioning" / "latency"
    found = [solved(f"{kind}_{name}", folder / f"{kind}_{name}.json", float(value)) for kind, name, value in lines]
    return "The same with tight memory", *summed(found)


def settings_of(args: str) -> dict[str, Any]:
    words = dict(word.split("=") for word in args.split() if "=" in word)
    replicate = "--straight_pipeline" not in args
    return {"executors": int(words["n"]), "bandwidth": float(words["b"]), "replicate": replicate, "overlap": True}


def stages_of(plan: StagePlan) -> str:
    return ", ".join(f"{len(plan.layers(s))}{f' × {m}' if m > 1 else ''}" for s, m in enumerate(plan.replicas.tolist()))


def published() -> Iterator[dict[str, str]]:
    with (DATA / "pipedream" / "expected_optimizer.csv").open() as file:
        yield from csv.DictReader(file)


def profiles() -> tuple[str, Row, list[Row]]:
    rows, good, better, total = [], 0, 0, 0.0
    for row in published():
        plan, took = planned(DATA / "pipedream" / f"{row['profile']}.graph.txt", **settings_of(row["args"]))
        known = float(row["plan"])
        good, total = good + (plan.bottleneck <= known + ROUNDED_S), total + took
        better += plan.bottleneck < known * (1 - 1e-6)
        ratio = f"{plan.bottleneck / known:.4f}"
        numbers = [f"{known:.6f}", f"{plan.bottleneck:.6f}", ratio, plan.status, stages_of(plan), f"{took:.2f} s"]
        rows.append([row["profile"], row["args"].strip(), *numbers])
    title = f"Profiled networks, PipeDream's cost model: equal or better on {good} of {len(rows)}, better on {better}"
    rows.append(["all", "", "", "", "", "", "", f"{total:.2f} s"])
    head = ["profile", "setting", "published, s", "found, s", "ratio", "status", "layers of each stage", "time"]
    return title, head, rows


def inception() -> tuple[str, Row, list[Row]]:
    rows = []
    for args in dict.fromkeys(row["args"] for row in published()):
        plan, took = planned(DATA / "pipedream" / "inception_v3.graph.txt", **settings_of(args))
        numbers = [
            f"{plan.bottleneck:.6f}",
            f"{plan.lower_bound:.6f}",
            f"{plan.gap:.2%}",
            plan.status,
            stages_of(plan),
            f"{took:.2f} s",
        ]
        rows.append([args.strip(), *numbers])
    head = ["setting", "found, s", "lower bound, s", "gap", "status", "layers of each stage", "time"]
    return "inception_v3, which the published tool takes after preparation only, taken directly", head, rows


def inception_tight() -> tuple[str, Row, list[Row]]:
    """Take as much memory as all of it needs and a little more, and links that executors have to wait for."""
    model = read_model(DATA / "pipedream" / "inception_v3.graph.txt")
    held = int(model.layers.memory_bytes.sum())
    rows, worst = [], 0.0
    for executors in (4, 8):
        for share in (1.05, 1.1, 1.2, 1.5):
            for bandwidth in ("1Gbit", "10Gbit", "100Gbit", "inf"):
                memory = int(held * share / executors)
                began = time.process_time()
                plan = model.plan(executors, memory=memory, bandwidth=bandwidth)
                took = time.process_time() - began
                validate_stages(plan)
                worst = max(worst, plan.gap)
                numbers = [f"{plan.bottleneck:.6f}", f"{plan.gap:.2%}", plan.status, f"{took:.2f} s"]
                rows.append([str(executors), f"{share} ÷ {executors}", bandwidth, *numbers])
    head = ["executors", "memory of each, of the whole", "bandwidth", "found, s", "gap", "status", "time"]
    return f"inception_v3 with tight memory and no overlap: largest gap {worst:.2%}", head, rows


def folded() -> tuple[str, Row, list[Row]]:
    """Cut into more stages than there are executors; a little more memory than the whole needs."""
    rows = []
    for name in ("alexnet", "resnet50", "inception_v3"):
        model = read_model(DATA / "pipedream" / f"{name}.graph.txt")
        for executors, stages in ((2, 6), (3, 8), (4, 12)):
            memory = int(model.layers.memory_bytes.sum() * 1.2 / executors)
            began = time.process_time()
            try:
                plan = model.plan(executors, stages=stages, memory=memory, bandwidth="10Gbit")
            except InfeasibleError:
                rows.append([name, str(executors), str(stages), "", "", "none that fits was found", "", ""])
                continue
            took = time.process_time() - began
            validate_stages(plan)
            numbers = [f"{plan.bottleneck:.6f}", f"{plan.gap:.2%}", plan.status, plan.bound_reason, f"{took:.2f} s"]
            rows.append([name, str(executors), str(stages), *numbers])
    head = ["profile", "executors", "stages", "found, s", "gap", "status", "bound", "time"]
    return "Several stages an executor, 1.2 times the memory that the whole needs, 10 Gbit/s, no overlap", head, rows


if __name__ == "__main__":
    main()
