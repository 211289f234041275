"""The steps of an index of Python source files: count words, weigh them, find neighbours.

Every step takes and gives Arrow tables. The result does not depend, to the last digit, on how the files are cut into
shards: what is merged are whole numbers; a float is computed from whole numbers of one document, by `math` and not by
vector instructions that may round differently from lane to lane; and cosines are sums of whole numbers, because unit
vectors are kept as multiples of 2 ** -24.

Weights are those of G. Salton and C. Buckley, Term-weighting approaches in automatic text retrieval, Information
Processing & Management 24(5), 1988, 513–523, doi:10.1016/0306-4573(88)90021-0: (1 + ln tf) · ln(N / df), cosine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.recipes.source_text import words

__all__ = [
    "assemble",
    "count_documents",
    "index_terms",
    "merge_documents",
    "nearest",
    "tokenise",
    "weigh",
]

SCALE = 2**24
"""Weights are multiples of 1 / SCALE: products of two, and sums of all of them, fit into 53 bits."""

EVERYTHING = ""
"""A term that every document is taken to have: its document frequency is the number of documents."""


def tokenise(cleaned: pa.Table) -> pa.Table:
    """Count the words of every document.

    Returns
    -------
    pyarrow.Table
        `cleaned` without its text, with ``tokens``, and as lists ``terms`` (sorted) and ``counts``.
    """
    counts = [sorted(Counter(words(text.as_py())).items()) for text in cleaned.column("text")]
    return (
        cleaned.drop_columns(["text"])
        .append_column("tokens", pa.array([sum(n for _, n in row) for row in counts], pa.int64()))
        .append_column("terms", pa.array([[term for term, _ in row] for row in counts], pa.list_(pa.string())))
        .append_column("counts", pa.array([[n for _, n in row] for row in counts], pa.list_(pa.int32())))
    )


def count_documents(tokenised: pa.Table) -> pa.Table:
    """Count the documents of a shard that have each term; the empty term stands for all of them.

    Returns
    -------
    pyarrow.Table
        ``term`` (sorted), ``documents``.
    """
    terms = pa.concat_arrays([_flat(tokenised, "terms"), pa.array([EVERYTHING] * tokenised.num_rows, pa.string())])
    ones = pa.array(np.ones(len(terms), dtype=np.int64))
    return merge_documents([pa.table({"term": terms, "documents": ones})])


def merge_documents(counted: Sequence[pa.Table]) -> pa.Table:
    """Add document frequencies up: whole numbers, so the order of merging does not matter."""
    merged = pa.concat_tables(counted).group_by("term").aggregate([("documents", "sum")])
    return merged.rename_columns({"documents_sum": "documents"}).select(["term", "documents"]).sort_by("term")


def weigh(tokenised: pa.Table, documents: pa.Table, top: int = 8) -> pa.Table:
    """Compute every document's unit vector of tf-idf weights, and its heaviest terms.

    Returns
    -------
    pyarrow.Table
        `tokenised` without its terms and counts, with ``distinct`` (terms), ``top_terms``, and the vector as lists
        ``ids`` (positions in `documents`, ascending) and ``weights`` (whole multiples of 1 / `SCALE`). Terms of one
        document alone count in its length, but are left out of the vector: no other document can share them.
    """
    vocabulary, frequency = documents.column("term").combine_chunks(), documents.column("documents").to_numpy()
    everything = int(frequency[0]) if documents.num_rows else 0
    idf = _by_value(frequency, lambda n: math.log(everything / n))
    ids = pc.index_in(_flat(tokenised, "terms"), value_set=vocabulary).to_numpy(zero_copy_only=False)
    counts = _flat(tokenised, "counts").to_numpy()
    raw = _by_value(counts, lambda n: 1 + math.log(n)) * idf[ids]
    ends = _ends(tokenised, "terms")
    rows = []
    for low, high in pairwise(ends.tolist()):
        mine, value = ids[low:high], raw[low:high]
        length = math.sqrt(math.fsum((value * value).tolist())) or 1.0
        scaled = np.rint(value / length * SCALE).astype(np.int32)
        kept = (frequency[mine] > 1) & (scaled > 0)
        heaviest = np.lexsort((mine, -scaled))[:top]
        rows.append((high - low, vocabulary.take(mine[heaviest]).to_pylist(), mine[kept], scaled[kept]))
    numbers = pa.list_(pa.int32())
    added = _table(
        ("distinct", "top_terms", "ids", "weights"), (pa.int64(), pa.list_(pa.string()), numbers, numbers), rows
    )
    rest = tokenised.drop_columns(["terms", "counts"])
    return pa.table([*rest.columns, *added.columns], names=[*rest.column_names, *added.column_names])


def index_terms(weighed: Sequence[pa.Table]) -> pa.Table:
    """Invert the vectors of all documents.

    Returns
    -------
    pyarrow.Table
        ``id`` (of a term, ascending), ``document`` (ascending within an id), ``weight``.
    """
    vectors = pa.concat_tables([table.select(["document", "ids", "weights"]) for table in weighed])
    lengths = np.diff(_ends(vectors, "ids"))
    ids, weights = _flat(vectors, "ids").to_numpy(), _flat(vectors, "weights").to_numpy()
    document = np.repeat(vectors.column("document").to_numpy(), lengths)
    order = np.lexsort((document, ids))
    return pa.table({"id": ids[order], "document": document[order], "weight": weights[order]})


def nearest(weighed: pa.Table, index: pa.Table, documents: int, count: int = 5) -> pa.Table:
    """Find the documents most like each document of a shard: largest cosine, then smallest number.

    Parameters
    ----------
    weighed : pyarrow.Table
        A shard, as `weigh` gives it.
    index : pyarrow.Table
        All documents, as `index_terms` gives it.
    documents, count : int
        How many there are, and how many neighbours are wanted.

    Returns
    -------
    pyarrow.Table
        ``document``, and as lists ``neighbours`` (documents) and ``similarities``.
    """
    term, other = index.column("id").to_numpy(), index.column("document").to_numpy()
    weight = index.column("weight").to_numpy().astype(np.float64)
    ends, ids = _ends(weighed, "ids"), _flat(weighed, "ids").to_numpy()
    mine = _flat(weighed, "weights").to_numpy().astype(np.float64)
    low, high = np.searchsorted(term, ids, "left"), np.searchsorted(term, ids, "right")
    rows = []
    for row, number in enumerate(weighed.column("document").to_pylist()):
        part = slice(ends[row], ends[row + 1])
        lengths = (high - low)[part]
        starts = np.repeat(low[part] - np.cumsum(lengths) + lengths, lengths)
        postings = starts + np.arange(len(starts))
        # Whole numbers below 2 ** 53 as floats: every sum is exact, in any order.
        products = weight[postings] * np.repeat(mine[part], lengths)
        cosines = np.bincount(other[postings], weights=products, minlength=documents)
        cosines[number] = 0
        found = np.flatnonzero(cosines)
        best = found[np.lexsort((found, -cosines[found]))[:count]]
        rows.append((number, best, cosines[best] / SCALE**2))
    return _table(
        ("document", "neighbours", "similarities"), (pa.int32(), pa.list_(pa.int32()), pa.list_(pa.float64())), rows
    )


def assemble(weighed: Sequence[pa.Table], neighbours: Sequence[pa.Table]) -> pa.Table:
    """Put the index together, a row a file in the order of their paths.

    Returns
    -------
    pyarrow.Table
        ``module``, ``path``, ``bytes``, ``lines``, ``tokens``, ``distinct``, ``top_terms``, ``neighbours`` (modules),
        ``similarities``.
    """
    left, right = pa.concat_tables(weighed).sort_by("document"), pa.concat_tables(neighbours).sort_by("document")
    modules = left.column("module").combine_chunks()
    ends = pa.array(_ends(right, "neighbours"))
    named = pa.ListArray.from_arrays(ends, modules.take(_flat(right, "neighbours")))
    return (
        left.select(["module", "path", "bytes", "lines", "tokens", "distinct", "top_terms"])
        .append_column("neighbours", named)
        .append_column("similarities", right.column("similarities").combine_chunks())
        .combine_chunks()
    )


def _table(names: Sequence[str], types: Sequence[pa.DataType], rows: Iterable[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=list(names))


def _flat(table: pa.Table, column: str) -> pa.Array:
    return table.column(column).combine_chunks().flatten()


def _ends(table: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.int32]]:
    ends = np.zeros(table.num_rows + 1, dtype=np.int32)
    np.cumsum(pc.list_value_length(table.column(column)).to_numpy(), out=ends[1:])
    return ends


def _by_value(numbers: np.ndarray[Any, Any], function: Callable[[int], float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Apply a function of `math` to whole numbers, once for each that occurs."""
    distinct, where = np.unique(numbers, return_inverse=True)
    return np.array([function(n) for n in distinct.tolist()], dtype=np.float64)[where]
