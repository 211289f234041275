"""Generated sales hold what is planted; sales of one's own are checked, and everything wrong is said at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from planner.errors import InputError
from planner.recipes.sales import SALES, generate_sales, planted, read_sales


def faults_of(path: Path) -> list[str]:
    """Read sales that are wrong, and give what is said."""
    with pytest.raises(InputError) as caught:
        read_sales(path)
    return [str(fault).replace(str(path), "FILE") for fault in caught.value.faults]


def test_each_store_has_the_articles_and_days_that_are_planted() -> None:
    truth = planted(12, 200, seed=3, articles=20)
    for store, table in zip(truth.itertuples(), generate_sales(12, 200, seed=3, articles=20), strict=True):
        assert table.schema == SALES
        sales = table.to_pandas()
        assert set(sales.store) == {store.store}
        assert sales.groupby("article").day.nunique().tolist() == [store.days] * store.articles
        assert not sales.duplicated(["article", "day"]).any()
        assert str(sales.day.max()) == "2025-12-31"


def test_a_few_stores_have_a_hundred_times_the_rows_of_others() -> None:
    rows = [table.num_rows for table in generate_sales(60, 730)]
    assert max(rows) >= 80 * min(rows)
    assert max(rows) >= 20 * float(np.median(rows))


def test_promotions_weekdays_and_growth_are_in_the_numbers() -> None:
    truth = planted(1, 3000, articles=30).iloc[0]
    [table] = generate_sales(1, 3000, articles=30)
    sales = table.to_pandas()
    sales["day"] = pd.to_datetime(sales.day)
    plain = sales[~sales.promotion]
    raised = sales[sales.promotion].groupby("article").sold.mean() / plain.groupby("article").sold.mean()
    assert raised.mean() == pytest.approx(truth.promotion, rel=0.03)
    weekday = plain.groupby(plain.day.dt.dayofweek).sold.mean()
    assert (weekday / np.exp(np.log(weekday).mean())).tolist() == pytest.approx(list(truth.weekday), rel=0.03)
    years = plain[plain.day >= plain.day.min() + pd.Timedelta(days=3000 - 8 * 365)]  # whole years
    by_year = years.groupby((years.day - years.day.min()).dt.days // 365).sold.mean()
    assert (by_year.iloc[-1] / by_year.iloc[0]) ** (1 / 7) - 1 == pytest.approx(truth.growth, abs=0.01)
    months = years.groupby(years.day.dt.dayofyear // 30).sold.mean()
    assert abs(months.idxmax() * 30 + 15 - truth.peak) < 45


def test_the_same_seed_gives_the_same_sales_and_another_gives_others() -> None:
    first, again, other = (pa.concat_tables(generate_sales(5, 100, seed)) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("name", ["sales.parquet", "sales.csv"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    sales = pa.concat_tables(generate_sales(3, 60, articles=2))
    (csv.write_csv if name.endswith(".csv") else pq.write_table)(sales, tmp_path / name)
    assert read_sales(tmp_path / name).equals(sales)


def test_columns_in_another_order_and_of_wider_types_are_read(tmp_path: Path) -> None:
    [sales] = generate_sales(1, 60, articles=2)
    wider = sales.set_column(1, "article", sales.column("article").cast(pa.int64())).append_column("more", sales[0])
    pq.write_table(wider.select(wider.column_names[::-1]), tmp_path / "wide.parquet")
    assert read_sales(tmp_path / "wide.parquet").equals(sales)


def test_missing_columns_are_all_named_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("shop,article,days,sold\na,1,2025-01-01,3\n")
    assert faults_of(path) == [
        "FILE: has no column 'store', only shop, article, days, sold",
        "FILE: has no column 'day', only shop, article, days, sold; did you mean 'days'?",
        "FILE: has no column 'promotion', only shop, article, days, sold",
    ]


def test_wrong_values_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    rows = ["a,1,2025-01-01,3,true", "a,1,2025-01-01,4,false", "a,2,2025-01-01,-5,false", "b,1,,,true"]
    path.write_text("\n".join(["store,article,day,sold,promotion", *rows]))
    assert faults_of(path) == [
        "FILE: day: has nulls (1 of 4 rows); expected none",
        "FILE: sold: has nulls (1 of 4 rows); expected none",
        "FILE: sold: is negative (store a, article 2, day 2025-01-01, sold -5); expected 0 or more",
        "FILE: has an article twice on a day (store a, article 1, day 2025-01-01); expected one row",
    ]


def test_text_where_numbers_belong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("store,article,day,sold,promotion\na,one,yesterday,3,true\n")
    article, day = faults_of(path)
    assert article.startswith("FILE: article: is string, and not all of it can be read as int32: ")
    assert day.startswith("FILE: day: is string, and not all of it can be read as date32[day]: ")


def test_no_rows_and_no_file_are_faults(tmp_path: Path) -> None:
    pq.write_table(SALES.empty_table(), tmp_path / "empty.parquet")
    assert faults_of(tmp_path / "empty.parquet") == ["FILE: has no rows; expected sales"]
    assert faults_of(tmp_path / "none.parquet") == ["FILE: is not there; expected a CSV or Parquet file"]
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 no more")
    [torn] = faults_of(tmp_path / "torn.parquet")
    assert torn.startswith("FILE: ") and "expected a CSV or Parquet file" in torn
