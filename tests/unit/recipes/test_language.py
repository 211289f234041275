"""Texts and their distance from a query, stage by stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.errors import InputError
from planner.recipes.language import LONGEST, Embed, Score, passages, text_chain, tokenise


def texts(*words: str) -> dict[str, np.ndarray]:
    return {"text": np.array(words, dtype=object)}


def test_long_and_empty_texts_have_tokens() -> None:
    made = tokenise(texts("word " * 200, "", "?!"))
    assert made["ids"].shape == (3, LONGEST)
    assert made["mask"].sum(axis=1).tolist() == [LONGEST, 1, 1]


def test_an_embedding_depends_neither_on_its_neighbours_nor_on_where_it_is_made() -> None:
    alone = Embed()(tokenise(texts("open a file")))["embedding"]
    among = Embed()(tokenise(texts("open a file", "a much longer text stands beside it here")))["embedding"]
    np.testing.assert_allclose(among[:1], alone, atol=1e-5)
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-5)


def test_what_shares_words_with_the_query_is_nearest() -> None:
    batch = texts("open a file", "open a large file", "sorting takes long when numbers repeat")
    run, embed, score = text_chain("open a file")
    assert isinstance(score, Score)
    same, near, far = score(embed()(run(batch)))["score"]
    assert same == pytest.approx(1, abs=1e-5) and same > near > far


def test_texts_come_from_docstrings_or_from_a_folder(tmp_path: Path) -> None:
    found = passages(limit=50)
    assert found.num_rows == 50 and len(set(found["source"].to_pylist())) > 10
    with pytest.raises(InputError, match="has no text"):
        passages(str(tmp_path))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.md").write_text("# One\n\nTwo\nlines\n\n---\n\nthree")
    (tmp_path / "b.csv").write_text("no,text")
    assert passages(str(tmp_path)).to_pydict() == {
        "source": ["below/a.md"] * 3,
        "name": ["paragraph 1", "paragraph 2", "paragraph 3"],
        "text": ["# One", "Two\nlines", "three"],
    }
