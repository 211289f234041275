"""Micro-batches through resident stages on local-cluster[4,1,…], held against what no pipeline can beat.

It writes docs/benchmarks/streaming.md.

python benchmarks/streaming.py            # some three minutes
python benchmarks/streaming.py --quick    # one run of each; prints only

Stages sleep, so that two cores stand for four. The bound is the slowest stage × micro-batches, and the fill: the time
of the first micro-batch in the other stages. A second model does compute: an ONNX transformer whose weights do not fit
the memory that an executor has.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.table import machine
from planner.model.units import format_bytes, parse_bytes
from planner.models import read_model
from planner.spark import stream
from planner.spark.session import session
from planner.streaming import Batch, StreamLoad, chain

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "streaming.md"
MASTER = "local-cluster[4,1,1024]"
BATCHES, ROWS = 200, 32
TARGET = 1.10
LIMIT = "440MB"


@dataclass(frozen=True)
class Case:
    name: str
    seconds: tuple[float, ...]
    replicas: tuple[int, ...]

    @property
    def bound(self) -> float:
        """Seconds of the slowest stage, which has its share of the batches on each slot, and of one batch elsewhere."""
        whole = sum(self.seconds)
        steps = [math.ceil(BATCHES / count) * each for each, count in zip(self.seconds, self.replicas, strict=True)]
        return max(whole - each + step for each, step in zip(self.seconds, steps, strict=True))


CASES = (
    Case("4 stages", (0.03, 0.05, 0.04, 0.02), (1, 1, 1, 1)),
    Case("4 equal stages", (0.04, 0.04, 0.04, 0.04), (1, 1, 1, 1)),
    Case("3 stages, the slow one on two slots", (0.03, 0.08, 0.02), (1, 2, 1)),
    Case("all in one stage, on 4 slots", (0.14,), (4,)),
)


def sleeper(seconds: float) -> Callable[[Batch], Batch]:
    def run(batch: Batch) -> Batch:
        time.sleep(seconds)
        return batch

    return run


def added(batch: Batch) -> Batch:
    return {"y": batch["x"] + 1}


def sleeping(spark: SparkSession, case: Case) -> tuple[float, float, StreamLoad]:
    """Give the seconds of the stream, those of the whole call with its other jobs, and what the stages did."""
    frame = spark.range(0, BATCHES * ROWS, 1, 4).select("id", F.rand(1).alias("x"))
    last = len(case.seconds) - 1
    stages = [
        chain(f"stage {i} ({nap * 1000:g} ms)", [sleeper(nap), *([added] if i == last else [])], count)
        for i, (nap, count) in enumerate(zip(case.seconds, case.replicas, strict=True))
    ]
    began = time.monotonic()
    result = stream(spark, frame, stages, columns=["x"], batch=ROWS)
    took = time.monotonic() - began
    rows = result.frame.select("id", (F.col("y") - F.col("x") - 1).alias("off")).collect()
    assert [row.id for row in rows] == list(range(BATCHES * ROWS))
    assert max(abs(row.off) for row in rows) < 1e-9
    return result.load.elapsed_us / 1e6, took, result.load


def too_large(spark: SparkSession, folder: Path) -> list[str]:
    """Run a model whose weights do not fit one executor's memory."""
    from planner.submodels import transformer

    path = transformer(folder / "large.onnx", layers=16, width=768, heads=12)
    weights = sum(file.stat().st_size for file in folder.iterdir())
    model = read_model(path, sizes={"batch": 8, "sequence": 32}, runs=3, spark=spark)
    planned = model.plan(executors=4, memory=LIMIT)
    tokens = F.transform(F.sequence(F.lit(0), F.lit(31)), lambda place: (place * 7 + F.col("id")) % 8192)
    frame = spark.range(0, 800, 1, 4).select("id", tokens.alias("ids"), F.array_repeat(F.lit(1), 32).alias("mask"))
    result = planned.stream(spark, frame, columns=["ids", "mask"], batch=8)
    assert result.frame.count() == 800
    load = result.load
    peak = max(stage.peak_memory_bytes for stage in load.stages)
    measured = load.stages[load.bottleneck].period_us / 1e6
    again = model.corrected(planned, load)
    second = again.plan(executors=4, memory=LIMIT)
    corrected = second.stream(spark, frame, columns=["ids", "mask"], batch=8).load
    new = corrected.stages[corrected.bottleneck].period_us / 1e6
    peak = max(peak, *(stage.peak_memory_bytes for stage in corrected.stages))
    verdict = "met" if peak <= parse_bytes(LIMIT) else "missed"
    return [
        "## A model larger than an executor's memory",
        "",
        f"A transformer of 16 layers with {format_bytes(weights)} of weights, executors of {LIMIT}, {planned.n_stages} "
        f"stages, 100 micro-batches of 8 × 32 tokens. Processes that compute share {model.cores} cores here. Plans "
        "count that: layers were measured on an executor, and what stages waited for a core is not taken for their own "
        "time.",
        "",
        "| | |",
        "|---|--:|",
        f"| weights of the whole | {format_bytes(weights)} |",
        f"| limit of each executor | {LIMIT} |",
        f"| highest measured peak of a slot's process, of both runs | {format_bytes(peak)} ({verdict}) |",
        f"| bottleneck, planned from layers measured one by one | {planned.bottleneck * 1000:.1f} ms |",
        f"| measured | {measured * 1000:.1f} ms ({measured / planned.bottleneck - 1:+.0%}) |",
        f"| planned again with what the stages took | {second.bottleneck * 1000:.1f} ms |",
        f"| measured again | {new * 1000:.1f} ms ({new / second.bottleneck - 1:+.0%}) |",
        "",
        "```text",
        repr(corrected),
        "```",
        "",
    ]


def table(case: Case, runs: Sequence[tuple[float, float, StreamLoad]]) -> list[str]:
    seconds = statistics.median(run[0] for run in runs)
    whole = statistics.median(run[1] for run in runs)
    ratios = sorted(run[0] / case.bound for run in runs)
    verdict = "met" if seconds / case.bound <= TARGET else "missed"
    return [
        f"## {case.name}",
        "",
        "| | seconds | ÷ bound |",
        "|---|--:|--:|",
        f"| bound | {case.bound:.2f} | 1 |",
        f"| stream, median of {len(runs)} | {seconds:.2f} | {seconds / case.bound:.3f} ({verdict}) |",
        f"| least – most | | {ratios[0]:.3f} – {ratios[-1]:.3f} |",
        f"| the whole call, with rows to disk and back into a DataFrame | {whole:.2f} | {whole / case.bound:.3f} |",
        "",
        "```text",
        repr(runs[-1][2]),
        "```",
        "",
    ]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--quick", action="store_true", help="one run of each; writes nothing")
    words.add_argument("--runs", type=int, default=3)
    given = words.parse_args()
    parts: list[str] = []

    def show(lines: Sequence[str]) -> None:
        print("\n".join(lines), flush=True)
        parts.extend(lines)

    facts = machine(ROOT)
    with session(MASTER, "streaming benchmark") as spark:
        sleeping(spark, Case("warm", (0.0, 0.0, 0.0, 0.0), (1, 1, 1, 1)))
        for case in CASES:
            show(table(case, [sleeping(spark, case) for _ in range(1 if given.quick else given.runs)]))
    with session(MASTER, "streaming benchmark") as spark, TemporaryDirectory() as folder:
        show(too_large(spark, Path(folder)))
    if not given.quick:
        head = [
            "# Streaming",
            "",
            f"Written by `python benchmarks/streaming.py`: {BATCHES} micro-batches of {ROWS} rows on `{MASTER}`,",
            "on a warm session. The bound is the slowest stage × micro-batches, and the time of the first one in the",
            f"other stages. The target is {TARGET:.2f} × the bound for the stream, from the first batch that a slot is",
            "given to the last one whose outputs are beside its rows.",
            "",
        ]
        where = ["## Where", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts.items()), ""]
        PAGE.write_text("\n".join([*head, *parts, *where]))


if __name__ == "__main__":
    main()
