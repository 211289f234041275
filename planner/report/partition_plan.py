"""A partition plan, as text for terminals and as a fragment for notebooks."""

from __future__ import annotations

import itertools

from planner.model.partition_plan import PartitionPlan
from planner.report.markup import bar, escape, table
from planner.report.notebook import fragment
from planner.report.partition_facts import (
    MOST_KEYS,
    bound_told,
    facts,
    fair_share,
    gain_told,
    heavy_cells,
    heavy_head,
    key_name,
    layout_cells,
    layout_head,
    more_keys,
    title,
)
from planner.report.partition_picture import MOST_LANES, picture
from planner.report.terminal import finish, terminal_width, with_bars, wrapped

__all__ = ["partition_plan_html", "partition_plan_text"]

_PREDICTED = "predicted: each partition starts on the slot that is free first; what Spark adds to a task is not counted"
_BYTES = "adaptive execution packs by bytes, which are guessed here from the types of the columns"


def partition_plan_text(plan: PartitionPlan, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a partition plan: its figures, the heaviest keys, and what Spark would do by itself.

    Parameters
    ----------
    plan : PartitionPlan
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    wide, figures = terminal_width(width), facts(plan)
    longest = max(len(value) for _, value, _ in figures)
    lines = wrapped(title(plan), width, 2)
    lines += [f"  {name:<20}{value:>{longest}}  {remark}".rstrip() for name, value, remark in figures]
    sentences = [wrapped(sentence, width, 2) for sentence in _sentences(plan)]
    lines += ["", *itertools.chain(*sentences)] if sentences else []
    if plan.lower_bound > 0:
        parts = [[("█", share)] for share in _layout_shares(plan)[0]]
        cells = [layout_cells(plan, layout) for layout in plan.layouts]
        lines += ["", *with_bars(layout_head(plan), cells, parts, wide)]
    if plan.heaviest:
        shares = [[("█", share)] for share in _key_shares(plan)[0]]
        lines += ["", *with_bars(heavy_head(plan), heavy_cells(plan, max(12, min(40, wide // 3))), shares, wide)]
        lines += wrapped(more_keys(plan), width, 2)
    notes = [wrapped(f"note: {note}", width) for note in _notes(plan)]
    return finish([*lines, *itertools.chain(*notes)], width, unicode)


def partition_plan_html(plan: PartitionPlan) -> str:
    """Show a partition plan in a notebook: its figures, a picture, the heaviest keys, what Spark would do by itself.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in facts(plan)
    )
    return fragment(
        f'<div class="caption">{escape(title(plan))}</div><div class="planner-figures">{figures}</div>',
        f"<div><b>{escape(gain_told(plan))}</b></div>" if gain_told(plan) else "",
        _layouts(plan),
        _bound(plan),
        _drawn(plan),
        _heaviest(plan),
        "".join(_soft(note) for note in _notes(plan)),
    )


def _sentences(plan: PartitionPlan) -> list[str]:
    found = [gain_told(plan)] if gain_told(plan) else []
    bound = bound_told(plan)
    return found if bound is None else [*found, f"{bound[0]}{key_name(bound[1])}{bound[2]}"]


def _bound(plan: PartitionPlan) -> str:
    bound = bound_told(plan)
    if bound is None:
        return ""
    before, key, behind = bound
    return f"<div>{escape(before)}<bdi><b>{escape(key_name(key))}</b></bdi>{escape(behind)}</div>"


def _drawn(plan: PartitionPlan) -> str:
    drawn = picture(plan)
    some = f"{MOST_LANES} of {plan.slots:,} slots; " if plan.slots > MOST_LANES else ""
    said = f"{some}rows: slots; stronger colour: heavier partitions; dotted: lower bound; dashed: predicted makespan"
    said += "" if plan.unit == "s" else "; axis: times the lower bound"
    return drawn + _soft(said) if drawn else ""


def _heaviest(plan: PartitionPlan) -> str:
    if not plan.heaviest:
        return ""
    shares, fair = _key_shares(plan)
    bars = [bar([("busy", share)], mark=fair) for share in shares]
    rows = [
        [f"<bdi>{escape(first)}</bdi>", drawn, *map(escape, rest)]
        for (first, *rest), drawn in zip(heavy_cells(plan), bars, strict=True)
    ]
    first, *others = heavy_head(plan)
    below = "; ".join(part for part in (more_keys(plan), "ticks: a slot's equal share") if part)
    return table([first, "", *others], rows, text_columns=(0, 1)) + _soft(below)


def _layouts(plan: PartitionPlan) -> str:
    if plan.lower_bound <= 0:
        return ""
    shares, bound = _layout_shares(plan)
    names = ["busy", *["predicted"] * len(shares)]
    rows = []
    for layout, share, name in zip(plan.layouts, shares, names, strict=False):
        first, *rest = map(escape, layout_cells(plan, layout))
        rows.append([first, bar([(name, share)], mark=bound), *rest])
    first, *others = layout_head(plan)
    drawn = table([first, "", *others], rows, text_columns=(0, 1), attributes=['class="best"'])
    return drawn + _soft("ticks: lower bound")


def _key_shares(plan: PartitionPlan) -> tuple[list[float], float]:
    """Give how long the bars of the keys are, and where a slot's equal share stands on them."""
    weights = [key.weight for key in plan.heaviest[:MOST_KEYS]]
    longest = max([*weights, fair_share(plan), 1e-300])
    return [weight / longest for weight in weights], fair_share(plan) / longest


def _layout_shares(plan: PartitionPlan) -> tuple[list[float], float]:
    """Give how long the bars of the layouts are, and where the lower bound stands on them."""
    longest = max([*(layout.makespan for layout in plan.layouts), 1e-300])
    return [layout.makespan / longest for layout in plan.layouts], plan.lower_bound / longest


def _notes(plan: PartitionPlan) -> list[str]:
    said = [_PREDICTED] if len(plan.layouts) > 1 else []
    adaptive = any(layout.name == "adaptive execution" for layout in plan.layouts)
    return [*plan.notes, *said, *([_BYTES] if adaptive else [])]


def _soft(text: str) -> str:
    return f'<div class="soft">{escape(text)}</div>'
