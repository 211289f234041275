"""What a person wants to see of a result first."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

__all__ = ["index_view"]


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
