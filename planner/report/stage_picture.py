"""A picture of a cut graph: a box a stage, its layers from left to right, and what crosses from box to box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from planner.model.arrays import Int64
from planner.model.stage_plan import StagePlan
from planner.model.units import format_bytes
from planner.report.markup import COLOURS, duration, escape
from planner.report.words import count

__all__ = ["stage_picture"]

WIDE, HIGH, TOP, GAP = 960, 170, 18, 10
MOST_COLUMNS, MOST_ROWS, MOST_BOXES, MOST_LINES = 160, 9, 48, 1200
FAINT = 60
"""Lines that can be as strong as one alone before they become a blot."""
_NS_PER_US = 1000


@dataclass(frozen=True)
class _Cell:
    """Layers that are drawn as one square: where it is, and which they are."""

    x: float
    y: float
    layers: list[int]


def stage_picture(plan: StagePlan) -> str:
    """Draw the stages as boxes in their order; a layer stands right of those of its stage that it waits for.

    Returns
    -------
    str
        An SVG element. Of deep or wide stages neighbouring layers are drawn as one square; of more than 48 stages
        nothing is drawn, and the text is empty.
    """
    if not 0 < plan.n_stages <= MOST_BOXES:
        return ""
    depth = _depths(plan)
    deep = np.array([1 + max(depth[plan.layers(stage)], default=0) for stage in range(plan.n_stages)])
    share = np.minimum(deep, max(MOST_COLUMNS // plan.n_stages, 2))
    unit = (WIDE - GAP * (plan.n_stages - 1)) / share.sum()
    parts, cells = [], []
    left = 0.0
    for stage in range(plan.n_stages):
        wide = float(share[stage] * unit)
        parts.append(_box(plan, stage, left, wide))
        cells += _cells_of(plan, stage, depth, (left, wide), (int(deep[stage]), int(share[stage])))
        left += wide + GAP
    side = max(3.0, min(9.0, unit * 0.6))
    drawn = [_square(plan, cell, side) for cell in cells]
    size = f'viewBox="0 0 {WIDE} {TOP + HIGH + 4}" width="{WIDE}" height="{TOP + HIGH + 4}"'
    body = "".join([*parts, *_lines(plan, cells), *drawn])
    return f'<svg {size} role="img" aria-label="The cut graph" font-size="12">{body}</svg>'


def _depths(plan: StagePlan) -> Int64:
    """Give how many layers of its own stage each waits for, one after the other."""
    graph, stage = plan.graph, plan.stage
    depth = np.zeros(graph.n, np.int64)
    for layer in graph.order:
        before = graph.predecessors(layer)
        inside = before[stage[before] == stage[layer]]
        depth[layer] = 1 + depth[inside].max() if len(inside) else 0
    return depth


def _cells_of(
    plan: StagePlan, stage: int, depth: Int64, place: tuple[float, float], columns: tuple[int, int]
) -> list[_Cell]:
    left, wide = place
    deep, shown = columns
    layers = plan.layers(stage)
    cells = []
    for column in range(shown):
        inside = layers[depth[layers] * shown // deep == column]
        held, beside = inside.tolist(), np.bincount(depth[inside]).max(initial=0)
        rows = min(int(beside), MOST_ROWS)
        for row in range(rows):
            some = held[row * len(held) // rows : (row + 1) * len(held) // rows]
            x, y = left + wide * (column + 0.5) / shown, TOP + HIGH * (row + 0.5) / rows
            cells.append(_Cell(x, y, some))
    return cells


def _box(plan: StagePlan, stage: int, left: float, wide: float) -> str:
    copies = len(plan.executors[stage])
    told = f"stage {stage}" + (f", {copies} executors in turn" if copies > 1 else "")
    told += (
        f": {duration(plan.load_ns[stage] / _NS_PER_US)} a micro-batch, {format_bytes(int(plan.memory_bytes[stage]))}"
    )
    slow = plan.load_ns[stage] >= plan.bottleneck_ns
    edge = f'stroke="{COLOURS["bound"] if slow else "currentColor"}" stroke-opacity="{0.9 if slow else 0.25}"'
    shape = f'<rect x="{left:.1f}" y="{TOP}" width="{wide:.1f}" height="{HIGH}" rx="3"'
    name = f"{stage}" + (f" × {copies}" if copies > 1 else "") + (" host" if plan.on_host[stage] else "")
    text = f'<text x="{left + 2:.1f}" y="{TOP - 5}" fill="currentColor" fill-opacity="0.7">{escape(name)}</text>'
    box = f'{shape} fill="currentColor" fill-opacity="0.05" {edge}><title>{escape(told)}</title></rect>'
    return box + (text if wide > 7 * len(name) else "")


def _square(plan: StagePlan, cell: _Cell, side: float) -> str:
    time = int(plan.graph.time_ns[cell.layers].sum())
    most = max(int(plan.graph.time_ns.max()), 1)
    dark = 0.2 + 0.8 * math.sqrt(min(time / most, 1.0))
    names = plan.graph.names[cell.layers[0]]
    if len(cell.layers) > 1:
        names = f"{count(len(cell.layers), 'layer')}, {names} … {plan.graph.names[cell.layers[-1]]}"
    told = f"<title>{escape(f'{names}: {duration(time / _NS_PER_US)}')}</title>"
    place = f'x="{cell.x - side / 2:.1f}" y="{cell.y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}"'
    return f'<rect {place} fill="{COLOURS["busy"]}" fill-opacity="{dark:.2f}">{told}</rect>'


def _lines(plan: StagePlan, cells: list[_Cell]) -> list[str]:
    """Draw edges between squares, those that cross a cut first: of very many, only these."""
    of = np.empty(plan.graph.n, np.int64)
    for number, cell in enumerate(cells):
        of[cell.layers] = number
    target = np.repeat(np.arange(plan.graph.n), np.diff(plan.graph.pred_ptr))
    source = plan.graph.pred
    crosses = plan.stage[source] != plan.stage[target]
    ends: dict[tuple[int, int], bool] = {}
    for a, b, cut in zip(of[source].tolist(), of[target].tolist(), crosses.tolist(), strict=True):
        if a != b:
            ends[a, b] = ends.get((a, b), False) or cut
    found = sorted(ends.items(), key=lambda edge: not edge[1])[:MOST_LINES]
    faint = min(0.3, max(0.04, FAINT / max(len(found), 1)))
    return [_line(cells[a], cells[b], cut, faint) for (a, b), cut in reversed(found)]


def _line(a: _Cell, b: _Cell, cut: bool, faint: float) -> str:
    middle = (a.x + b.x) / 2
    path = f"M{a.x:.1f},{a.y:.1f}C{middle:.1f},{a.y:.1f} {middle:.1f},{b.y:.1f} {b.x:.1f},{b.y:.1f}"
    look = (
        f'stroke="{COLOURS["wait"]}" stroke-width="1.4"'
        if cut
        else f'stroke="currentColor" stroke-opacity="{faint:.2f}"'
    )
    return f'<path d="{path}" fill="none" {look}/>'
