"""Sales of stores with a structure that is known, so that a forecast of them can be checked against the truth.

A store sells a number of articles for a number of days, and both follow Zipf's law, each in an order of its own: a few
stores have hundreds of times the rows of most others. What an article sells on a day is a Poisson variable (with
gamma-distributed noise in its mean, because real counts scatter more than Poisson's) around ::

    level × article × (1 + growth) ** years × weekday × exp(season × cos(2π (day − peak) / 365.25)) × promotion

whose factors differ from store to store; `planted` tells them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from planner.errors import Fault, InputError
from planner.recipes.tables import null_faults, read_table, some

__all__ = ["SALES", "YEAR", "generate_sales", "planted", "read_sales"]

SALES = pa.schema(
    [
        ("store", pa.string()),
        ("article", pa.int32()),
        ("day", pa.date32()),
        ("sold", pa.int64()),
        ("promotion", pa.bool_()),
    ]
)
"""A row for each article of a store and each day of its history."""

YEAR = 365.25
"""Days."""

LAST_DAY = np.datetime64("2025-12-31")
"""Of every history: stores opened on different days."""

SHORTEST = 70
"""Days of the shortest history."""

ZIPF_ARTICLES = 1.1
"""Exponent of the number of articles over the rank of a store."""

ZIPF_DAYS = 0.4
"""Exponent of the length of its history."""

WEEK = np.log([0.85, 0.8, 0.85, 0.95, 1.2, 1.6, 0.95])
"""Logarithm of what an average store sells on Monday, Tuesday, ...; each store departs from it."""

PROMOTED = 0.12
"""Part of all weeks in which an article is promoted."""

NOISE = 0.2
"""Standard deviation of the gamma-distributed factor of each mean."""


def planted(stores: int, days: int, seed: int = 0, articles: int = 60) -> pd.DataFrame:
    """Tell what `generate_sales` plants into each store.

    Parameters
    ----------
    stores, days, seed, articles : int
        As there.

    Returns
    -------
    pandas.DataFrame
        A row a store: ``store``, ``articles``, ``days`` (of its history), ``level`` (sold by a middling article on a
        middling weekday, when the store opened), ``growth`` (a year; 0.1 is 10 %), ``promotion`` (factor), ``season``
        (amplitude of the logarithm over the year), ``peak`` (day of the year with the most sales, from 0), ``weekday``
        (seven factors from Monday, whose geometric mean is 1).

    Examples
    --------
    >>> truth = planted(stores=3, days=400)
    >>> sorted(truth.articles), sorted(truth.days)
    ([18, 28, 60], [258, 303, 400])
    """
    rng = np.random.default_rng([seed, 4])
    size, age = rng.permutation(stores) + 1.0, rng.permutation(stores) + 1.0
    weekday = WEEK + rng.normal(0, 0.1, (stores, 7))
    weekday -= weekday.mean(axis=1, keepdims=True)
    width = len(str(stores - 1))
    return pd.DataFrame(
        {
            "store": [f"s{i:0{width}d}" for i in range(stores)],
            "articles": np.maximum(1, np.rint(articles / size**ZIPF_ARTICLES)).astype(np.int64),
            "days": np.maximum(min(SHORTEST, days), np.rint(days / age**ZIPF_DAYS)).astype(np.int64),
            "level": rng.lognormal(np.log(12), 0.4, stores),
            "growth": rng.uniform(-0.1, 0.2, stores),
            "promotion": rng.uniform(1.2, 2.0, stores),
            "season": rng.uniform(0.1, 0.4, stores),
            "peak": rng.integers(0, 365, stores),
            "weekday": list(np.exp(weekday)),
        }
    )


def generate_sales(stores: int, days: int, seed: int = 0, articles: int = 60) -> Iterator[pa.Table]:
    """Generate the sales of one store after another.

    Parameters
    ----------
    stores : int
    days : int
        Of the longest history.
    seed : int
        The same seed gives the same sales.
    articles : int
        Of the store that has the most.

    Yields
    ------
    pyarrow.Table
        As `SALES`.

    Examples
    --------
    >>> sizes = [table.num_rows for table in generate_sales(stores=60, days=400)]
    >>> min(sizes), max(sizes)
    (79, 7080)
    """
    for i, truth in enumerate(planted(stores, days, seed, articles).itertuples(index=False)):
        yield _sales_of(truth, np.random.default_rng([seed, 5, i]))


def _sales_of(truth: Any, rng: np.random.Generator) -> pa.Table:
    shape = (truth.articles, truth.days)
    age = np.arange(truth.days)
    day = LAST_DAY - age[::-1]
    of_year = (day - day.astype("M8[Y]")).astype(np.int64)
    weekday = (day.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    season = truth.season * np.cos(2 * np.pi * (of_year - truth.peak) / YEAR)
    log_mean = np.log(truth.level * truth.weekday[weekday]) + np.log1p(truth.growth) * age / YEAR + season
    article = rng.normal(0, 0.5, truth.articles)
    article -= article.mean()
    weeks = rng.random((truth.articles, truth.days // 7 + 1)) < PROMOTED
    promotion = weeks.repeat(7, axis=1)[:, : truth.days]
    mean = np.exp(log_mean + article[:, None]) * np.where(promotion, truth.promotion, 1.0)
    sold = rng.poisson(mean * rng.gamma(NOISE**-2, NOISE**2, shape))
    columns = [
        pa.array([truth.store] * sold.size, pa.string()),
        pa.array(np.repeat(np.arange(truth.articles, dtype=np.int32), truth.days)),
        pa.array(np.tile(day, truth.articles)),
        pa.array(sold.ravel()),
        pa.array(promotion.ravel()),
    ]
    return pa.table(columns, schema=SALES)


def read_sales(path: str | os.PathLike[str]) -> pa.Table:
    """Read sales from a CSV file, or from Parquet.

    Parameters
    ----------
    path : str or path
        With the columns of `SALES`.

    Returns
    -------
    pyarrow.Table
        As `SALES`.

    Raises
    ------
    InputError
        For everything that is wrong: columns that are missing or of another type, nothing sold, nulls, negative
        numbers, days of an article that are there twice.
    """
    sales = read_table(path, dict(zip(SALES.names, SALES.types, strict=True)))
    shown, key = os.fspath(path), ["store", "article", "day"]
    faults = [Fault(shown, "has no rows; expected sales")] if not sales.num_rows else []
    faults += null_faults(sales, shown)
    negative = sales.filter(pc.less(sales.column("sold"), 0)).select([*key, "sold"])
    if negative.num_rows:
        faults.append(Fault(f"{shown}: sold", f"is negative ({some(negative)}); expected 0 or more"))
    counted = sales.group_by(key).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1)).select(key)
    if twice.num_rows:
        faults.append(Fault(shown, f"has an article twice on a day ({some(twice)}); expected one row"))
    if faults:
        raise InputError(faults)
    return sales
