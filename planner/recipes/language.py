"""Texts, and how near each is to a query: tokenise, embed, score, merge.

The embedding is a real transformer of made-up weights. It has learnt nothing of what words mean, so texts are near
which share words; what it costs, holds and sends is what a trained one of its shape does.
"""

from __future__ import annotations

import ast
import re
import sysconfig
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from planner.errors import Fault, InputError
from planner.recipes.source_text import source_files

__all__ = ["MERGE", "Embed", "Score", "passages", "text_chain", "tokenise"]

VOCABULARY = 4096
LONGEST = 48
"""Words of a text that are read."""

MERGE = """
SELECT source, count(*) AS passages, max_by(name, score) AS nearest, max(score) AS score
FROM {scored} GROUP BY source ORDER BY score DESC, source
"""
"""The sources, those with the nearest passage first, as Spark SQL."""


def passages(folder: str | None = None, limit: int = 1000) -> pa.Table:
    """Give the paragraphs of the text files of a folder, or the docstrings of the standard library.

    Parameters
    ----------
    folder : str, optional
        With ``.txt``, ``.md`` or ``.rst`` somewhere below it.
    limit : int
        At most so many, evenly spread. For few docstrings, few modules are read: reading all takes seconds.

    Returns
    -------
    pyarrow.Table
        ``source`` (module or file), ``name`` and ``text``.

    Raises
    ------
    InputError
        If there is none.
    """
    rows = list(_docstrings(limit) if folder is None else _paragraphs(Path(folder)))
    if not rows:
        raise InputError([Fault(str(folder), "has no text; expected a folder of .txt, .md or .rst files")])
    count = min(limit, len(rows))
    rows = [rows[i * len(rows) // count] for i in range(count)]
    return pa.table(dict(zip(("source", "name", "text"), map(list, zip(*rows, strict=True)), strict=True)))


def _docstrings(limit: int) -> Iterator[tuple[str, str, str]]:
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = [path for _, path, _ in source_files() if not path.startswith(("test/", "idlelib/", "lib2to3/"))]
    for path in paths[:: len(paths) // limit or 1]:
        try:
            tree = ast.parse((root / path).read_bytes())
        except SyntaxError:
            continue
        for found in ast.walk(tree):
            if isinstance(found, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(found)):
                yield path, getattr(found, "name", "(module)"), text


def _paragraphs(folder: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".txt", ".md", ".rst") and path.is_file():
            parts = re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace"))
            for number, text in enumerate(part for part in parts if re.search(r"\w", part)):
                yield str(path.relative_to(folder)), f"paragraph {number + 1}", text


def tokenise(batch: dict[str, Any]) -> dict[str, NDArray[np.int64]]:
    """Give each word a number by its checksum, and pad texts to the longest of them.

    Examples
    --------
    >>> tokenise({"text": np.array(["Open a file", "a"], dtype=object)})["mask"].tolist()
    [[1, 1, 1], [1, 0, 0]]
    """
    words = [re.findall(r"\w+", text.lower())[:LONGEST] or [""] for text in batch["text"]]
    ids = np.zeros((len(words), max(map(len, words), default=1)), np.int64)
    mask = np.zeros_like(ids)
    for row, found in enumerate(words):
        ids[row, : len(found)] = [zlib.crc32(word.encode()) % VOCABULARY for word in found]
        mask[row, : len(found)] = 1
    return {"ids": ids, "mask": mask}


class Embed:
    """The transformer, written and loaded once where it is made into an object: the same weights everywhere."""

    def __init__(self) -> None:
        from planner.submodels import LoadedStage, transformer

        with TemporaryDirectory(prefix="planner-embed-") as folder:
            path = transformer(Path(folder) / "embed.onnx", layers=2, width=128, vocabulary=VOCABULARY, longest=LONGEST)
            self._run = LoadedStage(path)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Give ``embedding``, of length 1, for ``ids`` and ``mask``."""
        return {"embedding": self._run(batch)["embedding"]}


class Score:
    """The cosine between each text and a query.

    Parameters
    ----------
    query : ndarray of float32, shape (width,)
        Of length 1.
    """

    def __init__(self, query: NDArray[np.float32]) -> None:
        self._query = query

    def __call__(self, batch: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
        """Give ``score`` for ``embedding``."""
        return {"score": batch["embedding"] @ self._query}


def text_chain(query: str) -> list[Callable[..., Any]]:
    """Give the stages for a query: tokenise, embed, score."""
    asked = Embed()(tokenise({"text": np.array([query], dtype=object)}))["embedding"][0]
    return [tokenise, Embed, Score(asked)]
