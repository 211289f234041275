"""Adjusted cosines of all pairs of items, from one sparse matrix of the whole file: what parts have to add up to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse

__all__ = ["direct_similarities", "same_neighbours"]


def direct_similarities(ratings: pa.Table, shrink: float) -> pd.DataFrame:
    """Give the similarity of each item to each other, as a square table; 0 for an item and itself."""
    frame = ratings.to_pandas()
    users, user = np.unique(frame.user, return_inverse=True)
    items, item = np.unique(frame.item, return_inverse=True)
    mean = frame.groupby("user").rating.transform("mean")
    shape = (len(users), len(items))
    centred = sparse.csr_array((frame.rating - mean, (user, item)), shape=shape)
    rated = sparse.csr_array((np.ones(len(frame)), (user, item)), shape=shape)
    squares = (centred.power(2).T @ rated).toarray()
    common = (rated.T @ rated).toarray()
    length = np.sqrt(squares * squares.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(length > 1e-12, (centred.T @ centred).toarray() / length, 0.0)
        similarity = cosine * common / (common + shrink) if shrink else cosine
    np.fill_diagonal(similarity, 0.0)
    return pd.DataFrame(np.nan_to_num(similarity), index=items, columns=items)


def same_neighbours(found: pd.DataFrame, direct: pd.DataFrame, count: int) -> bool:
    """Tell whether each item has its nearest, in order, by the direct similarities; equal ones may change places.

    Parameters
    ----------
    found : pandas.DataFrame
        ``item``, ``neighbour``, ``similarity``, ``rank``.
    direct : pandas.DataFrame
        As `direct_similarities` gives them.
    count : int
    """
    found = found.sort_values(["item", "rank"])
    near = found.groupby("item").similarity.agg(list)
    for item, row in direct.iterrows():
        best: npt.NDArray[np.float64] = np.sort(row.to_numpy())[::-1][:count]
        if not np.allclose(near.get(item, []), best[best > 1e-12], rtol=0, atol=1e-9):
            return False
    known = [direct.at[item, other] for item, other in zip(found.item, found.neighbour, strict=True)]
    return bool(np.allclose(found.similarity, known, rtol=0, atol=1e-9)) and len(found) == len(known)
