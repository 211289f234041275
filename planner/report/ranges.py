"""A range plan as text for terminals, and as a fragment for notebooks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from planner.model.range_plan import RangeLayout, RangePlan
from planner.report.markup import bar, escape, percent, table
from planner.report.notebook import fragment
from planner.report.terminal import finish, terminal_width, with_bars, wrapped
from planner.report.words import count

__all__ = ["ranges_html", "ranges_text"]

MOST_ROWS = 16
"""Partitions that are shown one by one; of more, the first and the last."""


def ranges_text(plan: RangePlan, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a range plan: its figures, each partition with its first value, and Spark's own cuts beside it.

    Parameters
    ----------
    plan : RangePlan
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    wide, room = terminal_width(width), max(plan.largest, 1e-300)
    facts = _facts(plan)
    longest = max(len(value) for _, value, _ in facts)
    lines = [_title(plan), *(f"  {name:<20}{value:>{longest}}  {remark}".rstrip() for name, value, remark in facts)]
    rows = _partitions(plan)
    cells = [[_from(plan, k), *_figures(plan, k)] for k in rows]
    shares = [[("█", float(plan.partition_weight[k]) / room)] for k in rows]
    lines += ["", *with_bars(["from", *_head(plan)], cells, shares, wide)]
    if len(rows) < plan.n_partitions:
        lines.append(f"… and {plan.n_partitions - len(rows):,} partitions between them")
    largest = max((layout.largest for layout in plan.layouts), default=0.0) or 1.0
    parts = [[("█", layout.largest / largest)] for layout in plan.layouts]
    lines += ["", *with_bars(_LAYOUT_HEAD, list(map(_layout, plan.layouts)), parts, wide)]
    notes = [wrapped(f"note: {note}", width) for note in plan.notes]
    return finish([*lines, *itertools.chain(*notes)], width, unicode)


def ranges_html(plan: RangePlan) -> str:
    """Show a range plan in a notebook: its figures, its partitions, and Spark's own cuts beside it.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    room = plan.largest or 1.0
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in _facts(plan)
    )
    rows = [
        [escape(_from(plan, k)), bar([("busy", float(plan.partition_weight[k]) / room)]), *_figures(plan, k)]
        for k in _partitions(plan)
    ]
    rest = plan.n_partitions - len(rows)
    between = f'<div class="soft">… and {rest:,} partitions between them</div>' if rest else ""
    largest = max((layout.largest for layout in plan.layouts), default=0.0) or 1.0
    layouts = []
    for layout in plan.layouts:
        name, *cells = map(escape, _layout(layout))
        layouts.append([name, bar([("predicted", layout.largest / largest)]), *cells])
    notes = "".join(f'<div class="soft">{escape(note)}</div>' for note in plan.notes)
    return fragment(
        f'<div class="caption">{escape(_title(plan))}</div><div class="planner-figures">{figures}</div>',
        table(["from", "", *_head(plan)], rows, text_columns=(0, 1)) + between,
        table([_LAYOUT_HEAD[0], "", *_LAYOUT_HEAD[1:]], layouts, text_columns=(0, 1)) + notes,
    )


_LAYOUT_HEAD = ["layout", "largest", "skew", "partitions"]


def _title(plan: RangePlan) -> str:
    return f"Ranges of {', '.join(plan.by)}: {count(plan.n_rows, 'row')} in {count(plan.n_partitions, 'partition')}"


def _facts(plan: RangePlan) -> list[tuple[str, str, str]]:
    share = "an equal share"
    why = {
        "optimal cuts": "no cuts make the heaviest partition lighter",
        "one value": "the heaviest value alone, which no cut divides",
        "equal shares": share,
        "runs of values": "runs of consecutive values were cut",
    }
    return [
        ("heaviest partition", _number(plan.largest), f"{percent(plan.skew - 1)} above {share}"),
        ("lower bound", _number(plan.lower_bound), why[plan.bound_reason]),
        ("weighed", plan.weight, f"{count(plan.n_values, 'distinct value')}, in {plan.seconds:.3g} s"),
    ]


def _partitions(plan: RangePlan) -> Sequence[int]:
    n, half = plan.n_partitions, MOST_ROWS // 2
    return range(n) if n <= MOST_ROWS else [*range(half), *range(n - half, n)]


def _from(plan: RangePlan, k: int) -> str:
    return plan.firsts[k] if k < len(plan.firsts) else "–"


def _head(plan: RangePlan) -> list[str]:
    return ["rows", "values"] if plan.weight == "rows" else [plan.weight, "rows", "values"]


def _figures(plan: RangePlan, k: int) -> list[str]:
    counted = [f"{plan.partition_rows[k]:,}", f"{plan.partition_values[k]:,}"]
    return counted if plan.weight == "rows" else [_number(float(plan.partition_weight[k])), *counted]


def _layout(layout: RangeLayout) -> list[str]:
    return [layout.name, _number(layout.largest), f"{layout.skew:.3g}", f"{layout.partitions:,}"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and value < 1e15 else f"{value:,.6g}"
