"""The page of a comparison: a table of methods, and every plan's Gantt chart, all on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from planner.model.plan import Plan
from planner.model.units import format_bytes
from planner.report.markup import asset, bar, duration, escape, percent, table
from planner.report.multiples import Axis, colours_of, is_exact, legend, small_gantt
from planner.report.shell import page, write_text
from planner.report.words import change, count, scroll, seconds, section

__all__ = ["write_comparison"]

_MOST_BARS = 48_000
"""Of all charts together, so that the file stays below a megabyte."""

_MOST_OF_ONE = 4_000
_MOST_TITLED = 2_000
"""Tasks of all charts together up to which each tells its id and times."""

_MERGED = (
    " Neighbouring tasks are drawn as one bar, in the colour of the kind that takes most of it, "
    "paler where its slots are less busy."
)


def write_comparison(
    plans: Sequence[Plan],
    path: str | Path,
    about: Mapping[str, tuple[str, str]] | None = None,
    spilled: Sequence[int] = (),
) -> Path:
    """Write plans of one graph by several methods as one HTML file that opens without a network.

    Parameters
    ----------
    plans : sequence of Plan
        Of one graph on one cluster, best first.
    path : str or Path
        An HTML file; one that exists is replaced.
    about : mapping of str to (str, str), optional
        What a method does, in one line, and where it was published.
    spilled : sequence of int, optional
        Bytes of values that each plan spills to disk.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    title = f"{count(len(plans), 'method')} compared: {count(plans[0].graph.n, 'task')}"
    title += f" on {count(plans[0].cluster.n_slots, 'slot')}"
    axis, known = Axis.of(plans), about or {}
    spills = [f"{format_bytes(size)} spilled to disk" if size else "" for size in spilled or [0] * len(plans)]
    parts = [_header(title, plans, axis), _table(plans, axis, spills), _charts(plans, axis, known, spills)]
    return write_text(page(title, "\n".join(parts), style=asset("report.css") + asset("comparison.css")), path)


def _name(plan: Plan) -> str:
    return str(plan.settings.get("method", plan.method))


def _header(title: str, plans: Sequence[Plan], axis: Axis) -> str:
    best, worst = plans[0], max(plans, key=lambda plan: plan.makespan_us)

    def tile(name: str, value: str, remark: str, series: str = "", us: int = 0) -> str:
        drawn = bar([(series, us / axis.end_us)], width="100%", height=6) if series else ""
        return f'<div class="tile"><h3>{name}</h3><b>{value}</b>{drawn}<p>{remark}</p></div>'

    ties = sum(plan.makespan_us == best.makespan_us for plan in plans)
    by = escape(_name(best)) + (f" and {count(ties - 1, 'other')}" if ties > 1 else "")
    reason = next(plan.bound.reason for plan in plans if plan.bound.us == axis.bound_us)
    proved = "no plan is shorter" if best.makespan_us <= axis.bound_us else "of the best plan above the lower bound"
    tiles = [tile("Best predicted makespan", duration(best.makespan_us), f"by {by}", "measured", best.makespan_us)]
    tiles.append(tile("Lower bound", duration(axis.bound_us), escape(reason), "bound", axis.bound_us))
    tiles.append(tile("Gap", percent(best.gap), proved))
    if worst.makespan_us > best.makespan_us:
        remark = f"by {escape(_name(worst))}: {change(worst.makespan_us, best.makespan_us)} against the best"
        tiles.append(tile("Longest makespan", duration(worst.makespan_us), remark, "predicted", worst.makespan_us))
    return f'<header><h1>{escape(title)}</h1><div class="tiles">{"".join(tiles)}</div></header>'


def _table(plans: Sequence[Plan], axis: Axis, spills: Sequence[str]) -> str:
    best = plans[0].makespan_us
    rows = []
    for number, plan in enumerate(plans):
        drawn = bar([("measured", plan.makespan_us / axis.end_us)], mark=axis.bound_us / axis.end_us, width="94%")
        beyond = " →" if plan.makespan_us > axis.end_us else ""
        against = "best" if plan.makespan_us == best and spills[number] == spills[0] else change(plan.makespan_us, best)
        names = [f'<a href="#plan-{number}">{escape(_name(plan))}</a>', f"{drawn}{beyond}"]
        times = [duration(plan.makespan_us), against, percent(plan.gap), duration(plan.bound.us)]
        rows.append([*names, *times, f"{plan.imbalance:.3g}", seconds(plan.seconds), spills[number]])
    head = ["method", "", "predicted makespan", "against the best", "gap", "lower bound", "imbalance", "planning time"]
    if any(spills):
        head.append("")
    rows = [row[: len(head)] for row in rows]
    alike = [plan.makespan_us == best and spilled == spills[0] for plan, spilled in zip(plans, spills, strict=True)]
    marked = ['class="best"' if same else "" for same in alike]
    note = "Gap: how far the makespan is above the lower bound, where the tick stands. "
    note += "Imbalance: the busiest slot's time over the mean."
    body = scroll(table(head, rows, text_columns=(0, 1), attributes=marked))
    return section("Methods", body, f'<p class="note">{note}</p>')


def _charts(plans: Sequence[Plan], axis: Axis, about: Mapping[str, tuple[str, str]], spills: Sequence[str]) -> str:
    most = min(_MOST_OF_ONE, _MOST_BARS // len(plans))
    titled = plans[0].graph.n * len(plans) <= _MOST_TITLED
    colour, named = colours_of(plans[0])
    figures = []
    for number, plan in enumerate(plans):
        chart = small_gantt(plan, axis, colour, most=most, titled=titled)
        caption = _caption(plan, axis, spills[number], *about.get(_name(plan), ("", "")))
        figures.append(f'<figure id="plan-{number}"><figcaption>{caption}</figcaption>{chart}</figure>')
    note = "" if is_exact(plans[0], most) else _MERGED
    lines = '<span class="lines"><i class="bound"></i>lower bound <i class="end"></i>the plan ends</span>'
    kinds = f'<div class="legend">{legend(named, len(colour))}{lines}</div>'
    text = f"<p>A row a slot, by executor; all on one time axis.{note}</p>"
    return section("Plans", kinds, text, f'<div class="charts">{"".join(figures)}</div>')


def _caption(plan: Plan, axis: Axis, spills: str, summary: str, source: str) -> str:
    facts = [f"{percent(plan.gap)} above the bound" if plan.gap > 0 else "optimal"]
    facts += [spills] if spills else []
    if plan.method != _name(plan):
        facts.append(f"found by {plan.method}")
    if plan.makespan_us > axis.end_us:
        facts.append(f"goes on to {duration(plan.makespan_us)}, beyond this axis")
    words = " · ".join(map(escape, facts))
    cited = f" <cite>{escape(source)}</cite>" if source else ""
    told = f"<p>{escape(summary)}.{cited}</p>" if summary else ""
    return f"<h3>{escape(_name(plan))} <b>{duration(plan.makespan_us)}</b> <span>{words}</span></h3>{told}"
