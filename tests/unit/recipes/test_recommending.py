"""Item–item collaborative filtering: the parts add up to the direct computation, and what is recommended is liked."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from direct_neighbours import direct_similarities, same_neighbours
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.recipes import recommending
from planner.recipes.ratings import TASTES, generate_ratings, hold_out
from planner.recipes.recommending import count_pairs, hit_rate, popular, recommend
from planner.recipes.views import hits_line

SUMS = ["product", "item_square", "other_square", "common"]


def merged(parts: list[pa.Table]) -> pd.DataFrame:
    """Count the pairs of each part, and add them up."""
    batches = [batch for part in parts for batch in count_pairs(part.to_batches(max_chunksize=50))]
    found = pa.Table.from_batches(batches).to_pandas()
    return found.groupby(["item", "other"])[SUMS].sum()


def cut(ratings: pa.Table, parts: int, seed: int = 0) -> list[pa.Table]:
    """Put the users into parts by chance, and mix the rows."""
    rng = np.random.default_rng(seed)
    part_of = dict.fromkeys(ratings.column("user").to_pylist())
    part_of = {user: rng.integers(parts) for user in part_of}
    part = np.array([part_of[user] for user in ratings.column("user").to_pylist()])
    return [ratings.take(rng.permutation(np.flatnonzero(part == i))) for i in range(parts)]


def nearest(sums: pd.DataFrame, count: int, shrink: float) -> pd.DataFrame:
    """Do what the query does, in pandas."""
    sums = sums[(sums.item_square > 0) & (sums.other_square > 0)]
    cosine = sums["product"] / np.sqrt(sums.item_square * sums.other_square)
    similar = (cosine * sums.common / (sums.common + shrink)).round(12).rename("similarity").reset_index()
    names = ["item", "neighbour", "similarity"]
    both = pd.concat(
        [similar.set_axis(names, axis=1), similar[["other", "item", "similarity"]].set_axis(names, axis=1)]
    )
    both = both[both.similarity > 0].sort_values(["item", "similarity", "neighbour"], ascending=[True, False, True])
    both["rank"] = both.groupby("item").cumcount() + 1
    return both[both["rank"] <= count]


@pytest.fixture(scope="module")
def ratings() -> pa.Table:
    return generate_ratings(users=500, items=200, ratings=12_000, seed=1)


@pytest.fixture(scope="module")
def asked(ratings: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Give neighbours, the ratings that they were made of, and those that were kept back."""
    known, held = hold_out(ratings, users=200)
    near = nearest(merged([known]), count=20, shrink=50)
    return pa.Table.from_pandas(near, preserve_index=False), known, held


# ---------------------------------------------------------------------------------------------------------------- pairs


@pytest.mark.parametrize("at_once", [1, 5_000, 10**9])
@pytest.mark.parametrize("parts", [1, 7])
def test_the_parts_add_up_to_the_direct_computation(
    ratings: pa.Table, parts: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommending, "PAIRS_AT_ONCE", at_once)
    found = nearest(merged(cut(ratings, parts)), count=20, shrink=100)
    assert same_neighbours(found, direct_similarities(ratings, shrink=100), count=20)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 5), st.sampled_from(["b", "a", "é", "aa", ""])),
        st.sampled_from([0.5, 1.0, 2.0, 3.0, 5.0]),
        min_size=1,
    ),
    st.integers(1, 4),
)
def test_every_sum_is_that_of_plain_loops(rated: dict[tuple[int, str], float], parts: int) -> None:
    """Also where products add up to 0, which sparse matrices leave out."""
    users = sorted({user for user, _ in rated})
    expected: dict[tuple[str, str], np.ndarray] = {}
    for user in users:
        own = {item: rating for (one, item), rating in rated.items() if one == user}
        mean = sum(own.values()) / len(own)
        for item, other in combinations(sorted(own, key=str.encode), 2):
            x, y = own[item] - mean, own[other] - mean
            sums = expected.setdefault((item, other), np.zeros(4))
            sums += np.array([x * y, x * x, y * y, 1])
    columns = {"user": [u for u, _ in rated], "item": [i for _, i in rated], "rating": list(rated.values())}
    found = merged(cut(pa.table(columns), parts))
    assert set(found.index) == set(expected)
    for pair, sums in expected.items():
        assert found.loc[pair].to_numpy() == pytest.approx(sums, abs=1e-9)


def test_who_rates_everything_the_same_makes_nothing_similar() -> None:
    same = pa.table({"user": [1] * 7, "item": list(range(7)), "rating": [0.7] * 7})  # whose mean is not quite 0.7
    assert (merged([same])[["product", "item_square", "other_square"]] == 0).all(axis=None)


def test_a_part_without_rows_gives_nothing(ratings: pa.Table) -> None:
    assert list(count_pairs(iter([]))) == []
    assert list(count_pairs(ratings.slice(0, 0).to_batches())) == []


# ---------------------------------------------------------------------------------------------------------- recommended


def test_nearest_items_are_of_the_same_taste(asked: tuple[pa.Table, pa.Table, pa.Table]) -> None:
    near = asked[0].to_pandas()
    assert (near.item % TASTES == near.neighbour % TASTES).mean() > 0.8, f"by chance 1 / {TASTES}"


def test_scores_are_sums_over_what_was_liked() -> None:
    near = pa.table(
        {
            "item": ["x", "x", "y", "y", "b", "z"],
            "neighbour": ["a", "b", "a", "c", "a", "c"],
            "similarity": [0.5, 0.25, 0.5, 0.75, 0.9, 0.1],
        }
    )
    rated = pa.table({"user": [1, 1, 1, 2], "item": ["a", "b", "c", "c"], "rating": [5.0, 4.0, 3.0, 5.0]})
    found = recommend(near, rated, [1])
    # The mean is 4: only a was liked, by 1. b is near to it, but rated; z is near to c alone.
    assert found.to_dict("list") == {"user": [1, 1], "item": ["x", "y"], "score": [0.5, 0.5]}
    assert recommend(near, rated, [1], count=1).item.tolist() == ["x"]
    assert recommend(near, rated, [2]).empty, "one rating alone is nobody's favourite"


def test_nothing_is_recommended_that_the_user_knows(asked: tuple[pa.Table, pa.Table, pa.Table]) -> None:
    near, known, _ = asked
    users = known.column("user").unique().to_pylist()
    for found in (recommend(near, known, users), popular(known, users)):
        assert len(found.merge(known.to_pandas(), on=["user", "item"])) == 0
        assert found.groupby("user").size().max() == 10
        assert (found.groupby("user").score.apply(lambda scores: scores.is_monotonic_decreasing)).all()
    assert popular(known, users).groupby("user").size().eq(10).all()


def test_the_most_popular_are_those_that_most_have_rated(ratings: pa.Table) -> None:
    counts = ratings.to_pandas().item.value_counts()
    known = set(ratings.to_pandas().query("user == 3").item)
    expected = sorted((item for item in counts.index if item not in known), key=lambda item: (-counts[item], item))
    assert popular(ratings, [3], count=5).item.tolist() == expected[:5]


def test_neighbours_find_what_was_kept_back_better_than_popularity(asked: tuple[pa.Table, pa.Table, pa.Table]) -> None:
    near, known, held = asked
    users = held.column("user").to_pylist()
    ours, plain = hit_rate(recommend(near, known, users), held), hit_rate(popular(known, users), held)
    assert ours > 1.5 * plain > 0.05
    assert hits_line(near, known, held) == (
        f"of 200 users, {ours:.1%} find a liked item that was kept back among 10; by popularity alone, {plain:.1%}"
    )


def test_hits_are_counted_by_user_and_item() -> None:
    held = pa.table({"user": [1, 2, 3, 4], "item": [7, 7, 8, 9]})
    recommended = pd.DataFrame({"user": [1, 1, 2, 3, 4], "item": [6, 7, 8, 8, 1]})
    assert hit_rate(recommended, held) == 0.5
    assert hit_rate(recommended, held.slice(0, 0)) == 0.0
    assert hits_line(held, held, held.slice(0, 0)) == "nothing was kept back, so nothing tells how good these are"
