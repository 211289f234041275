"""Gantt charts as static SVG: they show where scripts are blocked, in the colour of the text around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.model.arrays import Float64, Int32, Int64
from planner.report.markup import COLOURS, PALETTE, duration, escape
from planner.report.timeline import busy_share

__all__ = ["FAILED_KIND", "PALE_KIND", "Panel", "gantt", "ticks"]

FAILED_KIND, PALE_KIND = -1, -2
WIDTH, GUTTER, MOST_BARS, MOST_LANES = 960, 64, 2000, 60
_NICE = [step * 10**power for power in range(8) for step in (1, 2, 5)] + [
    seconds * 10**6 for seconds in (120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
]


_OTHER = {FAILED_KIND: (COLOURS["failed"], ""), PALE_KIND: (COLOURS["idle"], ' fill-opacity="0.45"')}


@dataclass(frozen=True, eq=False)
class Panel:
    """One chart of the stack.

    Attributes
    ----------
    title : str
    lane : ndarray of int32, shape (n,)
        Row of each task; -1 leaves it out.
    start_us, finish_us : ndarray of int64, shape (n,)
    kind : ndarray of int32, shape (n,)
        Which colour; `FAILED_KIND` is that of failures, `PALE_KIND` of what was planned but not run.
    names : sequence of str, length n
        Shown when the pointer rests on a bar, if there are few.
    """

    title: str
    lane: Int32
    start_us: Int64
    finish_us: Int64
    kind: Int32
    names: Sequence[str] = ()


def ticks(end: float, most: int = 8) -> list[float]:
    """Give round times from 0 to `end` microseconds, at most about `most`.

    Examples
    --------
    >>> ticks(17_000_000)
    [0, 5000000, 10000000, 15000000]
    """
    step: float = next((step for step in _NICE if end / step <= most), 86_400_000_000 * math.ceil(end / 864e8 / most))
    return [step * i for i in range(int(end // step) + 1)]


def gantt(panels: Sequence[Panel], lanes: Sequence[str], end_us: int, marks: Sequence[tuple[int, str]]) -> str:
    """Draw panels one above the other on a shared time axis.

    Parameters
    ----------
    panels : sequence of Panel
    lanes : sequence of str
        Name of each row.
    end_us : int
        Where the axis ends.
    marks : sequence of (int, str)
        Times at which a line stands in every panel, and its SVG dash pattern.

    Returns
    -------
    str
        An SVG element of at most about `MOST_BARS` bars. Above that, and above `MOST_LANES` rows, neighbours are
        drawn as one bar, whose opacity is the share of its time that is busy.
    """
    end = max(end_us, 1) * 1.01
    together = -(-len(lanes) // MOST_LANES)
    rows = -(-len(lanes) // together)
    tall = min(max(240 // rows, 4), 16)
    parts: list[str] = []
    y = 0
    for panel in panels:
        y += 20
        parts.append(_text(GUTTER, y - 6, panel.title, "start", weight=600))
        exact = together == 1 and len(panel.lane) * len(panels) <= MOST_BARS
        bars = (
            _exact(panel, end, y, tall) if exact else _merged(panel, len(lanes), end, y, tall, MOST_BARS // len(panels))
        )
        parts += [_rows(lanes[::together], y, tall), bars]
        for time, dash in marks:
            x = f"{_x(time, end):.1f}"
            line = f'<line x1="{x}" x2="{x}" y1="{y - 2}" y2="{y + rows * tall + 2}"'
            parts.append(f'{line} stroke="currentColor" stroke-width="1.3" stroke-dasharray="{dash}"/>')
        y += rows * tall + 6
    for tick in ticks(end):
        x = f"{_x(tick, end):.1f}"
        parts.append(f'<line x1="{x}" x2="{x}" y1="18" y2="{y}" stroke="currentColor" stroke-opacity="0.18"/>')
        parts.append(_text(float(x), y + 13, duration(tick), "middle", opacity=0.7))
    size = f'viewBox="0 0 {WIDTH} {y + 20}" width="{WIDTH}" height="{y + 20}"'
    return f'<svg {size} role="img" aria-label="Gantt chart" font-size="12">{"".join(parts)}</svg>'


def _x(time: float, end: float) -> float:
    return GUTTER + min(time / end, 1) * (WIDTH - GUTTER - 16)


def _text(x: float, y: float, text: str, anchor: str, *, weight: int = 400, opacity: float = 1) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="currentColor" fill-opacity="{opacity}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _rows(names: Sequence[str], top: int, tall: int) -> str:
    parts: list[str] = []
    last = -99
    for i, name in enumerate(names):
        y = top + i * tall
        band = f'x="{GUTTER}" y="{y}" width="{WIDTH - GUTTER - 16}" height="{tall - 1}"'
        parts.append(f'<rect {band} fill="currentColor" fill-opacity="0.05"/>')
        if y - last >= 12:
            parts.append(
                _text(GUTTER - 6, y + tall / 2 + 4, name if len(name) <= 9 else f"{name[:8]}…", "end", opacity=0.7)
            )
            last = y
    return "".join(parts)


def _bar(left: float, right: float, y: int, tall: int, fill: str, more: str = "") -> str:
    wide = max(right - left - (0.6 if right - left > 2.5 else 0), 0.8)
    return f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{tall - 1}" fill="{fill}"{more}'


def _exact(panel: Panel, end: float, top: int, tall: int) -> str:
    titles = len(panel.names) <= MOST_BARS // 4
    parts = []
    for i in np.flatnonzero(panel.lane >= 0).tolist():
        kind = int(panel.kind[i])
        fill = _OTHER[kind][0] if kind < 0 else PALETTE[kind % len(PALETTE)]
        more = _OTHER[kind][1] if kind < 0 else ""
        start, finish = int(panel.start_us[i]), int(panel.finish_us[i])
        bar = _bar(_x(start, end), _x(finish, end), top + int(panel.lane[i]) * tall, tall, fill, more)
        said = f"{panel.names[i]}: {duration(start)} to {duration(finish)}" if titles and panel.names else ""
        parts.append(f"{bar}><title>{escape(said)}</title></rect>" if said else f"{bar}/>")
    return "".join(parts)


def _merged(panel: Panel, n_lanes: int, end: float, top: int, tall: int, most: int) -> str:
    together = -(-n_lanes // MOST_LANES)
    bins = 512
    while True:
        edges = np.linspace(0, end / 1.01, bins + 1)
        share = busy_share(panel.lane, panel.start_us, panel.finish_us, n_lanes, edges)
        share = np.add.reduceat(share, np.arange(0, n_lanes, together), axis=0)
        share /= np.minimum(together, n_lanes - np.arange(0, n_lanes, together))[:, None]
        runs = _runs(np.ceil(np.clip(share, 0, 1) * 4 - 1e-6))
        if len(runs) <= most or bins <= 8:
            break
        bins //= 2
    parts = []
    for row, first, last, level in runs.tolist():
        left, right = _x(edges[int(first)], end), _x(edges[int(last)], end)
        opacity = f' fill-opacity="{level / 4:g}"' if level < 4 else ""
        parts.append(f"{_bar(left, right, top + int(row) * tall, tall, PALETTE[0], opacity)}/>")
    for i in np.flatnonzero((panel.lane >= 0) & (panel.kind == FAILED_KIND))[:100].tolist():
        left = _x(float(panel.start_us[i]), end)
        right = max(_x(float(panel.finish_us[i]), end), left + 4)
        y = top + int(panel.lane[i]) // together * tall
        parts.append(f"{_bar(left, right, y, tall, COLOURS['failed'])}/>")
    return "".join(parts)


def _runs(levels: Float64) -> Float64:
    """Give row, first bin, bin after the last, and level of every run of equal levels above 0; shape (runs, 4)."""
    turn = np.ones((levels.shape[0], levels.shape[1] + 1), dtype=bool)
    turn[:, 1:-1] = levels[:, 1:] != levels[:, :-1]
    row, at = np.nonzero(turn)
    begins = at < levels.shape[1]
    first, of_row = at[begins], row[begins]
    last = at[np.flatnonzero(begins) + 1]
    level = levels[of_row, first]
    runs: Float64 = np.column_stack([of_row, first, last, level])[level > 0]
    return runs
