"""The corpus job: equal to a plain computation with dictionaries, to the last digit, however it is cut."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from evaluator import evaluate

from planner.errors import InputError
from planner.model import Cluster, Executor
from planner.partitioners import decompose
from planner.recipes import source_text
from planner.recipes.corpus_graph import RESULT, corpus_graph

FILES = source_text.source_files(limit=70)


def plain_index(files: list[tuple[int, str, int]], top: int, neighbours: int) -> list[dict[str, Any]]:
    """Compute the index with nothing but the standard library, one document after another."""
    folder = source_text._folder(None)
    counts, lines = [], []
    for _, path, _ in files:
        text = source_text.normalise(source_text.decode((folder / path).read_bytes()))
        lines.append(text.count("\n"))
        split = re.sub(r"([a-z])(?=[A-Z])", r"\1 ", text).casefold()
        counts.append(Counter(re.findall(r"[^\W\d_]{2,}", split)))
    frequency = Counter(term for row in counts for term in row)
    vectors, tops = [], []
    for row in counts:
        raw = {t: (1 + math.log(n)) * math.log(len(files) / frequency[t]) for t, n in row.items()}
        length = math.sqrt(math.fsum(value * value for value in raw.values())) or 1.0
        vector = {t: round(value / length * 2**24) for t, value in raw.items()}
        tops.append(sorted(vector, key=lambda t: (-vector[t], t.encode()))[:top])
        vectors.append(vector)
    rows = []
    for i, (_, path, size) in enumerate(files):
        dots = {
            j: sum(value * vectors[j].get(t, 0) for t, value in vectors[i].items()) for j in range(len(files)) if j != i
        }
        near = sorted((j for j in dots if dots[j]), key=lambda j: (-dots[j], j))[:neighbours]
        rows.append(
            {
                "module": source_text.module_name(path),
                "path": path,
                "bytes": size,
                "lines": lines[i],
                "tokens": sum(counts[i].values()),
                "distinct": len(counts[i]),
                "top_terms": tops[i],
                "neighbours": [source_text.module_name(files[j][1]) for j in near],
                "similarities": [dots[j] / 2**48 for j in near],
            }
        )
    return rows


def index_with(slots: int) -> pa.Table:
    small = decompose(corpus_graph(FILES), Cluster.uniform(slots))
    return evaluate(small.graph)[RESULT]


def test_every_number_of_slots_gives_the_plain_result_to_the_last_digit() -> None:
    expected = plain_index(FILES, top=8, neighbours=5)
    tables = [index_with(slots) for slots in (1, 3, 8)]
    assert tables[0].to_pylist() == expected
    assert tables[1].equals(tables[0]) and tables[2].equals(tables[0])
    assert any(row["neighbours"] for row in expected) and max(row["similarities"][0] for row in expected) < 1


def test_the_slots_really_cut_the_files_differently() -> None:
    counts = [len(decompose(corpus_graph(FILES), Cluster.uniform(slots)).shards["clean"]) for slots in (1, 3, 8)]
    assert counts[0] < counts[1] < counts[2]


def test_executors_of_other_speeds_do_not_change_the_result() -> None:
    uneven = Cluster((Executor("a", speed=3.0, slots=2), Executor("b", speed=0.3)))
    assert evaluate(decompose(corpus_graph(FILES), uneven).graph)[RESULT].equals(index_with(1))


def test_functions_that_executors_import_need_neither_numba_nor_pandas() -> None:
    code = (
        "import sys, planner.recipes.corpus; "
        "sys.exit(', '.join(m for m in ('numba', 'pandas', 'pyspark', 'scipy') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_folder_of_odd_files(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nnäme = 1\r\n".encode("latin-1"))
    (tmp_path / "pkg" / "broken.py").write_bytes(b"# coding: no-such-coding\nx\xff = 'alpha beta'\n")
    (tmp_path / "pkg" / "wide.py").write_text("\uff57\uff49\uff44\uff45 = 'alpha'\rbeta = 2", encoding="utf-8")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text("never = 'read'")
    files = source_text.source_files(str(tmp_path))
    assert [path for _, path, _ in files] == ["pkg/__init__.py", "pkg/broken.py", "pkg/latin.py", "pkg/wide.py"]
    graph = decompose(corpus_graph(files, str(tmp_path), neighbours=2), Cluster.uniform(3)).graph
    rows = {row["module"]: row for row in evaluate(graph)[RESULT].to_pylist()}
    assert rows["pkg"]["tokens"] == 0 and rows["pkg"]["neighbours"] == [] and rows["pkg"]["top_terms"] == []
    assert "näme" in rows["pkg.latin"]["top_terms"]
    assert "wide" in rows["pkg.wide"]["top_terms"] and rows["pkg.wide"]["lines"] == 1
    assert rows["pkg.broken"]["neighbours"][0] == "pkg.wide"


def test_a_file_that_differs_where_it_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one = 1")
    files = source_text.source_files(str(tmp_path))
    (tmp_path / "a.py").write_text("one = 1, 2")
    with pytest.raises(RuntimeError, match="has 10 bytes here, and had 7 where the work was planned"):
        source_text.clean(files, str(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no Python file below"):
        corpus_graph(source_text.source_files(str(tmp_path)), str(tmp_path))


def test_equal_cosines_go_to_the_document_that_comes_first(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.py").write_text("alpha beta" if name != "e" else "gamma")
    files = source_text.source_files(str(tmp_path))
    rows = evaluate(decompose(corpus_graph(files, str(tmp_path), neighbours=2), Cluster.uniform(2)).graph)[RESULT]
    assert rows.column("neighbours").to_pylist() == [["b", "c"], ["a", "c"], ["a", "b"], ["a", "b"], []]


def test_limit_spreads_over_the_whole_list(tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"m{i:03}.py").touch()
    everything = source_text.source_files(str(tmp_path))
    some = source_text.source_files(str(tmp_path), limit=10)
    assert len(some) == 10 and [n for n, _, _ in some] == list(range(10))
    position = [path for _, path, _ in everything].index(some[-1][1])
    assert position >= 0.85 * len(everything)
    assert np.all(np.diff([[p for _, p, _ in everything].index(path) for _, path, _ in some]) > 0)


def test_many_equal_cosines_keep_the_order_of_the_documents(tmp_path: Path) -> None:
    for i in range(90):
        (tmp_path / f"m{i:02}.py").write_text(("alpha beta", "alpha", "gamma")[i % 3])
    files = source_text.source_files(str(tmp_path))
    graph = decompose(corpus_graph(files, str(tmp_path), neighbours=40), Cluster.uniform(2)).graph
    first = evaluate(graph)[RESULT].column("neighbours")[0].as_py()
    same = [f"m{i:02}" for i in range(3, 90, 3)]
    assert first[: len(same)] == same
    assert first[len(same) :] == [f"m{i:02}" for i in range(1, 90, 3)][: 40 - len(same)]
