"""A forecasting model for each store: Poisson regression on trend, week, season, promotion and article.

The logarithm of what is sold is a sum, so the factors that a store's sales are made of can be read off the model. All
of them are shrunk by a ridge penalty, of the strength that forecasts the store's own past best: so a store that has
just opened is not given a trend that nobody has seen. How good the forecast is, the last weeks tell, of a model that
does not know them, beside the plainest forecast that there is: as in the last week.

What is fitted comes from scikit-learn, which executors need besides numpy and pandas. It is imported with this module,
and so before the first store, whose time would else be the import's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from planner.errors import Finding, PreflightError
from planner.recipes.sales import YEAR

try:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import PoissonRegressor
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder
    from threadpoolctl import threadpool_limits
except ModuleNotFoundError as error:
    missing = str(error.name).partition(".")[0]
    mend = "pip install 'spark-planner[jobs]', on the driver and on the executors"
    raise PreflightError([Finding(f"{missing} is not installed, which the forecasts need", mend)]) from error

__all__ = ["FORECAST", "HORIZON", "fit", "naive"]

HORIZON = 28
"""Days that are forecast, and days that are kept back to measure the error."""

FORECAST = (
    "store string, articles int, days int, level double, promotion double, weekday array<double>, growth double, "
    "season double, peak int, penalty double, error double, naive_error double, first_day date, forecast array<double>"
)
"""What `fit` gives, as Spark writes it."""

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Ridge penalties that are tried."""

FOLDS = 3
"""Times that a store's past is forecast to choose among them."""

SHORTEST = 2 * HORIZON
"""Days in a history below which there is no model."""

ITERATIONS = 300


def fit(sales: pd.DataFrame) -> pd.DataFrame:
    """Fit the model of one store, measure it, and forecast.

    Parameters
    ----------
    sales : pandas.DataFrame
        Of one store, as `planner.recipes.sales.SALES`.

    Returns
    -------
    pandas.DataFrame
        One row, as `FORECAST`: ``store``, ``articles``, ``days`` (since anything was first sold); ``level`` (sold by a
        middling article on a middling weekday, on the first day), ``promotion`` (factor), ``weekday`` (seven factors
        from Monday); ``growth`` (a year; 0.1 is 10 %), ``season`` (amplitude of the logarithm over the year) and
        ``peak`` (day of the year with the most sales, from 0), which are null where the history is shorter than a
        year, because then they cannot be told apart; ``penalty``; ``error`` and ``naive_error`` (mean absolute error,
        of an article on a day, over the last `HORIZON` days, of the model and of the week before, repeated);
        ``first_day`` and ``forecast`` (what the store sells on each of the next `HORIZON` days if nothing is
        promoted). A store with less than `SHORTEST` days has no model: it is forecast by its last week.
    """
    history = _history(sales)
    row: dict[str, Any] = {
        "store": sales["store"].iloc[0],
        "articles": history.article.nunique(),
        "days": int(history.age.max()) + 1,
        "first_day": (pd.Timestamp(history.day.max()) + pd.Timedelta(days=1)).date(),
    }
    ahead = _ahead(history)
    if history.age.nunique() < SHORTEST:
        row |= {"forecast": _per_day(ahead, naive(history, ahead))}
    else:
        row |= _modelled(history, ahead)
    return pd.DataFrame([row]).reindex(columns=[part.split()[0] for part in FORECAST.split(", ")])


def naive(known: pd.DataFrame, wanted: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Forecast that each article sells what it sold on the same weekday of the last week that is known.

    Parameters
    ----------
    known, wanted : pandas.DataFrame
        With ``article``, ``age`` (days) and ``weekday``; what is known with ``sold``.

    Returns
    -------
    ndarray of float
        0 where an article was not there in that week.
    """
    week = known[known.age > known.age.max() - 7].groupby(["article", "weekday"])["sold"].sum()
    keys = pd.MultiIndex.from_frame(wanted[["article", "weekday"]])
    return np.asarray(week.reindex(keys, fill_value=0), dtype=np.float64)


def _history(sales: pd.DataFrame) -> pd.DataFrame:
    """Add what the model looks at, from the first day on which anything was sold."""
    rows = sales[["article", "day", "promotion", "sold"]].assign(day=pd.to_datetime(sales["day"]))
    sold = rows.day[rows.sold > 0]
    opened = sold.min() if len(sold) else rows.day.max()
    return _described(rows[rows.day >= opened].sort_values(["day", "article"], ignore_index=True), opened)


def _described(rows: pd.DataFrame, opened: pd.Timestamp) -> pd.DataFrame:
    age = (rows.day - opened).dt.days
    turn = 2 * np.pi * (rows.day.dt.dayofyear - 1) / YEAR
    return rows.assign(
        age=age,
        years=age / YEAR,
        promotion=rows.promotion.astype(np.float64),
        weekday=rows.day.dt.dayofweek,
        cosine=np.cos(turn),
        sine=np.sin(turn),
    )


def _ahead(history: pd.DataFrame) -> pd.DataFrame:
    """Give the rows that are to be forecast: each article on each of the next days."""
    days = pd.date_range(history.day.max(), periods=HORIZON + 1)[1:]
    each = [pd.Index(history.article.unique()), days]
    rows = pd.MultiIndex.from_product(each, names=["article", "day"]).to_frame(index=False)
    return _described(rows.assign(promotion=False), history.day.iloc[0])


def _modelled(history: pd.DataFrame, ahead: pd.DataFrame) -> dict[str, Any]:
    """Measure a model that does not know the last days, and forecast by one that does."""
    late = history.age > history.age.max() - HORIZON
    known, kept_back = history[~late], history[late]
    with threadpool_limits(1):  # a slot has one core, and threads that wait for another would be in each other's way
        tried, model = _fitted(known), _fitted(history)
        return {
            **_structure(model),
            "error": _error(kept_back, tried.predict(kept_back)),
            "naive_error": _error(kept_back, naive(known, kept_back)),
            "forecast": _per_day(ahead, model.predict(ahead)),
        }


def _fitted(history: pd.DataFrame) -> Pipeline:
    """Fit with the penalty that forecasts the past best."""
    numbers = ["years", "promotion"]
    if history.age.max() >= YEAR:
        numbers += ["cosine", "sine"]
    columns = ColumnTransformer(
        [
            ("each", OneHotEncoder(handle_unknown="ignore"), ["weekday", "article"]),
            ("number", "passthrough", numbers),
        ],
        verbose_feature_names_out=False,
    )
    regressor = PoissonRegressor(solver="newton-cholesky", max_iter=ITERATIONS)
    features = columns.fit_transform(history)
    search = GridSearchCV(
        regressor, {"alpha": PENALTIES}, cv=_folds(history), scoring="neg_mean_poisson_deviance", refit=True
    )
    search.fit(features, history.sold)
    return Pipeline([("columns", columns), ("regressor", search.best_estimator_)])


def _folds(history: pd.DataFrame) -> list[tuple[Any, Any]]:
    """Cut the rows, which are sorted by day, into what came before and the days after, at several days."""
    ages = np.unique(history.age)
    splitter = TimeSeriesSplit(FOLDS, test_size=min(HORIZON, len(ages) // (FOLDS + 1)))
    row = np.searchsorted(history.age, np.append(ages, ages[-1] + 1))
    folds = [(row[after[0]], row[after[-1] + 1]) for _, after in splitter.split(ages)]
    return [(np.arange(cut), np.arange(cut, end)) for cut, end in folds]


def _structure(model: Pipeline) -> dict[str, Any]:
    """Read the factors off a model."""
    columns, regressor = model[0], model[-1]
    of = dict(zip(columns.get_feature_names_out(), regressor.coef_.tolist(), strict=True))
    structure = {
        "level": float(np.exp(regressor.intercept_)),
        "promotion": float(np.exp(of["promotion"])),
        "weekday": [float(np.exp(of.get(f"weekday_{day}", 0.0))) for day in range(7)],
        "penalty": float(regressor.alpha),
    }
    if "sine" in of:
        turn = np.arctan2(of["sine"], of["cosine"]) % (2 * np.pi)
        structure |= {"season": float(np.hypot(of["sine"], of["cosine"])), "peak": round(turn / (2 * np.pi) * YEAR)}
        structure |= {"growth": float(np.expm1(of["years"]))}
    return structure


def _error(rows: pd.DataFrame, forecast: npt.NDArray[np.float64]) -> float:
    return float(np.abs(rows.sold.to_numpy() - forecast).mean())


def _per_day(rows: pd.DataFrame, forecast: npt.NDArray[np.float64]) -> list[float]:
    """Add the articles of each day up."""
    return [float(total) for total in pd.Series(forecast).groupby(rows.day.to_numpy()).sum()]
