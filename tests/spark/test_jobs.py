"""The two example jobs as people start them: the same result as the plain computation, and what it took."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from direct_neighbours import direct_similarities, same_neighbours

from planner.recipes.forecasting import fit
from planner.recipes.ratings import generate_ratings, hold_out
from planner.recipes.sales import generate_sales

ROOT = Path(__file__).resolve().parents[2]
MASTER = ["--master", "local-cluster[2,1,1024]"]


def started(*words: str | Path, cwd: Path) -> str:
    """Start something that has to work, away from the checkout, and give what it printed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    command = list(map(str, words))
    said = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=250, check=False)
    assert said.returncode == 0, said.stderr[-3000:]
    return said.stdout


def submit(*words: str | Path, cwd: Path) -> str:
    """Call spark-submit as a user does, with the package in a zip."""
    subprocess.run([sys.executable, ROOT / "conf" / "package.py", cwd / "planner.zip"], check=True, capture_output=True)
    command = [Path(sys.executable).parent / "spark-submit", *MASTER, "--py-files", cwd / "planner.zip"]
    return started(*command, *words, cwd=cwd)


def test_stores_are_forecast_and_the_second_run_knows_what_they_took(tmp_path: Path) -> None:
    words = ("--stores", "9", "--articles", "12", "--days", "400", "--seed", "3", "--history", tmp_path / "history")
    said = submit(ROOT / "jobs" / "forecast.py", *words, "--out", "first", cwd=tmp_path)
    assert "weighed by rows" in " ".join(said.split()) and "lower bound" in said
    assert "Load of 9 keys by store" in said and "measured makespan" in said
    assert "better than last week repeated in" in said

    expected = pd.concat([fit(table.to_pandas()) for table in generate_sales(9, 400, seed=3, articles=12)])
    found = pq.read_table(tmp_path / "first" / "forecasts.parquet").to_pandas().sort_values("store", ignore_index=True)
    assert found.columns.tolist() == expected.columns.tolist()
    for name in ("store", "articles", "days", "first_day"):
        assert found[name].tolist() == expected[name].tolist()
    for name in ("level", "growth", "promotion", "error", "naive_error"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-9, nan_ok=True)
    assert np.vstack(found.forecast) == pytest.approx(np.vstack(expected.forecast), rel=1e-9)

    job = [sys.executable, ROOT / "jobs" / "forecast.py", "--executors", "1", "--slots", "2"]
    again = started(*job, *words, "--out", "second", cwd=tmp_path)
    assert "weighed by measured seconds" in " ".join(again.split()) and "predicted makespan" in again
    assert len(list((tmp_path / "history").glob("*.parquet"))) == 2


def test_neighbours_are_those_of_the_direct_computation(tmp_path: Path) -> None:
    ratings = generate_ratings(users=400, items=120, ratings=6_000, seed=4)
    csv.write_csv(ratings.rename_columns(["userId", "movieId", "rating"]), tmp_path / "ratings.csv")
    words = ("--ratings", "ratings.csv", "--neighbours", "15", "--shrink", "30", "--held", "100", "--user", "7")
    said = submit(ROOT / "jobs" / "recommend.py", *words, "--out", "out", cwd=tmp_path)
    assert "weighed by n_rows**2" in " ".join(said.split()) and "lower bound" in said
    assert "measured makespan" in said
    assert "for user 7:" in said and "of 100 users, " in said

    known, _ = hold_out(ratings, users=100)
    found = pq.read_table(tmp_path / "out" / "neighbours.parquet").to_pandas()
    assert same_neighbours(found, direct_similarities(known, shrink=30), count=15)
    both = known.to_pandas().merge(known.to_pandas(), on="user").groupby(["item_x", "item_y"]).size()
    assert found.common.tolist() == both[list(zip(found.item, found.neighbour, strict=True))].tolist()
