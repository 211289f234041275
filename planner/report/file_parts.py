"""A plan of reading files as text for terminals, and as a fragment for notebooks."""

from __future__ import annotations

import itertools

from planner.model.file_plan import FilePlan, HeavyPart
from planner.model.partition_plan import Layout
from planner.model.units import format_bytes
from planner.report.markup import bar, escape, percent, table
from planner.report.notebook import fragment
from planner.report.terminal import aligned, finish, shortened, terminal_width, with_bars, wrapped
from planner.report.words import count

__all__ = ["files_html", "files_text"]

MOST_HEAVY = 3
_LAYOUT_HEAD = ["layout", "predicted", "skew", "partitions"]


def files_text(plan: FilePlan, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a file plan: its figures, Spark's own layouts beside it, what is heaviest, and what was found.

    Parameters
    ----------
    plan : FilePlan
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    facts = _facts(plan)
    longest = max(len(value) for _, value, _ in facts)
    lines = [_title(plan), *(f"  {name:<20}{value:>{longest}}  {remark}".rstrip() for name, value, remark in facts)]
    most = max((layout.makespan for layout in plan.layouts), default=0.0) or 1.0
    shares = [[("█", layout.makespan / most)] for layout in plan.layouts]
    cells = [_layout(plan, layout) for layout in plan.layouts]
    lines += ["", *with_bars(_LAYOUT_HEAD, cells, shares, terminal_width(width))]
    heavy = [[_heavy(part), _amount(plan, part.weight)] for part in plan.heaviest[:MOST_HEAVY]]
    if heavy:
        lines += ["", *aligned(["heaviest", plan.weight], heavy)]
    for finding in plan.findings:
        lines += [*wrapped(f"found: {finding.problem}", width), *wrapped(f"    to mend it: {finding.mend}", width, 8)]
    notes = [wrapped(f"note: {note}", width) for note in plan.notes]
    return finish([*lines, *itertools.chain(*notes)], width, unicode)


def files_html(plan: FilePlan) -> str:
    """Show a file plan in a notebook.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    figures = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"
        for name, value, remark in _facts(plan)
    )
    most = max((layout.makespan for layout in plan.layouts), default=0.0) or 1.0
    layouts = []
    for layout in plan.layouts:
        name, *cells = map(escape, _layout(plan, layout))
        layouts.append([name, bar([("predicted", layout.makespan / most)]), *cells])
    heavy = [[escape(_heavy(part)), escape(_amount(plan, part.weight))] for part in plan.heaviest[:MOST_HEAVY]]
    found = "".join(
        f"<li>{escape(finding.problem)}<br>to mend it: {escape(finding.mend)}</li>" for finding in plan.findings
    )
    return fragment(
        f'<div class="caption">{escape(_title(plan))}</div><div class="planner-figures">{figures}</div>',
        table([_LAYOUT_HEAD[0], "", *_LAYOUT_HEAD[1:]], layouts, text_columns=(0, 1)),
        table(["heaviest", plan.weight], heavy) if heavy else "",
        f"<div><b>found</b><ul>{found}</ul></div>" if found else "",
        "".join(f'<div class="soft">{escape(note)}</div>' for note in plan.notes),
    )


def _title(plan: FilePlan) -> str:
    what = (
        f"{count(plan.n_parts, 'row group')} of {count(plan.n_files, 'file')}"
        if plan.parquet
        else count(plan.n_files, "file")
    )
    where = f"{count(plan.n_partitions, 'partition')} on {count(plan.slots, 'slot')}"
    return f"Reading {shortened(plan.location, 60)}: {what} in {where}"


def _facts(plan: FilePlan) -> list[tuple[str, str, str]]:
    why = {"all slots busy": "all slots busy, none above its share"}
    read = format_bytes(plan.total_bytes) + (f", {plan.total_rows:,} rows" if plan.total_rows is not None else "")
    gain = f"predicted {plan.gain:.3g} × as fast as Spark's packing" if plan.expects_gain else "no gain expected"
    return [
        ("to read", read, f"planned in {plan.seconds:.3g} s"),
        ("predicted makespan", _amount(plan, plan.makespan), gain),
        ("lower bound", _amount(plan, plan.lower_bound), why.get(plan.bound_reason, f"{plan.bound_reason} alone")),
        ("gap", percent(plan.gap), f"skew of the partitions {plan.skew:.3g}, heaviest first"),
    ]


def _layout(plan: FilePlan, layout: Layout) -> list[str]:
    return [layout.name, _amount(plan, layout.makespan), f"{layout.skew:.3g}", f"{layout.partitions:,}"]


def _heavy(part: HeavyPart) -> str:
    return part.file if part.group is None else f"{part.file}, row group {part.group}"


def _amount(plan: FilePlan, value: float) -> str:
    return format_bytes(value) if plan.weight == "bytes" else f"{value:,.0f} rows"
