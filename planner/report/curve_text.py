"""The makespan over the number of executors, and what it costs, as text for terminals and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from planner.report.markup import percent
from planner.report.measures import knee
from planner.report.terminal import aligned, finish, terminal_width, wrapped
from planner.report.words import seconds

__all__ = ["curve_text"]

MOST_ROWS = 16
_WIDEST, _NARROWEST = 100, 24
_UPPER, _LOWER = 10, 4
"""Rows of the plot of the time and of the plot of the cost."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class _Columns:
    """Which point each column of a plot shows, −1 for the gap between two bars; the knee; the width of what is left."""

    points: list[int]
    knee: int | None
    gutter: int

    @classmethod
    def fit(cls, points: int, width: int, knee: int | None, gutter: int) -> _Columns:
        room = max(width - gutter - 3, _NARROWEST)
        if points > room:
            shown = np.linspace(0, points - 1, room).round().astype(int)
            if knee is not None:
                shown[np.abs(shown - knee).argmin()] = knee
            return cls(list(map(int, shown)), knee, gutter)
        wide = min(room // points, 6)
        gap = 1 if wide > 2 else 0
        return cls([point for i in range(points) for point in [i] * (wide - gap) + [-1] * gap], knee, gutter)

    def middle(self, point: int | None) -> int:
        """Give the column in the middle of a point's bar; −1, if it has none."""
        mine = [column for column, shown in enumerate(self.points) if shown == point]
        return mine[len(mine) // 2] if mine else -1

    def plot(self, title: str, values: Sequence[float], rows: int, most: str) -> list[str]:
        """Draw bars in eighths of a row; above the bar of the knee stands a dotted line."""
        heights = [max(round(value / max(values) * rows * 8), int(value > 0)) for value in values]
        middle, lines = self.middle(self.knee), [f"{'':{self.gutter}}  {title}"]
        for row in range(rows - 1, -1, -1):
            drawn = [_EIGHTHS[min(max(heights[point] - 8 * row, 0), 8)] if point >= 0 else " " for point in self.points]
            if middle >= 0 and drawn[middle] == " ":
                drawn[middle] = "┊"
            edge = f"{most:>{self.gutter}} ┤" if row == rows - 1 else f"{'':{self.gutter}} │"
            lines.append((edge + "".join(drawn)).rstrip())
        return [*lines, f"{'0':>{self.gutter}} └{'─' * len(self.points)}"]

    def axis(self, counts: Sequence[int]) -> str:
        """Write numbers of executors under their bars: the knee's, the first, the last, others where there is room."""
        line, last = [" "] * (len(self.points) + 1), len(counts) - 1
        for point in dict.fromkeys([*([] if self.knee is None else [self.knee]), 0, last, *range(last)]):
            name = f"▲ {counts[point]:,}" if point == self.knee else f"{counts[point]:,}"
            middle = self.middle(point)
            begin = max(middle if point == self.knee else min(middle - len(name) // 2, len(line) - len(name)), 0)
            apart = 2 if point in (0, last) else 4
            if middle >= 0 and not "".join(line[max(begin - apart, 0) : begin + len(name) + apart]).strip():
                line[begin : begin + len(name)] = name
        return f"{'executors':>{self.gutter}}  {''.join(line)}".rstrip()


def curve_text(curve: pd.DataFrame, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Show how makespan and cost change with the number of executors: a table, two plots, and where the knee is.

    Parameters
    ----------
    curve : DataFrame
        ``executors``, ``makespan``, ``lower_bound`` (seconds), ``speedup``, ``cost`` (executor-seconds); ascending.
        Of many rows some are left out of the table.
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    counts, times = curve["executors"].tolist(), curve["makespan"].tolist()
    at = knee(counts, times)
    lines = _rows(curve, at)
    if len(curve) > 2 and max(times) > 0:
        cost, wide = curve["cost"].tolist(), min(terminal_width(width), _WIDEST)
        most = seconds(max(times)), _cost(max(cost))
        columns = _Columns.fit(len(curve), wide, at, max(map(len, (*most, "executors"))))
        lines += ["", *columns.plot("predicted makespan", times, _UPPER, most[0])]
        lines += ["", *columns.plot("cost in executor-seconds", cost, _LOWER, most[1])]
        lines += [columns.axis(counts), "", *wrapped(_said(curve, at), wide, 2)]
    return finish(lines, width, unicode)


def _rows(curve: pd.DataFrame, at: int | None) -> list[str]:
    head = ["executors", "predicted makespan", "lower bound", "speedup", "cost", ""]
    chosen = _chosen(curve["executors"].to_numpy(), at)
    cells = []
    for i, row in enumerate(curve.to_dict("records")):
        if i in chosen:
            speedup = f"{row['speedup']:.3g} ×" if row["speedup"] == row["speedup"] else "–"
            times = [seconds(row["makespan"]), seconds(row["lower_bound"]), speedup, _cost(row["cost"])]
            cells.append([f"{row['executors']:,}", *times, "◀ knee" if i == at else ""])
    lines = aligned(head, cells, left=(5,))
    rest = len(curve) - len(chosen)
    return [*lines, f"{rest} more numbers of executors are left out here; --json tells all"] if rest else lines


def _chosen(counts: np.ndarray, at: int | None) -> set[int]:
    """Choose rows of a long table: the first, the last, the knee, and between them ever wider apart."""
    if len(counts) <= MOST_ROWS:
        return set(range(len(counts)))
    wanted = np.geomspace(counts[0], counts[-1], MOST_ROWS - 1)
    nearest = np.abs(counts[None, :] - wanted[:, None]).argmin(axis=1).tolist()
    return {*nearest, *([] if at is None else [at])}


def _cost(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _said(curve: pd.DataFrame, at: int | None) -> str:
    counts, times, cost = (curve[name].tolist() for name in ("executors", "makespan", "cost"))
    if at is None:
        return "no knee: " + ("the time falls in a line" if times[-1] < times[0] else "more executors bring nothing")
    less = percent(1 - times[-1] / times[at]) if times[at] else percent(0)
    more = cost[-1] / cost[at] if cost[at] else 1.0
    said = f"knee at {counts[at]:,} executors: {seconds(times[at])}, {_cost(cost[at])} executor-seconds"
    return f"{said}; {counts[-1]:,} executors take {less} less, at {more:.3g} × the cost"
