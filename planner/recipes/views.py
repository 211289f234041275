"""What a person wants to see of a result first."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pyarrow as pa

from planner.model.cluster import Cluster
from planner.recipes.recommending import hit_rate, popular, recommend
from planner.recipes.training import Training, accuracy
from planner.recipes.training_data import Rings, Source

__all__ = [
    "accuracy_line",
    "cores_line",
    "forecast_line",
    "forecast_view",
    "hits_line",
    "index_view",
    "speedup_view",
    "training_view",
]


def index_view(index: pa.Table, rows: int = 10) -> pd.DataFrame:
    """Give the first rows of an index of source files in a few short columns.

    Parameters
    ----------
    index : pyarrow.Table
        As `planner.recipes.corpus.assemble` gives it.
    rows : int

    Returns
    -------
    pandas.DataFrame
        ``module``, ``kB``, ``top terms``, ``nearest`` and ``cosine``.
    """
    first = index.slice(0, rows).to_pylist()
    return pd.DataFrame(
        {
            "module": [row["module"] for row in first],
            "kB": [row["bytes"] / 1000 for row in first],
            "top terms": [" ".join(row["top_terms"][:4]) for row in first],
            "nearest": [row["neighbours"][0] if row["neighbours"] else "" for row in first],
            "cosine": [round(row["similarities"][0], 3) if row["similarities"] else None for row in first],
        }
    )


def forecast_view(forecasts: pa.Table, rows: int = 10) -> pd.DataFrame:
    """Give the stores that will sell most, in a few short columns.

    Parameters
    ----------
    forecasts : pyarrow.Table
        As `planner.recipes.forecasting.FORECAST`.
    rows : int

    Returns
    -------
    pandas.DataFrame
        ``store``, ``articles``, ``days``, ``promotion`` (factor), ``growth`` (a year), ``error`` and ``naive`` (error
        of last week, repeated), ``forecast`` (of all days that were forecast together).
    """
    table = forecasts.to_pandas()
    view = table[["store", "articles", "days", "promotion", "growth", "error"]].assign(
        naive=table.naive_error, forecast=[float(np.sum(days)) for days in table.forecast]
    )
    return pd.DataFrame(view.sort_values("forecast", ascending=False, ignore_index=True).head(rows).round(3))


def forecast_line(forecasts: pa.Table) -> str:
    """Say in a line how good forecasts are, by days that the models did not know.

    Examples
    --------
    >>> forecast_line(pa.table({"error": [2.0, 3.0, None], "naive_error": [4.0, 2.0, None]}))
    'better than last week repeated in 1 of 2 stores, mean error 0.83 × its; 1 with too short a history'
    """
    errors = forecasts.select(["error", "naive_error"]).to_pandas().astype(np.float64).dropna()
    better, short = int((errors.error < errors.naive_error).sum()), forecasts.num_rows - len(errors)
    if errors.empty:
        return f"{short} stores with too short a history for a model"
    line = f"better than last week repeated in {better} of {len(errors)} stores"
    line += f", mean error {errors.error.sum() / errors.naive_error.sum():.2f} × its"
    return line + (f"; {short} with too short a history" if short else "")


def hits_line(neighbours: pa.Table, ratings: pa.Table, held: pa.Table, count: int = 10) -> str:
    """Say in a line how often what was kept back is recommended, by neighbours and by popularity alone.

    Parameters
    ----------
    neighbours, ratings : pyarrow.Table
        As `planner.recipes.recommending.recommend` takes them.
    held : pyarrow.Table
        What `planner.recipes.ratings.hold_out` kept back.
    count : int
        Items that are recommended to each user.
    """
    users = held.column("user").to_pylist()
    if not users:
        return "nothing was kept back, so nothing tells how good these are"
    ours, plain = (
        hit_rate(recommended, held)
        for recommended in (recommend(neighbours, ratings, users, count), popular(ratings, users, count))
    )
    return (
        f"of {len(users)} users, {ours:.1%} find a liked item that was kept back among {count}; "
        f"by popularity alone, {plain:.1%}"
    )


def training_view(trained: Training, rows: int = 8) -> pd.DataFrame:
    """Give some steps of a training, from the first to the last: ``step``, ``loss`` and ``accuracy`` before it."""
    steps = len(trained.losses)
    chosen = np.unique(np.linspace(0, steps - 1, min(rows, steps)).astype(np.int64))
    return pd.DataFrame(
        {
            "step": chosen + 1,
            "loss": np.round(np.array(trained.losses)[chosen], 4),
            "accuracy": np.round(np.array(trained.accuracies)[chosen], 4),
        }
    )


def speedup_view(curve: pd.DataFrame) -> pd.DataFrame:
    """Set the predicted speed-up on ever more executors beside the measured one.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``executors``, ``makespan`` (predicted) and ``measured``, both in seconds.

    Returns
    -------
    pandas.DataFrame
        ``executors``, ``predicted`` and ``measured`` (seconds), ``speedup predicted`` and ``speedup measured`` over
        the first row.

    Examples
    --------
    >>> view = speedup_view(pd.DataFrame({"executors": [1, 2], "makespan": [8.0, 4.0], "measured": [9.0, 6.0]}))
    >>> view.iloc[1].tolist()
    [2.0, 4.0, 6.0, 2.0, 1.5]
    """
    of = {"predicted": curve.makespan.astype(float), "measured": curve.measured.astype(float)}
    times = {name: times.round(3) for name, times in of.items()}
    gains = {f"speedup {name}": (times.iloc[0] / times).round(2) for name, times in of.items()}
    return pd.DataFrame({"executors": curve.executors, **times, **gains})


def accuracy_line(trained: Training, source: Source) -> str:
    """Say in a line how good a network is, by rows that it has not learnt from."""
    line = f"{accuracy(trained, source):.1%} of the rows that were kept back are told rightly"
    return line + (f"; who knows the rings tells {source.best:.1%}" if isinstance(source, Rings) else "")


def cores_line(cluster: Cluster) -> str:
    """Say in a line what executors of one machine can show of a speed-up."""
    hosts = {executor.host for executor in cluster.executors}
    cores = os.cpu_count() or 1
    if len(hosts) > 1 or cluster.n_slots <= cores:
        return f"{cluster.n_slots} slots on {len(hosts)} host{'s' * (len(hosts) != 1)}"
    return f"{cluster.n_slots} slots share the {cores} cores of {hosts.pop()}: beyond that, no speed-up can be measured"
