"""A small neural network trained in step on all executors, on generated rows or on your own, planned and run on Spark.

Submit it, or start it as it is, and it makes its own executors on this machine; ``--curve`` measures the speed-up::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/train.py
    python jobs/train.py --executors 2 --curve
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from planner import curve, plan
from planner.cli.app import exit_code
from planner.cli.options import Reader
from planner.cli.parser import Parser
from planner.partitioners.sharding import TASK_OVERHEAD_US
from planner.recipes.training import HIDDEN, save
from planner.recipes.training_data import Rings, Source
from planner.recipes.training_graph import RESULT, costs_graph, training_graph
from planner.recipes.training_table import open_table
from planner.recipes.views import accuracy_line, cores_line, speedup_view, training_view
from planner.report import load_text, plan_text, table, write_curve, write_report
from planner.spark import discover, run
from planner.spark.session import session, submitted

NUMBERS = {
    "executors": (2, 1, 64, "without spark-submit: executors on this machine"),
    "slots": (1, 1, 64, "without spark-submit: slots of each"),
    "rows": (200_000, 100, 10**9, "without --table: rows that are generated"),
    "hidden": (HIDDEN, 1, 10_000, "hidden units of the network"),
    "steps": (80, 1, 10_000, "steps of the training"),
    "seed": (0, 0, None, "for all that is left to chance"),
}
"""Of each option that is a number: what it is if left out, the least and the most that it may be, what it means."""


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="train.py", description="Train a small neural network in step on all executors, on Spark.")
    words.add_argument("--table", metavar="FILE", help="CSV or Parquet that all executors can read: label and numbers")
    words.add_argument("--label", metavar="NAME", help="with --table: the column that is learnt (label if left out)")
    for name, (default, _, _, told) in NUMBERS.items():
        words.add_argument(f"--{name}", metavar="N", help=f"{told} ({default} if left out)")
    words.add_argument("--curve", action="store_true", help="train on 1, 2, … executors too, and measure the speed-up")
    words.add_argument("--out", metavar="DIR", help="a new folder for what is written (runs/train-TIME if left out)")
    return words


def train(argv: Sequence[str] | None = None) -> None:
    """Measure what a block takes, plan the training, show the plan, run it, show and write the result."""
    words = parser().parse(argv)
    reader = Reader(words)
    number = {name: reader.number(name, default, least, most) for name, (default, least, most, _) in NUMBERS.items()}
    out = reader.new_folder("out") or Path("runs", f"train-{datetime.now():%Y%m%d-%H%M%S}")
    if words.table is not None:
        reader.refuse("is for generated rows, and --table names a file", "rows")
    else:
        reader.refuse("names a column of --table, which is left out", "label")
    reader.check()
    rings: Source = Rings(number["rows"], seed=number["seed"])
    source = rings if words.table is None else open_table(words.table, words.label or "label")
    master = None if submitted() else f"local-cluster[{number['executors']},{number['slots']},1024]"
    with session(master, "planner: train") as spark:
        cluster = replace(discover(spark), overhead_us=TASK_OVERHEAD_US)
        costs = run(plan(costs_graph(source, number["hidden"]), cluster), spark, progress="none")[RESULT]
        graph = training_graph(source, costs, **{name: number[name] for name in ("steps", "hidden", "seed")})
        counts = range(1, len(cluster.executors) + 1)[0 if words.curve else -1 :]
        grown = curve(graph, counts, cluster=cluster, iterations=50)  # steps are alike, and any plan is near the bound
        *fewer, planned = map(grown.at, counts)
        print(plan_text(planned), flush=True)
        measured = [run(each, spark).load.measured_makespan_us / 1e6 for each in fewer]
        done = run(planned, spark, run_dir=out)
    report = write_report(planned, done.load, out / "report.html")
    save(trained := done[RESULT], source, out / "network.npz")
    print("", load_text(done.load, planned), "", table(training_view(trained)), "", sep="\n")
    if words.curve:
        points = grown.to_pandas().assign(measured=[*measured, done.load.measured_makespan_us / 1e6])
        drawn = write_curve(points, out / "curve.svg")
        print(table(speedup_view(points)), cores_line(cluster), f"\ncurve   {drawn}", sep="\n")
    print(f"result  {out / 'network.npz'}: {accuracy_line(trained, source)}", f"report  {report}", sep="\n")


if __name__ == "__main__":
    sys.exit(exit_code(train))
