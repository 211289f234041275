"""An index of the Python source files of this interpreter's standard library, planned and run on Spark.

Submit it, or start it as it is, and it makes its own executors on this machine::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/corpus.py
    python jobs/corpus.py --executors 4 --limit 200
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from planner import plan
from planner.cli.app import exit_code
from planner.cli.options import Reader, whole
from planner.cli.parser import Parser
from planner.recipes.corpus_graph import RESULT, corpus_graph
from planner.recipes.source_text import source_files
from planner.recipes.views import index_view
from planner.report import load_text, plan_text, table, write_report
from planner.spark import discover, run
from planner.spark.session import session, submitted


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="corpus.py", description="Index the Python files of the standard library, on Spark.")
    words.add_argument(
        "--executors", metavar="N", help="without spark-submit: executors on this machine (2 if left out)"
    )
    words.add_argument("--slots", metavar="S", help="without spark-submit: slots of each (1 if left out)")
    words.add_argument("--root", metavar="DIR", help="index the Python files below this folder instead")
    words.add_argument("--limit", metavar="N", help="index only so many files, spread over all of them")
    words.add_argument(
        "--out", metavar="DIR", help="a new folder for all that is written (runs/corpus-TIME if left out)"
    )
    words.add_argument("--budget", metavar="TIME", help="search for a plan for so long, unless it is proved before")
    return words


def corpus(argv: Sequence[str] | None = None) -> None:
    """Plan the index, show the plan, run it, show and write the result."""
    words = parser().parse(argv)
    reader = Reader(words)
    executors, slots = reader.number("executors", 2, least=1, most=64), reader.number("slots", 1, least=1, most=64)
    limit, budget = reader.option("limit", None, lambda text: whole(text, least=1)), reader.budget()
    out = reader.new_folder("out") or Path("runs", f"corpus-{datetime.now():%Y%m%d-%H%M%S}")
    reader.check()
    files = source_files(words.root, limit)
    graph = corpus_graph(files, words.root)
    master = None if submitted() else f"local-cluster[{executors},{slots},1024]"
    with session(master, "planner: corpus") as spark:
        planned = plan(graph, discover(spark), budget=budget)
        print(plan_text(planned), flush=True)
        done = run(planned, spark, run_dir=out)
    index = done[RESULT]
    pq.write_table(index, out / "index.parquet")
    report = write_report(planned, done.load, out / "report.html")
    print("", load_text(done.load, planned), "", table(index_view(index)), "", sep="\n")
    print(f"result  {out / 'index.parquet'}: {index.num_rows} modules", f"report  {report}", sep="\n")


if __name__ == "__main__":
    sys.exit(exit_code(corpus))
