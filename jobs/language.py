"""Texts that are nearest to a query: tokenise, embed by a transformer, score, merge, planned and streamed on Spark.

Submit it, or start it as it is, and it makes its own executors on this machine::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/language.py --query "open a file"
    python jobs/language.py --executors 3 --texts docs --query "a lost executor"

It needs onnx and ONNX Runtime: ``pip install 'spark-planner[models]'``, on the driver and on the executors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from planner.cli.app import exit_code
from planner.cli.options import Reader
from planner.cli.parser import Parser
from planner.models import read_model
from planner.models.comparing import StreamRun, compared, write_streams
from planner.recipes.language import MERGE, passages, text_chain
from planner.report import table
from planner.spark.session import session, submitted


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="language.py", description="Find the texts that are nearest to a query, on Spark.")
    words.add_argument("--executors", metavar="N", help="executors to plan for, of one slot each (2 if left out)")
    words.add_argument("--texts", metavar="DIR", help=".txt, .md, .rst (the standard library's docstrings if left out)")
    words.add_argument("--limit", metavar="N", help="at most so many texts, evenly spread (1000 if left out)")
    words.add_argument("--query", metavar="TEXT", help="what to be near to ('open a file for reading' if left out)")
    words.add_argument("--batch", metavar="N", help="texts of a micro-batch (16 if left out)")
    words.add_argument(
        "--out", metavar="DIR", help="a new folder for scores and report (runs/language-TIME if left out)"
    )
    return words


def language(argv: Sequence[str] | None = None) -> None:
    """Measure the stages, plan and stream them, merge the scores, show and write the result."""
    words = parser().parse(argv)
    reader = Reader(words)
    executors, batch = reader.number("executors", 2, 1, 64), reader.number("batch", 16, 1, 4096)
    limit = reader.number("limit", 1000, 1, 10_000_000)
    out = reader.new_folder("out") or Path("runs", f"language-{datetime.now():%Y%m%d-%H%M%S}")
    reader.check()
    texts = passages(words.texts, limit)
    sample = {"text": np.array(texts["text"].slice(0, batch).to_pylist(), dtype=object)}
    chain = text_chain("open a file for reading" if words.query is None else words.query)
    master = None if submitted() else f"local-cluster[{executors},1,1024]"
    with session(master, "planner: language") as spark:
        plan = read_model(chain, batch=sample, spark=spark).plan(executors=executors, replicate=True)
        print(plan, flush=True)
        frame = spark.createDataFrame(texts).repartition(executors)
        result = plan.stream(spark, frame, columns=["text"], batch=batch)
        scored = result.frame.toArrow()
        merged = spark.sql(MERGE, scored=result.frame).toArrow()
    runs = [StreamRun("replicated", plan, result.load)]
    print("", result.load, "", table(compared(runs)), "", table(merged.slice(0, 10).to_pandas()), sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(scored, out / "scores.parquet")
    print(f"result  {out / 'scores.parquet'}: {scored.num_rows} texts of {merged.num_rows} sources")
    print(f"report  {write_streams('tokenise, embed, score', runs, out / 'report.html')}")


if __name__ == "__main__":
    sys.exit(exit_code(language))
