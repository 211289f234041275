"""What a key costs by its number of rows: a robust straight line through the logarithms.

The slope is the weighted median of the slopes between all pairs of points, each pair weighted by its distance, which
makes it more exact than the plain median and as safe against outliers: H. Theil, A rank-invariant method of linear and
polynomial regression analysis, Proceedings of the Royal Netherlands Academy of Sciences 53, 1950, 386–392, 521–525 and
1397–1412; L. A. Jaeckel, Estimating regression coefficients by minimizing the dispersion of the residuals, Annals of
Mathematical Statistics 43(5), 1972, 1449–1458, doi:10.1214/aoms/1177692377.
"""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Float64

__all__ = ["power_law"]

MOST_POINTS = 1_500
"""Points that are compared pair by pair; of more, a sample that is spread evenly over the number of rows."""

STEEPEST = 3.0
"""Nothing that is worth running costs more than the cube of its rows."""

SURE = 2.0
"""Standard errors by which Kendall's rank correlation has to be above 0 before a cost is taken to depend on rows."""

LEAST_EXPLAINED = 0.05
"""Part of the mean distance from a constant that the line has to take away."""


def power_law(log_rows: Float64, log_seconds: Float64, weight: Float64) -> tuple[float, float]:
    """Fit ``seconds = exp(intercept) * rows ** slope``.

    Parameters
    ----------
    log_rows, log_seconds : ndarray of float, shape (n,)
    weight : ndarray of float, shape (n,)
        Keys that a point stands for, above 0.

    Returns
    -------
    slope : float
        From 0 to 3; 0, where the line explains no more than a constant.
    intercept : float
        0, where there are no points.

    Examples
    --------
    >>> rows = np.array([1.0, 10, 100, 1000, 10_000])
    >>> slope, intercept = power_law(np.log(rows), np.log(0.5 * rows**1.5), np.ones(5))
    >>> round(slope, 6), round(float(np.exp(intercept)), 6)
    (1.5, 0.5)
    """
    alone = weight <= 1
    points = np.stack([log_rows, log_seconds, weight])
    parts = [_thinned(points[:, alone], MOST_POINTS * 2 // 3), _thinned(points[:, ~alone], MOST_POINTS // 3)]
    x, y, w = np.concatenate(parts, axis=1)
    if len(x) == 0:
        return 0.0, 0.0
    slope = _slope(x, y, w)
    return slope, weighted_median(y - slope * x, w)


def weighted_median(values: Float64, weight: Float64) -> float:
    """Give the value with half of the weight below it; between two such values, their mean.

    Examples
    --------
    >>> weighted_median(np.array([3.0, 1, 2, 9]), np.ones(4))
    2.5
    >>> weighted_median(np.array([3.0, 1, 2]), np.array([9.0, 1, 1]))
    3.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    half = reached[-1] / 2
    low, high = np.searchsorted(reached, [half * (1 - 1e-12), half * (1 + 1e-12)])
    return float(values[order[low]] + values[order[min(high, len(order) - 1)]]) / 2


def _thinned(points: Float64, most: int) -> Float64:
    """Take every so many points in the order of their rows; together they weigh what all of them weighed."""
    n = points.shape[1]
    if n <= most:
        return points
    order = np.lexsort(points[::-1])
    taken = points[:, order[np.linspace(0, n - 1, most).round().astype(np.int64)]]
    taken[2] *= points[2].sum() / taken[2].sum()
    return taken


def _slope(x: Float64, y: Float64, weight: Float64) -> float:
    first, second = np.triu_indices(len(x), 1)
    across, up = x[second] - x[first], y[second] - y[first]
    apart = np.flatnonzero(np.abs(across) > 1e-9)
    if not len(apart) or not _related(x, float(np.sum(np.sign(across[apart]) * np.sign(up[apart])))):
        return 0.0
    pair = np.abs(across[apart]) * weight[first[apart]] * weight[second[apart]]
    slope = min(weighted_median(up[apart] / across[apart], pair), STEEPEST)
    return slope if slope > 0 and _spread(y - slope * x) <= (1 - LEAST_EXPLAINED) * _spread(y) else 0.0


def _related(x: Float64, concordance: float) -> bool:
    """Test Kendall's S, with the variance that it has where some points have as many rows as others."""
    tied = np.unique(x, return_counts=True)[1].astype(np.float64)
    n = float(len(x))
    variance = (n * (n - 1) * (2 * n + 5) - np.sum(tied * (tied - 1) * (2 * tied + 5))) / 18
    return bool(variance > 0 and concordance > SURE * np.sqrt(variance))


def _spread(values: Float64) -> float:
    return float(np.mean(np.abs(values - np.median(values))))
