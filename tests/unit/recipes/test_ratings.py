"""Generated ratings have tastes and a long tail; ratings of one's own are checked, and all faults are said at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from planner.errors import InputError
from planner.recipes.ratings import FEWEST, TASTES, at_most, generate_ratings, hold_out, named_user, read_ratings


@pytest.fixture(scope="module")
def ratings() -> pa.Table:
    return generate_ratings(users=800, items=400, ratings=20_000, seed=1)


def faults_of(path: Path) -> list[str]:
    """Read ratings that are wrong, and give what is said."""
    with pytest.raises(InputError) as caught:
        read_ratings(path)
    return [str(fault).replace(str(path), "FILE") for fault in caught.value.faults]


# ------------------------------------------------------------------------------------------------------------ generated


def test_popularity_and_activity_have_long_tails(ratings: pa.Table) -> None:
    frame = ratings.to_pandas()
    popular, active = frame.item.value_counts(), frame.user.value_counts()
    assert popular.head(40).sum() > 0.35 * len(frame), "a tenth of the items"
    assert active.max() > 20 * active.median()
    assert active.min() >= FEWEST - 1 and active.max() <= 200
    squares = active**2
    assert squares.head(80).sum() > 0.75 * squares.sum(), "a tenth of the users has most of the pairs"


def test_people_like_what_is_of_their_taste(ratings: pa.Table) -> None:
    frame = ratings.to_pandas()
    same = frame.user % TASTES == frame.item % TASTES
    assert same.mean() > 0.5
    assert frame.rating[same].mean() > frame.rating[~same].mean() + 1.2
    assert sorted(frame.rating.unique()) == [i / 2 for i in range(1, 11)]


def test_nobody_rates_an_item_twice_and_the_seed_decides(ratings: pa.Table) -> None:
    frame = ratings.to_pandas()
    assert not frame.duplicated(["user", "item"]).any()
    assert frame.item.between(0, 399).all() and frame.user.nunique() == 800
    assert ratings.equals(generate_ratings(users=800, items=400, ratings=20_000, seed=1))
    assert not ratings.equals(generate_ratings(users=800, items=400, ratings=20_000, seed=2))


# ----------------------------------------------------------------------------------------------------------------- read


@pytest.mark.parametrize("names", [["user", "item", "rating"], ["userId", "movieId", "rating"]])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ratings_are_read_under_both_names(tmp_path: Path, ratings: pa.Table, names: list[str], suffix: str) -> None:
    path = tmp_path / f"ratings.{suffix}"
    stored = ratings.rename_columns(names).append_column("timestamp", ratings.column("item"))
    (csv.write_csv if suffix == "csv" else pq.write_table)(stored, path)
    assert read_ratings(path).equals(ratings)


def test_ids_may_be_text_and_ratings_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("item,user,rating\nfilm é,anna,3\nfilm b,bert,4\n", encoding="utf-8")
    expected = {"user": ["anna", "bert"], "item": ["film é", "film b"], "rating": [3.0, 4.0]}
    assert read_ratings(path).to_pydict() == expected


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n1,1,3.5\n1,1,4\n2,2,inf\n,3,1\n3,4,\n")
    assert faults_of(path) == [
        "FILE: user: has nulls (1 of 5 rows); expected none",
        "FILE: rating: has nulls (1 of 5 rows); expected none",
        "FILE: rating: is no number (user 2, item 2, rating inf); expected one, such as 3.5",
        "FILE: has an item twice of the same user (user 1, item 1); expected one rating",
    ]
    path = tmp_path / "ratings.parquet"
    pq.write_table(pa.table({"user": [7, 8], "item": [1, 1], "rating": [float("nan"), 1.0]}), path)
    assert faults_of(path) == ["FILE: rating: is no number (user 7, item 1, rating nan); expected one, such as 3.5"]


def test_missing_columns_and_wrong_types_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movie,ratings\n1,1,3\n")
    assert faults_of(path) == [
        "FILE: has no column 'item', only userId, movie, ratings",
        "FILE: has no column 'rating', only userId, movie, ratings; did you mean 'ratings'?",
    ]
    path = tmp_path / "ratings.parquet"
    pq.write_table(pa.table({"user": [1.5], "item": [[1]], "rating": [1.0]}), path)
    assert faults_of(path) == [
        "FILE: user: is double; expected whole numbers or text",
        "FILE: item: is list<element: int64>; expected whole numbers or text",
    ]
    pq.write_table(pa.table({"user": [1], "item": [1], "rating": ["good"]}), path)
    [said] = faults_of(path)
    assert said.startswith("FILE: rating: is string, and not all of it can be read as double: ")


def test_no_rows_are_a_fault(tmp_path: Path, ratings: pa.Table) -> None:
    pq.write_table(ratings.slice(0, 0), tmp_path / "none.parquet")
    assert faults_of(tmp_path / "none.parquet") == ["FILE: has no rows; expected ratings"]


# --------------------------------------------------------------------------------------------------------------- chosen


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_at_most_so_many_ratings_of_a_user_are_kept(ratings: pa.Table, most: int) -> None:
    kept, all_rows = at_most(ratings, most, seed=3).to_pandas(), ratings.to_pandas()
    expected = all_rows.groupby("user").size().clip(upper=most)
    assert kept.groupby("user").size().equals(expected)
    assert len(kept.merge(all_rows)) == len(kept), "they are as they were"
    assert at_most(ratings, most, seed=3).to_pandas().equals(kept)
    if most == 7:
        assert not at_most(ratings, most, seed=4).to_pandas().equals(kept)


def test_without_a_number_all_are_kept(ratings: pa.Table) -> None:
    assert at_most(ratings, None) is ratings


def test_one_liked_item_of_some_users_is_kept_back(ratings: pa.Table) -> None:
    kept, held = hold_out(ratings, users=100, seed=5)
    assert held.num_rows == 100 == len(set(held.column("user").to_pylist()))
    together = pa.concat_tables([kept, held]).sort_by([("user", "ascending"), ("item", "ascending")])
    assert together.equals(ratings)
    frame = ratings.to_pandas()
    mean, count = frame.groupby("user").rating.mean(), frame.groupby("user").size()
    users = held.column("user").to_numpy()
    assert (held.column("rating").to_numpy() > mean[users].to_numpy()).all()
    assert (count[users] >= FEWEST).all()
    assert not hold_out(ratings, users=100, seed=6)[1].equals(held)


def test_all_who_liked_something_can_be_asked_and_nobody_has_to_be(ratings: pa.Table) -> None:
    _, held = hold_out(ratings, users=10_000)
    assert 700 < held.num_rows <= 800
    kept, none = hold_out(ratings, users=0)
    assert kept.equals(ratings) and none.num_rows == 0


def test_who_rates_everything_the_same_likes_nothing() -> None:
    same = pa.table({"user": [1] * 10, "item": list(range(10)), "rating": [0.1] * 10})  # whose mean is not quite 0.1
    assert hold_out(same, users=5)[1].num_rows == 0


def test_a_user_is_found_by_name_or_by_what_he_rated() -> None:
    rated = pa.table({"user": ["b", "a", "b"], "item": [1, 2, 3]})
    assert named_user(rated, "a") == "a" and named_user(rated, None) == "b"
    with pytest.raises(InputError, match="'c' has rated nothing; expected a user who has, such as b"):
        named_user(rated, "c")
    numbers = pa.table({"user": np.array([1, 2, 2])})
    assert named_user(numbers, "1") == 1
