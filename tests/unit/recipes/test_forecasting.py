"""The model of a store finds what was planted, and its error is that of days it did not know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from planner.recipes.forecasting import FORECAST, HORIZON, fit, naive
from planner.recipes.sales import generate_sales, planted
from planner.recipes.views import forecast_line, forecast_view

SHAPE = {"stores": 6, "days": 900, "seed": 2, "articles": 12}


@pytest.fixture(scope="module")
def sales() -> list[pd.DataFrame]:
    return [table.to_pandas() for table in generate_sales(**SHAPE)]


@pytest.fixture(scope="module")
def forecasts(sales: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([fit(store) for store in sales], ignore_index=True)


def test_the_structure_is_found(forecasts: pd.DataFrame) -> None:
    truth = planted(**SHAPE)
    assert forecasts.store.tolist() == truth.store.tolist()
    assert forecasts.articles.tolist() == truth.articles.tolist() and forecasts.days.tolist() == truth.days.tolist()
    sure = np.sqrt(truth.articles * truth.days)  # what is found is the surer, the more rows there are
    assert ((forecasts.promotion / truth.promotion - 1).abs() * sure < 4).all()
    for found, planted_week, scale in zip(forecasts.weekday, truth.weekday, sure, strict=True):
        assert np.abs(np.array(found) / planted_week - 1).max() * scale < 5
    old = truth.days >= 600
    assert old.sum() >= 2
    assert (forecasts.growth - truth.growth)[old].abs().max() < 0.04
    assert (forecasts.level / truth.level - 1)[old].abs().max() < 0.06
    assert (forecasts.season - truth.season)[old].abs().max() < 0.04
    apart = (forecasts.peak - truth.peak)[old].astype(float)
    assert ((apart + 183) % 366 - 183).abs().max() < 12


def test_trend_and_season_are_not_made_up_where_a_year_has_not_passed() -> None:
    [young] = generate_sales(1, 200, articles=3)
    row = fit(young.to_pandas()).iloc[0]
    assert pd.isna(row.growth) and pd.isna(row.season) and pd.isna(row.peak)
    assert row.promotion > 1 and row.error > 0


def test_last_week_repeated_is_beaten(forecasts: pd.DataFrame) -> None:
    assert (forecasts.error < forecasts.naive_error).all()
    assert (forecasts.error / forecasts.naive_error).mean() < 0.8


def test_the_error_is_of_days_that_the_model_did_not_know(sales: list[pd.DataFrame]) -> None:
    store = sales[1]
    last = pd.to_datetime(store.day) > pd.to_datetime(store.day).max() - pd.Timedelta(days=HORIZON)
    errors = [fit(store.assign(sold=store.sold + last * more)).error.iloc[0] for more in (1000, 3000)]
    # Far above every forecast: a model that had seen them would have followed, and its error not have grown as they do.
    assert errors[1] - errors[0] == pytest.approx(2000, abs=1e-6)


def test_the_forecast_goes_on_where_the_history_ends(sales: list[pd.DataFrame], forecasts: pd.DataFrame) -> None:
    for store, row in zip(sales, forecasts.itertuples(), strict=True):
        assert str(row.first_day) == "2026-01-01"
        assert len(row.forecast) == HORIZON and min(row.forecast) > 0
        plain = store[~store.promotion & (pd.to_datetime(store.day) > pd.Timestamp("2025-11-30"))]
        a_day = plain.groupby("article").sold.mean().sum()
        assert np.mean(row.forecast) == pytest.approx(a_day, rel=0.35)
        weekday = (np.arange(HORIZON) + 3) % 7  # 1 January 2026 is a Thursday
        of_weekday = pd.Series(row.forecast).groupby(weekday).mean()
        assert np.corrcoef(of_weekday, row.weekday)[0, 1] > 0.95


def test_the_order_of_rows_and_days_before_the_first_sale_change_nothing(sales: list[pd.DataFrame]) -> None:
    store = min(sales, key=len)
    before = pd.to_datetime(store.day).min() - pd.to_timedelta(np.arange(1, 41), unit="D")
    idle = pd.DataFrame({"store": store.store.iloc[0], "article": 0, "day": before.date, "sold": 0, "promotion": False})
    mixed = pd.concat([store, idle]).sample(frac=1, random_state=1)
    expected, found = fit(store).iloc[0], fit(mixed).iloc[0]
    assert found.days == expected.days
    assert found.forecast == pytest.approx(expected.forecast, rel=1e-6)
    assert found.error == pytest.approx(expected.error, rel=1e-6)


def test_a_store_that_has_just_opened_is_forecast_by_its_last_week() -> None:
    days = pd.date_range("2025-03-03", periods=10)  # from a Monday to the Wednesday after the next
    store = pd.DataFrame({"store": "new", "article": 7, "day": days.date, "sold": range(1, 11), "promotion": False})
    row = fit(store).iloc[0]
    assert row.forecast == [4, 5, 6, 7, 8, 9, 10] * 4
    assert pd.isna(row.error) and pd.isna(row.level) and row.days == 10


def test_days_that_are_missing_do_no_harm(sales: list[pd.DataFrame]) -> None:
    store = max(sales, key=len)
    day = pd.to_datetime(store.day)
    closed = store[(day.dt.dayofweek != 6) & ((day < "2025-03-01") | (day > "2025-04-15"))]  # on Sundays, and for weeks
    row = fit(closed).iloc[0]
    assert row.error < row.naive_error
    assert row.weekday[6] == 1.0, "nothing is known of Sundays"
    few = store[(day == day.min()) | (day > day.max() - pd.Timedelta(days=40))]
    assert pd.isna(fit(few).iloc[0].error), "41 days are too few, though the first is long ago"


def test_a_store_that_never_sold_anything_is_forecast_to_go_on_so() -> None:
    days = pd.date_range("2025-01-01", periods=100)
    store = pd.DataFrame({"store": "shut", "article": 1, "day": days.date, "sold": 0, "promotion": False})
    assert fit(store).iloc[0].forecast == [0.0] * HORIZON


def test_last_week_is_taken_by_article_and_weekday() -> None:
    known = pd.DataFrame(
        {"article": [1] * 9 + [2], "age": [*range(9), 8], "weekday": [*range(7), 0, 1, 1], "sold": [*range(9), 50]}
    )
    wanted = pd.DataFrame({"article": [1, 1, 2, 2, 3], "weekday": [1, 6, 1, 6, 1]})
    assert naive(known, wanted).tolist() == [8, 6, 50, 0, 0]


def test_the_columns_are_those_of_the_schema(forecasts: pd.DataFrame) -> None:
    assert forecasts.columns.tolist() == [part.split()[0] for part in FORECAST.split(", ")]
    assert pa.Table.from_pandas(forecasts).num_rows == SHAPE["stores"]


def test_a_person_sees_the_largest_stores_first(forecasts: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(forecasts)
    view = forecast_view(table, rows=3)
    largest = max(range(len(forecasts)), key=lambda i: sum(forecasts.forecast[i]))
    assert len(view) == 3 and view.store[0] == forecasts.store[largest]
    assert view.forecast.is_monotonic_decreasing
    assert forecast_line(table).startswith("better than last week repeated in 6 of 6 stores, mean error 0.")
