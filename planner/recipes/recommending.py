"""Item–item collaborative filtering: which items are liked by those who like an item.

The similarity of two items is the adjusted cosine of B. Sarwar, G. Karypis, J. Konstan and J. Riedl, Item-based
collaborative filtering recommendation algorithms, WWW 2001, section 3.1.3, doi:10.1145/371920.372071: over the users
who rated both, of ratings from which the user's mean is taken. Few such users prove little, so it is shrunk by
n / (n + λ), as in Y. Koren, Factorization meets the neighborhood, KDD 2008, section 2.2, doi:10.1145/1401890.1401944.

A similarity is made of sums over users, and a user's part of them needs no other user. So the work is cut by user
(`count_pairs`), costs the square of the number of a user's ratings, and Spark adds the parts up (`NEIGHBOURS`).
Executors need scipy, for the products of sparse matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["NEIGHBOURS", "count_pairs", "hit_rate", "pairs_schema", "popular", "recommend"]

PAIRS_AT_ONCE = 4_000_000
"""Pairs that are counted before they are handed on: about 200 MB."""

NEIGHBOURS = """
WITH similar AS (
    SELECT item, other, sum(common) AS common, round(
        sum(product) / nullif(sqrt(sum(item_square) * sum(other_square)), 0) * sum(common) / (sum(common) + :shrink), 12
    ) AS similarity
    FROM {pairs}
    GROUP BY item, other
), directed AS (
    SELECT stack(2, item, other, other, item) AS (item, neighbour), similarity, common FROM similar WHERE similarity > 0
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY item ORDER BY similarity DESC, neighbour) AS rank FROM directed
)
SELECT item, neighbour, similarity, common, rank FROM ranked WHERE rank <= :neighbours
"""
"""The most similar items of each item, from what `count_pairs` gave.

Similarities are rounded, so that equal ones are equal in whatever order their parts were added up.
"""


def pairs_schema(item: str) -> str:
    """Give the schema of what `count_pairs` gives, as Spark writes it.

    Parameters
    ----------
    item : str
        Spark's type of the items.

    Examples
    --------
    >>> pairs_schema("bigint")
    'item bigint, other bigint, product double, item_square double, other_square double, common bigint'
    """
    return f"item {item}, other {item}, product double, item_square double, other_square double, common bigint"


def count_pairs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sum over some users what the similarity of each pair of items is made of.

    Parameters
    ----------
    batches : iterable of RecordBatch
        ``user``, ``item``, ``rating``; all rows of a user, or none.

    Yields
    ------
    RecordBatch
        ``item`` < ``other``; over the users who rated both: ``product`` and the squares ``item_square`` and
        ``other_square`` of their centred ratings, and ``common``, how many they are.
    """
    rows = list(batches)
    if not sum(map(len, rows)):
        return
    ratings = pa.Table.from_batches(rows)
    items = pc.unique(ratings.column("item"))
    items = items.take(pc.array_sort_indices(items))
    centred, rated = _matrices(ratings, items)
    squared = centred.multiply(centred).tocsr()
    factors = [(rated, rated), (centred, centred), (squared, rated), (rated, squared)]
    for low, high in _blocks(rated):
        products = (_upper(left[:, low:high].T.tocsr() @ right, low) for left, right in factors)
        pair, common = next(products)
        sums = [_spread(pair, *product) for product in products]
        item, other = (items.take(pa.array(code)) for code in np.divmod(pair, len(items)))
        columns = [item, other, *map(pa.array, sums), pa.array(common.astype(np.int64))]
        yield pa.RecordBatch.from_arrays(columns, ["item", "other", "product", "item_square", "other_square", "common"])


def _matrices(ratings: pa.Table, items: pa.Array) -> tuple[Any, Any]:
    """Give the users' centred ratings, and where they are, as two sparse matrices of the same pattern."""
    from scipy import sparse

    user = np.asarray(ratings.column("user").combine_chunks().dictionary_encode().indices)
    item = np.asarray(pc.index_in(ratings.column("item"), value_set=items))
    rating = ratings.column("rating").to_numpy()
    mean = np.bincount(user, rating) / np.bincount(user)
    centred = rating - mean[user]
    centred[np.abs(centred) < 1e-9] = 0.0  # who rates all the same says nothing, whatever the last digit of his mean is
    shape = (len(mean), len(items))
    return tuple(sparse.csr_array((of, (user, item)), shape=shape) for of in (centred, np.ones(len(item))))


def _blocks(rated: Any) -> list[tuple[int, int]]:
    """Cut the items into runs that have at most `PAIRS_AT_ONCE` pairs, counted once for each user."""
    pairs = np.cumsum(rated.T @ rated.sum(axis=1))
    low, runs = 0, []
    while low < len(pairs):
        done = pairs[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(pairs, done + PAIRS_AT_ONCE, side="right")))
        runs.append((low, high))
        low = high
    return runs


def _upper(product: Any, low: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Give what stands right of the diagonal in some rows of a matrix, with the number of its place, rising."""
    from scipy import sparse

    part = sparse.triu(product, k=low + 1, format="coo")
    place = (part.row.astype(np.int64) + low) * product.shape[1] + part.col
    order = np.argsort(place)
    return place[order], part.data[order]


def _spread(
    places: npt.NDArray[np.int64], some: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Put values at their places; scipy leaves out what happens to add up to 0."""
    spread = np.zeros(len(places))
    spread[np.searchsorted(places, some)] = values
    return spread


def recommend(neighbours: pa.Table, ratings: pa.Table, users: Iterable[Any], count: int = 10) -> pd.DataFrame:
    """Recommend to some users what is similar to what they liked.

    The score of an item is the sum over its neighbours of similarity × how far the user rated them above his mean.

    Parameters
    ----------
    neighbours : pyarrow.Table
        ``item``, ``neighbour``, ``similarity``: what `NEIGHBOURS` gives.
    ratings : pyarrow.Table
        ``user``, ``item``, ``rating``; what a user has rated is not recommended to him.
    users : iterable
    count : int
        Items for each user, at most.

    Returns
    -------
    pandas.DataFrame
        ``user``, ``item``, ``score``, the best item of a user first.
    """
    rated = _of(ratings, users).to_pandas()
    liked = rated.assign(above=rated.rating - rated.groupby("user").rating.transform("mean"))
    liked = liked[liked.above > 1e-9][["user", "item", "above"]].rename(columns={"item": "neighbour"})
    found = neighbours.select(["item", "neighbour", "similarity"]).to_pandas().merge(liked, on="neighbour")
    found["score"] = (found.similarity * found.above).round(12)
    scores = found.groupby(["user", "item"], as_index=False)["score"].sum()
    return _best(scores, rated, count)


def popular(ratings: pa.Table, users: Iterable[Any], count: int = 10) -> pd.DataFrame:
    """Recommend to some users what most people rated: what a recommendation has to be better than; as `recommend`."""
    rated = _of(ratings, users).to_pandas()
    counts = ratings.column("item").value_counts()
    table = pd.DataFrame({"item": counts.field("values").to_pandas(), "score": counts.field("counts").to_pandas()})
    most = int(rated.groupby("user").size().max()) + count if len(rated) else 0
    table = table.sort_values(["score", "item"], ascending=[False, True]).head(most)
    return _best(rated[["user"]].drop_duplicates().merge(table, how="cross"), rated, count)


def hit_rate(recommended: pd.DataFrame, held: pa.Table) -> float:
    """Tell to which part of the users the item that was kept back is recommended.

    Parameters
    ----------
    recommended : pandas.DataFrame
        ``user``, ``item``, made without what was kept back.
    held : pyarrow.Table
        ``user``, ``item``: what `planner.recipes.ratings.hold_out` kept back.
    """
    kept_back = held.select(["user", "item"]).to_pandas()
    return len(kept_back.merge(recommended, on=["user", "item"])) / len(kept_back) if len(kept_back) else 0.0


def _of(ratings: pa.Table, users: Iterable[Any]) -> pa.Table:
    kind = ratings.schema.field("user").type
    return ratings.filter(pc.is_in(ratings.column("user"), value_set=pa.array(list(users), kind)))


def _best(scores: pd.DataFrame, rated: pd.DataFrame, count: int) -> pd.DataFrame:
    """Take what is rated already away, and the best of the rest."""
    left = scores.merge(rated[["user", "item"]], on=["user", "item"], how="left", indicator="known")
    left = left[left.known == "left_only"].drop(columns="known")
    ordered = left.sort_values(["user", "score", "item"], ascending=[True, False, True], ignore_index=True)
    return pd.DataFrame(ordered.groupby("user").head(count).reset_index(drop=True))
