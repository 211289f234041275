"""Ratings of items by users: generated with tastes that are known, or read from a file and checked."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from planner.errors import Fault, InputError
from planner.recipes.tables import null_faults, read_table, some

__all__ = ["TASTES", "at_most", "generate_ratings", "hold_out", "named_user", "read_ratings"]

TASTES = 8
"""A generated user ``u`` has the taste ``u % TASTES``, and prefers items ``i`` with ``i % TASTES`` the same."""

LOYALTY = 0.7
"""Part of a generated user's ratings that are drawn from the items of his taste; the others from all."""

ZIPF_ITEMS = 1.0
"""Exponent of an item's popularity over its rank."""

ZIPF_USERS = 1.0
"""Exponent of the number of a user's ratings over his rank."""

FEWEST = 5
"""Ratings of a generated user at least; and of one whose recommendation is measured."""

ROUNDS = 10
"""In which users draw what they rate."""

MOVIELENS = {"userId": "user", "movieId": "item", "user_id": "user", "item_id": "item"}
"""Other names of the columns."""


def generate_ratings(users: int, items: int, ratings: int, seed: int = 0) -> pa.Table:
    """Generate ratings: a few items are rated by most users, and a few users rate very many.

    Parameters
    ----------
    users, items : int
        At least `TASTES` items.
    ratings : int
        About so many, as far as no user has to rate more than half of the items for it.
    seed : int
        The same seed gives the same ratings.

    Returns
    -------
    pyarrow.Table
        ``user``, ``item``, ``rating`` (0.5 to 5 in steps of 0.5), sorted by user and item.

    Examples
    --------
    >>> ratings = generate_ratings(users=100, items=200, ratings=3000)
    >>> ratings.column_names, ratings.num_rows
    (['user', 'item', 'rating'], 1959)
    """
    rng = np.random.default_rng(seed)
    popularity = 1 / (rng.permutation(items) + 1.0) ** ZIPF_ITEMS
    activity = 1 / (rng.permutation(users) + 1.0) ** ZIPF_USERS
    wanted = np.clip(np.rint(activity / activity.sum() * ratings), FEWEST, items // 2).astype(np.int64)
    rated = np.empty(0, dtype=np.int64)
    for _ in range(ROUNDS):  # what a user draws again is drawn anew in the next round
        user = np.repeat(np.arange(users), wanted - np.bincount(rated // items, minlength=users))
        rated = np.unique(np.append(rated, user * items + _items_for(user, popularity, rng)))
    user, item = np.divmod(rated, items)
    liked = np.where(user % TASTES == item % TASTES, 0.8, -0.8)
    habits = rng.normal(0, 0.4, users)[user] + rng.normal(0, 0.4, items)[item]
    rating = np.clip(np.rint(2 * (3 + habits + liked + rng.normal(0, 0.6, len(user)))) / 2, 0.5, 5.0)
    return pa.table({"user": user, "item": item, "rating": rating})


def _items_for(
    user: npt.NDArray[np.int64], popularity: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw an item for each, by popularity: from those of his taste, or from all."""
    loyal = rng.random(len(user)) < LOYALTY
    chosen = np.empty(len(user), dtype=np.int64)
    for taste in range(-1, TASTES):
        items = np.arange(len(popularity)) if taste < 0 else np.arange(taste, len(popularity), TASTES)
        rows = np.flatnonzero(~loyal if taste < 0 else loyal & (user % TASTES == taste))
        upto = np.cumsum(popularity[items])
        chosen[rows] = items[np.searchsorted(upto[:-1], rng.random(len(rows)) * upto[-1], side="right")]
    return chosen


def read_ratings(path: str | os.PathLike[str]) -> pa.Table:
    """Read ratings from a CSV file, or from Parquet.

    Parameters
    ----------
    path : str or path
        With the columns ``user``, ``item`` and ``rating``, or ``userId`` and ``movieId`` as MovieLens has them; others
        are left alone.

    Returns
    -------
    pyarrow.Table
        ``user``, ``item`` (whole numbers or text), ``rating``.

    Raises
    ------
    InputError
        For everything that is wrong: columns that are missing or of another type, no rows, nulls, ratings that are no
        number, an item that a user has rated twice.
    """
    found = read_table(path, {"user": None, "item": None, "rating": pa.float64()}, MOVIELENS)
    shown, faults = os.fspath(path), []
    for i, name in enumerate(("user", "item")):
        kind = _plain(found.schema.field(name).type)
        if kind is None:
            problem = f"is {found.schema.field(name).type}; expected whole numbers or text"
            faults.append(Fault(f"{shown}: {name}", problem))
        else:
            found = found.set_column(i, name, found.column(name).cast(kind))
    faults += null_faults(found, shown)
    wrong = found.filter(pc.invert(pc.is_finite(found.column("rating"))))
    if wrong.num_rows:
        faults.append(Fault(f"{shown}: rating", f"is no number ({some(wrong)}); expected one, such as 3.5"))
    if not found.num_rows:
        faults.append(Fault(shown, "has no rows; expected ratings"))
    if all(_plain(kind) is not None for kind in found.schema.types[:2]):
        faults += _twice(found, shown)
    if faults:
        raise InputError(faults)
    return found


def _twice(ratings: pa.Table, shown: str) -> list[Fault]:
    counted = ratings.group_by(["user", "item"]).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1)).select(["user", "item"])
    if not twice.num_rows:
        return []
    return [Fault(shown, f"has an item twice of the same user ({some(twice)}); expected one rating")]


def _plain(kind: pa.DataType) -> pa.DataType | None:
    """Give the type that ids are kept in, or None where they can be no ids."""
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return pa.int64()
    return pa.string() if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def named_user(ratings: pa.Table, name: str | None) -> Any:
    """Find the user that ``--user`` names; without one, the user who rated most.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> ratings = pa.table({"user": [7, 8, 8], "item": [1, 1, 2]})
    >>> named_user(ratings, "7"), named_user(ratings, None)
    (7, 8)
    """
    counts = ratings.column("user").value_counts().sort("descending", by="counts")
    if name is None:
        return counts.field("values")[0].as_py()
    for user in counts.field("values"):
        if str(user) == name:
            return user.as_py()
    first = counts.field("values")[0]
    raise InputError([Fault("--user", f"{name!r} has rated nothing; expected a user who has, such as {first}")])


def at_most(ratings: pa.Table, per_user: int | None, seed: int = 0) -> pa.Table:
    """Keep at most so many ratings of each user, chosen by chance: pairs grow with the square of them.

    Parameters
    ----------
    ratings : pyarrow.Table
        With ``user``.
    per_user : int or None
        None keeps all.
    seed : int

    Examples
    --------
    >>> at_most(pa.table({"user": [1, 1, 1, 2], "item": [1, 2, 3, 1]}), 2).column("user").to_pylist()
    [1, 1, 2]
    """
    if per_user is None:
        return ratings
    return ratings.filter(pa.array(_shuffled_rank(ratings, seed) < per_user))


def hold_out(ratings: pa.Table, users: int, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Keep one liked item of some users back: what a recommendation for them should find.

    Parameters
    ----------
    ratings : pyarrow.Table
        ``user``, ``item``, ``rating``.
    users : int
        At most so many users, chosen by chance among those who rated something above their own mean and at least
        `FEWEST` items.
    seed : int

    Returns
    -------
    kept, held : pyarrow.Table
        All rows but the held ones, and one row for each of those users.
    """
    code = _codes(ratings, "user")
    rating = ratings.column("rating").to_numpy()
    count = np.bincount(code)
    mean = np.bincount(code, rating) / count
    rank = _shuffled_rank(ratings, seed)
    liked = np.flatnonzero((rating > mean[code] + 1e-9) & (count[code] >= FEWEST))
    liked = liked[np.lexsort((rank[liked], code[liked]))]
    first = liked[np.unique(code[liked], return_index=True)[1]]
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(first)[:users])
    held = np.zeros(len(code), dtype=np.bool_)
    held[rows] = True
    return ratings.filter(pa.array(~held)), ratings.take(pa.array(rows))


def _codes(ratings: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """Give each value of a column a number."""
    encoded = ratings.column(name).combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, dtype=np.int64)


def _shuffled_rank(ratings: pa.Table, seed: int) -> npt.NDArray[np.int64]:
    """Give the rows of each user the numbers from 0 on, in an order made by chance."""
    code = _codes(ratings, "user")
    order = np.lexsort((np.random.default_rng([seed, 0]).random(len(code)), code))
    begin = np.searchsorted(code[order], np.arange(code.max(initial=-1) + 1))
    rank = np.empty(len(code), dtype=np.int64)
    rank[order] = np.arange(len(code)) - begin[code[order]]
    return rank
