"""Small Gantt charts of several plans of one graph, on one time axis, coloured by kind of task.

A bar is a stroke. Strokes of one colour share a path, so that a chart of thousands of tasks takes some kilobytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.model.arrays import Float64, Int32
from planner.model.plan import Plan
from planner.report.gantt import ticks
from planner.report.markup import duration, escape
from planner.report.timeline import busy_share

__all__ = ["MOST_KINDS", "Axis", "colours_of", "is_exact", "legend", "small_gantt"]

MOST_KINDS = 8
"""Kinds with a colour of their own; the others share the one behind them."""

WIDE, LEFT, RIGHT, TOP, MOST_ROWS = 700, 52, 12, 4, 64
_LEVELS = 4
"""Of how busy a merged bar is."""

_BINS, _FEWEST_BINS = 512, 32
_FURTHEST = 2.0
"""How far the axis reaches at most, over the best makespan: what ends later is cut off, to leave the rest room."""

_ROOM = 1.03
"""Behind the last end that is shown."""


@dataclass(frozen=True)
class Axis:
    """The time axis that all charts share, and what stands on it.

    Attributes
    ----------
    end_us : int
        Where it ends; plans that end later are cut off there.
    bound_us : int
        The lower bound of all plans.
    """

    end_us: int
    bound_us: int

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> Axis:
        """Reach as far as the plans do that are not far behind the best one."""
        spans = sorted(plan.makespan_us for plan in plans)
        bound_us = max(plan.bound.us for plan in plans)
        near = [us for us in spans if us <= _FURTHEST * spans[0]]
        return cls(max(round(near[-1] * _ROOM), bound_us, 1), bound_us)

    def x(self, us: float) -> float:
        """Give where a time stands."""
        return LEFT + min(us / self.end_us, 1.0) * (WIDE - LEFT - RIGHT)


def colours_of(plan: Plan) -> tuple[Int32, list[str]]:
    """Give the colour of each kind of task, and the kinds that have one of their own: those with the most work.

    Returns
    -------
    colour : ndarray of int32, shape (kinds,)
        `MOST_KINDS` for all others.
    named : list of str
        The kind of each colour.
    """
    graph = plan.graph
    work = np.bincount(graph.kind, weights=graph.work_us, minlength=len(graph.kinds))
    chosen = np.sort(np.argsort(-work, kind="stable")[:MOST_KINDS])
    colour = np.full(len(graph.kinds), MOST_KINDS, dtype=np.int32)
    colour[chosen] = np.arange(len(chosen))
    return colour, [graph.kinds[kind] for kind in chosen]


def legend(named: Sequence[str], n_kinds: int) -> str:
    """Say which kind has which colour, as HTML; `named` as `colours_of` gives them."""
    entries = [*enumerate(named), *([(MOST_KINDS, f"{n_kinds - len(named)} other kinds")] * (n_kinds > len(named)))]
    swatch = '<svg width="11" height="11" aria-hidden="true"><path class="k{}" stroke-width="11" d="M0 5.5h11"/></svg>'
    return "".join(f"<span>{swatch.format(colour)}{escape(name)}</span>" for colour, name in entries)


def is_exact(plan: Plan, most: int) -> bool:
    """Tell whether a chart of at most so many bars shows every task and every slot for itself."""
    return plan.cluster.n_slots <= MOST_ROWS and plan.graph.n <= most


def small_gantt(plan: Plan, axis: Axis, colour: Int32, *, most: int, titled: bool) -> str:
    """Draw one plan.

    Parameters
    ----------
    plan : Plan
    axis : Axis
    colour : ndarray of int32, shape (kinds,)
        As `colours_of` gives it.
    most : int
        Bars above which neighbours are drawn as one, in the colour of which there is most, and paler where their
        slots are less busy.
    titled : bool
        Whether each task's id and times are shown when the pointer rests on it.
    """
    slots = plan.cluster.n_slots
    together = -(-slots // MOST_ROWS)
    rows = -(-slots // together)
    tall = min(max(192 // rows, 3), 18)
    high, kind = rows * tall, colour[plan.graph.kind]
    if is_exact(plan, most):
        bars = _exact(plan, axis, kind, tall, titled)
    else:
        bars = _merged(plan, axis, kind, (rows, together, tall), most)
    parts = [_bands(plan, rows, together, tall), bars, _ticks(axis, high), _line("bound", axis.x(axis.bound_us), high)]
    if plan.makespan_us <= axis.end_us:
        parts.append(_line("end", axis.x(plan.makespan_us), high))
    else:
        parts.append(_text(WIDE - RIGHT + 2, TOP + high / 2 + 4, "→", "start", "beyond"))
    label = escape(f"Gantt chart: {duration(plan.makespan_us)}")
    return f'<svg viewBox="0 0 {WIDE} {TOP + high + 18}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _bands(plan: Plan, rows: int, together: int, tall: int) -> str:
    """Stand a pale band behind every row, and the executor's name before the first row of each that has room."""
    wide = WIDE - LEFT - RIGHT
    bands = "".join(f"M{LEFT} {TOP + (row + 0.5) * tall:g}h{wide}" for row in range(rows))
    parts = [f'<path class="band" stroke-width="{tall - 1}" d="{bands}"/>']
    last = -99.0
    owners = plan.cluster.slot_executor[::together].tolist()
    for row, owner in enumerate(owners):
        y = TOP + (row + 0.5) * tall + 4
        if y - last >= 12 and (row == 0 or owner != owners[row - 1]):
            name = plan.cluster.executors[owner].id
            parts.append(_text(LEFT - 6, y, name if len(name) <= 7 else f"{name[:6]}…", "end"))
            last = y
    return "".join(parts)


def _exact(plan: Plan, axis: Axis, kind: Int32, tall: int, titled: bool) -> str:
    schedule, names = plan.schedule, plan.graph.names if titled else []
    shown = np.flatnonzero(schedule.start_us < axis.end_us).tolist()
    strokes: dict[str, list[str]] = {}
    for task in shown:
        start, finish = int(schedule.start_us[task]), int(schedule.finish_us[task])
        left, right = axis.x(start), axis.x(finish)
        long = max(right - left - (0.6 if right - left > 2.5 else 0), 0.6)
        bar = f"M{left:.1f} {TOP + (int(schedule.slot[task]) + 0.5) * tall:g}h{long:.1f}"
        said = f"<title>{escape(f'{names[task]}: {duration(start)} to {duration(finish)}')}</title>" if titled else ""
        strokes.setdefault(f"k{kind[task]}", []).append(f'<path d="{bar}">{said}</path>' if titled else bar)
    if titled:
        return "".join(f'<g class="{k}" stroke-width="{tall - 1}">{"".join(s)}</g>' for k, s in sorted(strokes.items()))
    paths = (f'<path class="{k}" stroke-width="{tall - 1}" d="{"".join(s)}"/>' for k, s in sorted(strokes.items()))
    return "".join(paths)


def _merged(plan: Plan, axis: Axis, kind: Int32, shape: tuple[int, int, int], most: int) -> str:
    """Draw runs of equal cells of a grid of rows and times, whose unit is a row and an interval."""
    rows, together, tall = shape
    bins = _BINS
    while True:
        cells = _cells(plan, kind, rows, together, np.linspace(0, axis.end_us, bins + 1))
        begins = np.ones_like(cells, dtype=bool)
        begins[:, 1:] = cells[:, 1:] != cells[:, :-1]
        if np.count_nonzero(begins & (cells > 0)) <= most or bins <= _FEWEST_BINS:
            break
        bins //= 2
    row, first = np.nonzero(begins)
    ends = np.append(np.where(np.diff(row) == 0, first[1:], bins), bins)
    what = cells[row, first]
    paths = []
    for cell in np.unique(what[what > 0]).tolist():
        of, level = divmod(cell - 1, _LEVELS)
        mine = zip(row[what == cell].tolist(), first[what == cell].tolist(), ends[what == cell].tolist(), strict=True)
        opacity = f' stroke-opacity="{(level + 1) / _LEVELS:g}"' if level + 1 < _LEVELS else ""
        paths.append(
            f'<path class="k{of}"{opacity} d="{"".join(f"M{left} {y}h{right - left}" for y, left, right in mine)}"/>'
        )
    scale = f"{(WIDE - LEFT - RIGHT) / bins:g} {tall}"
    place = f'transform="translate({LEFT} {TOP + tall / 2:g}) scale({scale})"'
    return f'<g {place} stroke-width="{(tall - (0.8 if tall > 5 else 0.4)) / tall:.3g}">{"".join(paths)}</g>'


def _cells(plan: Plan, kind: Int32, rows: int, together: int, edges: Float64) -> Int32:
    """Give for every row and interval 0 where it is idle, else 1 + colour × levels + level; shape (rows, bins)."""
    schedule, slots = plan.schedule, plan.cluster.n_slots
    firsts = np.arange(0, slots, together)
    most = np.zeros((rows, len(edges) - 1))
    total, colour = most.copy(), most.astype(np.int32)
    for of in np.unique(kind).tolist():
        lane = np.where(kind == of, schedule.slot, -1).astype(np.int32)
        share = np.add.reduceat(busy_share(lane, schedule.start_us, schedule.finish_us, slots, edges), firsts, axis=0)
        colour[share > most] = of
        most = np.maximum(most, share)
        total += share
    total /= np.minimum(together, slots - firsts)[:, None]
    level = np.ceil(np.clip(total, 0, 1) * _LEVELS - 1e-6).astype(np.int32)
    cells: Int32 = np.where(level > 0, colour * _LEVELS + level, 0).astype(np.int32)
    return cells


def _ticks(axis: Axis, high: int) -> str:
    times = ticks(axis.end_us, most=7)
    lines = "".join(f"M{axis.x(time):.1f} {TOP}v{high}" for time in times)
    texts = "".join(_text(axis.x(time), TOP + high + 13, duration(time), "middle") for time in times)
    return f'<path class="tick-lines" d="{lines}"/>{texts}'


def _line(name: str, x: float, high: int) -> str:
    return f'<path class="{name}" d="M{x:.1f} {TOP - 3}v{high + 6}"/>'


def _text(x: float, y: float, text: str, anchor: str, name: str = "") -> str:
    called = f' class="{name}"' if name else ""
    return f'<text{called} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
