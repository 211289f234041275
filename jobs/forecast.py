"""A forecasting model for each store, on generated sales or on your own, planned and run on Spark.

Submit it, or start it as it is, and it makes its own executors on this machine; a second run with the same history is
planned by what each store took in the first::

    spark-submit --master spark://host:7077 --py-files planner.zip jobs/forecast.py
    python jobs/forecast.py --executors 4 --history runs/stores
    python jobs/forecast.py --sales sales.parquet --out runs/forecast

Executors need scikit-learn: ``pip install 'spark-planner[jobs]'``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from planner.cli.app import exit_code
from planner.cli.options import Reader
from planner.cli.parser import Parser
from planner.recipes.sales import generate_sales, read_sales
from planner.recipes.views import forecast_line, forecast_view
from planner.report import table
from planner.spark import balance
from planner.spark.session import session, submitted


def parser() -> Parser:
    """Build the parser of this job."""
    words = Parser(prog="forecast.py", description="Fit a forecasting model for each store, on Spark.")
    words.add_argument(
        "--executors", metavar="N", help="without spark-submit: executors on this machine (2 if left out)"
    )
    words.add_argument("--slots", metavar="S", help="without spark-submit: slots of each (1 if left out)")
    words.add_argument("--sales", metavar="FILE", help="CSV or Parquet: store, article, day, sold, promotion")
    words.add_argument("--stores", metavar="N", help="without --sales: so many are generated (60 if left out)")
    words.add_argument("--articles", metavar="N", help="of the store that has the most (1000 if left out)")
    words.add_argument("--days", metavar="N", help="of the longest history (730 if left out)")
    words.add_argument("--seed", metavar="N", help="the same seed gives the same sales (0 if left out)")
    words.add_argument("--history", metavar="DIR", help="plan by the times of earlier runs, and add those of this one")
    words.add_argument("--out", metavar="DIR", help="a new folder for the forecasts (runs/forecast-TIME if left out)")
    return words


def forecast(argv: Sequence[str] | None = None) -> None:
    """Plan the stores, show the plan, fit their models, show and write the result."""
    words = parser().parse(argv)
    reader = Reader(words)
    executors, slots = reader.number("executors", 2, least=1, most=64), reader.number("slots", 1, least=1, most=64)
    stores, articles = reader.number("stores", 60, 1, 10_000), reader.number("articles", 1000, 1, 100_000)
    days, seed = reader.number("days", 730, 1, 10_000), reader.seed()
    out = reader.new_folder("out") or Path("runs", f"forecast-{datetime.now():%Y%m%d-%H%M%S}")
    if words.sales is not None:
        reader.refuse("is for generated sales, and --sales names a file", "stores", "articles", "days", "seed")
    reader.check()
    from planner.recipes.forecasting import FORECAST, fit  # only now: it says what to install where that is missing

    sales = read_sales(words.sales) if words.sales else pa.concat_tables(generate_sales(stores, days, seed, articles))
    master = None if submitted() else f"local-cluster[{executors},{slots},1024]"
    with session(master, "planner: forecast") as spark:
        groups = balance(spark.createDataFrame(sales), by="store", history=words.history)
        print(groups, flush=True)
        forecasts = groups.apply_in_pandas(fit, FORECAST).toArrow()
        print("", groups.load(), "", sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(forecasts, out / "forecasts.parquet")
    print(table(forecast_view(forecasts)), "", forecast_line(forecasts), sep="\n")
    print(f"result  {out / 'forecasts.parquet'}: {forecasts.num_rows} stores")


if __name__ == "__main__":
    sys.exit(exit_code(forecast))
