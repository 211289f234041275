"""A partition plan, as text for terminals and as a fragment for notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from planner.model.partition_plan import HeavyKey, Layout, PartitionPlan
from planner.report.markup import bar, escape, percent, table
from planner.report.notebook import fragment
from planner.report.terminal import finish, shortened, terminal_width, with_bars, wrapped
from planner.report.words import count, seconds

__all__ = ["partition_plan_html", "partition_plan_text"]

MOST_KEYS = 10

_KEYS = ["heaviest keys", "of a slot's share", "weight", "rows", "partition"]
_LAYOUTS = ["layout (predicted)", "over the bound", "partitions", "skew"]


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
    wide, facts = terminal_width(width), _facts(plan)
    longest = max(len(value) for _, value, _ in facts)
    lines = [_title(plan), *(f"  {name:<20}{value:>{longest}}  {remark}".rstrip() for name, value, remark in facts)]
    if plan.heaviest:
        keys = plan.heaviest[:MOST_KEYS]
        shares = [[("█", share)] for share in _relative([key.weight for key in keys])]
        lines += ["", *with_bars(_KEYS, [_key_cells(plan, key) for key in keys], shares, wide)]
    shares = [[("█", share)] for share in _relative([layout.makespan for layout in plan.layouts])]
    lines += ["", *with_bars(_LAYOUTS, [_layout_cells(plan, layout) for layout in plan.layouts], shares, wide), ""]
    for text in (_verdict(plan), *plan.notes):
        lines += wrapped(text, wide, 2)
    return finish(lines, width, unicode)


def partition_plan_html(plan: PartitionPlan) -> str:
    """Show a partition plan in a notebook.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in _facts(plan)
    )
    parts = [f'<div class="caption">{escape(_title(plan))}</div><div class="planner-figures">{figures}</div>']
    if plan.heaviest:
        keys = plan.heaviest[:MOST_KEYS]
        bars = [bar([("busy", share)]) for share in _relative([key.weight for key in keys])]
        parts.append(_table(_KEYS, [_key_cells(plan, key) for key in keys], bars))
    shares = _relative([layout.makespan for layout in plan.layouts])
    bound = _relative([plan.lower_bound, *(layout.makespan for layout in plan.layouts)])[0]
    bars = [
        bar([("measured" if i == 0 else "predicted", share)], mark=bound if plan.lower_bound > 0 else None)
        for i, share in enumerate(shares)
    ]
    parts.append(_table(_LAYOUTS, [_layout_cells(plan, layout) for layout in plan.layouts], bars))
    parts += [f'<div class="soft">{escape(text)}</div>' for text in (_verdict(plan), *plan.notes, "ticks: lower bound")]
    return fragment(*parts)


def _title(plan: PartitionPlan) -> str:
    about = "" if plan.keys_exact else "about "
    what = f"{about}{count(plan.n_keys, 'key')} by {', '.join(plan.by)}, {count(plan.n_rows, 'row')}"
    return f"Partition plan: {what} in {count(plan.n_partitions, 'partition')} on {count(plan.slots, 'slot')}"


def _facts(plan: PartitionPlan) -> list[tuple[str, str, str]]:
    """Give names, values and remarks; a time only where weights are seconds."""
    facts = [("weighed by", plan.weight, "" if plan.sampled is None else f"from {percent(plan.sampled)} of the rows")]
    bound = _bound(plan)
    over = f"{_over(plan, plan.planned)} the lower bound"
    if plan.unit == "s":
        facts.append(("predicted makespan", seconds(plan.makespan), over))
        facts.append(("lower bound", seconds(plan.lower_bound), bound))
    else:
        facts.append(("predicted makespan", over, ""))
        unit = f" {plan.unit}" if plan.unit else ""
        facts.append(("lower bound", f"{_number(plan.lower_bound)}{unit}", bound))
    facts.append(("skew", f"{plan.planned.skew:.3g}", "heaviest partition ÷ mean"))
    facts.append(("planned in", seconds(plan.seconds), ""))
    return facts


def _bound(plan: PartitionPlan) -> str:
    if plan.bound_reason != "one key" or not plan.heaviest:
        return "all slots busy to the end"
    name = shortened(plan.heaviest[0].key, 32)
    return f"{name} alone, which starts first; only agg(…, combine=…) can split it"


def _key_cells(plan: PartitionPlan, key: HeavyKey) -> list[str]:
    share = float(plan.partition_weight.sum()) / max(float(plan.speeds.sum()), 1e-300)
    place = f"{key.partition}" + (f" and {key.pieces - 1} more" if key.pieces > 1 else "")
    weight = seconds(key.weight) if plan.unit == "s" else _number(key.weight)
    of_slot = percent(key.weight / share) if share > 0 else "–"
    return [shortened(key.key), of_slot, weight, f"{key.rows:,}", place]


def _layout_cells(plan: PartitionPlan, layout: Layout) -> list[str]:
    return [layout.name, _over(plan, layout), f"{layout.partitions:,}", f"{layout.skew:.3g}"]


def _over(plan: PartitionPlan, layout: Layout) -> str:
    return f"{layout.makespan / plan.lower_bound:.3g} ×" if plan.lower_bound > 0 else "–"


def _verdict(plan: PartitionPlan) -> str:
    """Say what the plan is predicted to bring, in plain words."""
    others = sorted(plan.layouts[1:], key=lambda layout: layout.makespan)
    if not others:
        return "nothing to compare with: Spark's own layout is not known"
    if not plan.expects_gain:
        return f"no gain expected: {others[0].name} is predicted to take {plan.gain:.3g} × as long"
    told = [f"{layout.makespan / plan.makespan:.3g} × as long with {layout.name}" for layout in others]
    return f"predicted to take {', '.join(told)}; what Spark itself adds is not counted"


def _relative(values: Sequence[float]) -> list[float]:
    largest = max([*values, 1e-300])
    return [value / largest for value in values]


def _number(value: float) -> str:
    """Give a number with separators, or in short where it is no whole one.

    Examples
    --------
    >>> _number(12345.0), _number(0.5), _number(1.5e12)
    ('12,345', '0.5', '1.5e+12')
    """
    return f"{value:,.0f}" if value == int(value) and value < 1e9 else f"{value:.4g}"


def _table(head: Sequence[str], cells: Sequence[Sequence[str]], bars: Sequence[str]) -> str:
    """Lay cells out, with a bar behind the first of each row."""
    rows = [[escape(first), drawn, *map(escape, rest)] for (first, *rest), drawn in zip(cells, bars, strict=True)]
    return table([head[0], "", *head[1:]], rows, text_columns=(0, 1))
