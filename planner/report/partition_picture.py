"""A picture of a partition plan: its partitions on the slots, as they are predicted to run."""

from __future__ import annotations

import heapq
import math

from planner.model.partition_plan import HeavyKey, PartitionPlan
from planner.model.units import MICROSECONDS
from planner.report.gantt import ticks
from planner.report.markup import COLOURS, duration, escape, percent
from planner.report.partition_facts import key_name, times, total
from planner.report.terminal import columns_of
from planner.report.words import count, seconds

__all__ = ["picture"]

WIDE, TOP, FOOT = 960, 4, 20
MOST_LANES, MOST_BARS = 64, 1000
ROOM = 1.03
"""Where the axis ends, over the predicted makespan."""

LETTER = 6.8
"""Width of a letter."""

LEAST_TALL = 12
"""Of a bar that a name fits into."""

_Bar = tuple[float, float, int, int]
"""Start and finish, the first partition, and how many are drawn together."""


def picture(plan: PartitionPlan) -> str:
    """Draw partitions on slots: each starts on the slot that is free first, the heaviest before the others.

    Returns
    -------
    str
        An SVG element of at most about `MOST_BARS` bars on `MOST_LANES` rows: of more slots, some are shown; of more
        partitions, neighbours are drawn as one bar. Empty, if nothing weighs anything.
    """
    lanes = _lanes(plan)
    end = max((bars[-1][1] for bars in lanes if bars), default=0.0) * ROOM
    if not end > 0:
        return ""
    tall = min(max(240 // len(lanes), 4), 18)
    high = len(lanes) * tall
    names = {key.partition: key for key in reversed(plan.heaviest)}
    parts = [_axis(plan, end, high)]
    for row, bars in enumerate(_merged(lanes, end)):
        y = TOP + row * tall
        band = f'<rect x="0" y="{y}" width="{WIDE}" height="{tall - 1}"'
        parts.append(f'{band} fill="currentColor" fill-opacity="0.05"/>')
        parts += [_bar(plan, bar, (y, tall), end, names) for bar in bars]
    parts += [_mark(plan.lower_bound / end, "2 3", high), _mark(plan.makespan / end, "6 3", high)]
    size = f'viewBox="0 0 {WIDE} {TOP + high + FOOT}" width="{WIDE}" height="{TOP + high + FOOT}"'
    return f'<svg {size} role="img" aria-label="Partitions on slots" font-size="12">{"".join(parts)}</svg>'


def _lanes(plan: PartitionPlan) -> list[list[_Bar]]:
    """Put each partition on the slot that is free first; of many slots give some, among them those that end last."""
    lanes: list[list[_Bar]] = [[] for _ in range(plan.slots)]
    free = [(0.0, slot) for slot in range(plan.slots)]
    pace = plan.speeds.tolist()
    for number, weight in enumerate(plan.partition_weight.tolist()):
        start, slot = free[0]
        finish = start + weight / pace[slot]
        lanes[slot].append((start, finish, number, 1))
        heapq.heapreplace(free, (finish, slot))
    if plan.slots <= MOST_LANES:
        return lanes
    last = [slot for _, slot in sorted(free, reverse=True)]
    chosen = sorted(last[at * (plan.slots - 1) // (MOST_LANES - 1)] for at in range(MOST_LANES))
    return [lanes[slot] for slot in chosen]


def _merged(lanes: list[list[_Bar]], end: float) -> list[list[_Bar]]:
    """Draw short neighbours as one bar, where there are too many bars."""
    if sum(map(len, lanes)) <= MOST_BARS:
        return lanes
    least = 2 * end * len(lanes) / MOST_BARS
    found: list[list[_Bar]] = []
    for bars in lanes:
        found.append([])
        for start, finish, first, _ in bars:
            before = found[-1][-1] if found[-1] else None
            if before is not None and finish - before[0] <= least:
                found[-1][-1] = (before[0], finish, before[2], before[3] + 1)
            else:
                found[-1].append((start, finish, first, 1))
    return found


def _bar(
    plan: PartitionPlan, bar: _Bar, place: tuple[int, int], end: float, names: dict[int, HeavyKey]
) -> str:  # fmt: skip
    (start, finish, first, together), (y, tall) = bar, place
    left, right = WIDE * start / end, WIDE * finish / end
    wide = max(right - left - (0.8 if right - left > 2.5 else 0), 0.6)
    dark = 0.25 + 0.75 * math.sqrt(float(plan.partition_weight[first] / plan.partition_weight[0]))
    shape = f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{tall - 1}"'
    said = f"<title>{escape(_told(plan, bar, names))}</title>"
    shown = f'{shape} fill="{COLOURS["busy"]}" fill-opacity="{dark:.2f}">{said}</rect>'
    key = names.get(first) if together == 1 and plan.partition_keys[first] == 1 else None
    if key is None or tall < LEAST_TALL or dark < 0.8:
        return shown
    name = key_name(key, max(4, int(wide / LETTER) - 1))
    if columns_of(name) * LETTER > wide - 8:
        return shown
    style = 'fill="#fff" pointer-events="none" font-size="11"'
    return f'{shown}<text x="{left + 5:.1f}" y="{y + tall / 2 + 3:g}" {style}>{escape(name)}</text>'


def _told(plan: PartitionPlan, bar: _Bar, names: dict[int, HeavyKey]) -> str:
    """Say what a bar is."""
    start, finish, first, together = bar
    when = f"; predicted {seconds(start)} to {seconds(finish)}" if plan.unit == "s" else ""
    if together > 1:
        return f"{together:,} partitions from {first:,} on{when}"
    share = percent(float(plan.partition_weight[first]) / total(plan))
    about = "" if plan.keys_exact else "about "
    what = f"{about}{count(int(plan.partition_keys[first]), 'key')}"
    if first in names:
        alone = plan.partition_keys[first] == 1
        what = key_name(names[first]) if alone else f"{what}, {key_name(names[first])} among them"
    return f"partition {first:,}: {what}, {share} of the weight, {count(int(plan.partition_rows[first]), 'row')}{when}"


def _axis(plan: PartitionPlan, end: float, high: int) -> str:
    """Stand lines at round times; where weights are no seconds, at round multiples of the lower bound."""
    if plan.unit == "s":
        marks = [(tick / MICROSECONDS, duration(tick)) for tick in ticks(end * MICROSECONDS)]
    else:
        bound = plan.lower_bound or plan.makespan
        steps = (step * 10.0**power for power in range(-1, 9) for step in (1, 2, 2.5, 5))
        step = next((step for step in steps if end / bound / step <= 8), end / bound)
        marks = [(step * i * bound, times(step * i, 1) if i else "0") for i in range(int(end / bound / step) + 1)]
    parts = []
    for time, told in marks:
        x = WIDE * time / end
        line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + high}"'
        parts.append(f'{line} stroke="currentColor" stroke-opacity="0.18"/>')
        anchor = "start" if time == 0 else "end" if x > WIDE - 30 else "middle"
        text = f'<text x="{x:.1f}" y="{TOP + high + 14}" text-anchor="{anchor}"'
        parts.append(f'{text} fill="currentColor" fill-opacity="0.7">{escape(told)}</text>')
    return "".join(parts)


def _mark(share: float, dash: str, high: int) -> str:
    x = f"{WIDE * min(share, 1.0):.1f}"
    line = f'<line x1="{x}" x2="{x}" y1="{TOP - 3}" y2="{TOP + high + 3}"'
    return f'{line} stroke="currentColor" stroke-width="1.3" stroke-dasharray="{dash}"/>'
