"""Fragments for notebooks: static SVG and small tables, with nothing loaded and nothing run.

Their style is scoped to a class and takes the colour of the text around it, so that they are legible on light and on
dark pages, and still readable where a viewer strips the style.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.gantt import FAILED_KIND, MOST_BARS, MOST_LANES, PALE_KIND, Panel, gantt
from planner.report.markup import asset, bar, duration, escape, percent, table
from planner.report.measures import executor_load
from planner.report.multiples import Axis, colours_of, is_exact, legend, small_gantt
from planner.report.redundancy import Redundancy
from planner.report.timeline import DONE, FAILED, NOT_RUN, Figures, Timeline
from planner.report.words import change, count, moves_told, objective_told, seconds

__all__ = ["comparison_html", "fragment", "load_html", "plan_html"]

MOST_EXECUTORS = 16
MERGED = "; neighbouring tasks are drawn as one bar, paler where their slots are less busy"
_MOST_BARS_OF_ALL = 16_000
"""Of the charts of a comparison together."""

_SOLID, _DASHED, _DOTTED = "none", "6 3", "2 3"


def fragment(*parts: str) -> str:
    """Wrap parts, which are HTML, with the style that they need and that reaches nothing else."""
    return f'<div class="planner-view"><style>{asset("fragment.css")}</style>{"".join(parts)}</div>'


def plan_html(plan: Plan) -> str:
    """Show a plan in a notebook: its figures, a Gantt chart, and what replicas cost and survive.

    Returns
    -------
    str
        A fragment of HTML without scripts.
    """
    lines, figures = Timeline.of(plan), Figures.of(plan)
    facts = [
        ("predicted makespan", duration(figures.predicted_us)),
        ("lower bound", duration(figures.bound_us)),
        *((name, value) for name, value, _ in objective_told(plan)),
        ("gap", f"{percent(plan.gap)}, {plan.status}"),
        ("method", plan.method),
        ("planned in", f"{plan.seconds:.3g} s"),
    ]
    marks = [(figures.bound_us, _DOTTED), (figures.predicted_us, _DASHED)]
    names = [name for name, _ in lines.lanes]
    drawn = gantt([_planned(plan, lines)], names, lines.end_us, marks)
    title = f"Plan: {count(plan.graph.n, 'task')} on {count(plan.cluster.n_slots, 'slot')}"
    note = f"dotted: lower bound ({escape(plan.bound.reason)}), dashed: predicted makespan"
    against = Redundancy.of(plan)
    told = "" if against is None else f'<div class="soft">{escape(against)}</div>'
    return fragment(_caption(title), _figures(facts), drawn, _notes(note, plan.graph.n, len(names), MOST_BARS), told)


def load_html(plan: Plan, load: LoadReport) -> str:
    """Show a run in a notebook: its figures, planned above measured on one axis, and each executor's load.

    Returns
    -------
    str
        A fragment of HTML without scripts.

    Raises
    ------
    InputError
        If the load report belongs to another plan.
    """
    lines, figures = Timeline.of(plan, load), Figures.of(plan, load)
    done = int(np.sum(lines.status == DONE))
    gap = percent(figures.above_bound(load.measured_makespan_us))
    facts = [
        ("predicted makespan", duration(figures.predicted_us)),
        ("measured makespan", duration(load.measured_makespan_us)),
        ("measured against predicted", change(load.measured_makespan_us, figures.predicted_us)),
        ("elapsed", duration(load.elapsed_us)),
        ("lower bound", duration(figures.bound_us)),
        ("measured gap", gap),
    ]
    if done < plan.graph.n:
        facts = [fact for fact in facts if fact[0] not in ("measured against predicted", "measured gap")]
        facts.append(("tasks done", f"{done:,} of {plan.graph.n:,}"))
    facts += moves_told(load)
    marks = [(figures.bound_us, _DOTTED), (figures.predicted_us, _DASHED), (load.measured_makespan_us, _SOLID)]
    kind = np.where(lines.status == FAILED, FAILED_KIND, plan.graph.kind).astype(np.int32)
    names = plan.graph.names if plan.graph.n <= MOST_BARS else ()
    measured = Panel("measured", lines.measured_lane, lines.measured_start_us, lines.measured_finish_us, kind, names)
    rows = [name for name, _ in lines.lanes]
    drawn = gantt([_planned(plan, lines), measured], rows, lines.end_us, marks)
    title = f"Run {load.status}: {count(plan.graph.n, 'task')} on {count(plan.cluster.n_slots, 'slot')}"
    note = "dotted: lower bound, dashed: predicted makespan, solid: measured makespan"
    note += "; red: failed, pale: planned but not run" if done < plan.graph.n else ""
    notes = _notes(note, plan.graph.n, len(rows), MOST_BARS // 2)
    return fragment(_caption(title), _figures(facts), drawn, notes, _load_table(plan, load, figures))


def comparison_html(rows: pd.DataFrame | Sequence[dict[str, Any]], plans: Sequence[Plan] = ()) -> str:
    """Show a table of methods, the best in bold, with a bar for each makespan.

    Parameters
    ----------
    rows : DataFrame or sequence of dict
        ``method``, ``makespan`` (seconds), and of ``gap``, ``imbalance``, ``seconds`` (planning) and others what there
        is. A makespan may be missing: that method found no plan.
    plans : sequence of Plan, optional
        Of one graph on one cluster: their Gantt charts, on one time axis, unfold below the table.
    """
    data = pd.DataFrame(rows)
    makespan = pd.to_numeric(data["makespan"]) if "makespan" in data else pd.Series(dtype=float)
    longest, best = makespan.max(), makespan.min()
    titles = {"makespan": "predicted makespan", "seconds": "planning time", "lower_bound": "lower bound"}
    head, cells = [], [[] for _ in range(len(data))]  # type: tuple[list[str], list[list[str]]]
    for name in map(str, data.columns):
        head += ["", titles[name]] if name == "makespan" else [titles.get(name, name)]
        for cell, value in zip(cells, data[name], strict=True):
            if name == "makespan":
                cell.append(bar([("busy", value / longest)]) if value > 0 else "")
            cell.append(_cell(name, value))
    marked = ['class="best"' if value == best else "" for value in makespan]
    texts = [i for i, name in enumerate(head) if name in ("", "method", "source", "note", "status")]
    return fragment(table(head, cells, text_columns=texts, attributes=marked), _charts(plans) if plans else "")


def _charts(plans: Sequence[Plan]) -> str:
    """Draw the plans of a comparison side by side."""
    axis, most = Axis.of(plans), min(MOST_BARS, _MOST_BARS_OF_ALL // len(plans))
    titled = plans[0].graph.n * len(plans) <= MOST_BARS
    figures = []
    for plan in plans:
        name = escape(plan.settings.get("method", plan.method))
        caption = f"<figcaption><b>{name}</b> {duration(plan.makespan_us)}</figcaption>"
        drawn = small_gantt(plan, axis, colours_of(plan)[0], most=most, titled=titled)
        figures.append(f"<figure>{caption}{drawn}</figure>")
    colour, named = colours_of(plans[0])
    kinds = f'<div class="planner-legend">{legend(named, len(colour))}</div>' if len(colour) > 1 else ""
    note = "A row a slot; all on one time axis; green: the lower bound"
    merged = "" if is_exact(plans[0], most) else MERGED
    opened = f"<details><summary>Gantt charts</summary><style>{asset('charts.css')}</style>"
    body = f'{kinds}<div class="planner-charts">{"".join(figures)}</div><div class="soft">{note}{merged}</div>'
    return f"{opened}{body}</details>"


def _cell(name: str, value: Any) -> str:
    if value is None or value != value:
        return "–"
    if name in ("makespan", "seconds", "lower_bound"):
        return seconds(value)
    if name == "gap":
        return percent(value)
    if name == "spilled":
        return format_bytes(value)
    return f"{value:.4g}" if isinstance(value, float) else escape(value)


def _caption(text: str) -> str:
    return f'<div class="caption">{escape(text)}</div>'


def _figures(facts: Sequence[tuple[str, str]]) -> str:
    shown = "".join(f"<div><span>{escape(name)}</span><b>{escape(value)}</b></div>" for name, value in facts)
    return f'<div class="planner-figures">{shown}</div>'


def _notes(note: str, n: int, n_lanes: int, most: int) -> str:
    merged = n > most or n_lanes > MOST_LANES
    return f'<div class="soft">{note}{MERGED if merged else ""}</div>'


def _planned(plan: Plan, lines: Timeline) -> Panel:
    names = plan.graph.names if plan.graph.n <= MOST_BARS else ()
    start, finish = lines.planned_start_us, lines.planned_finish_us
    kind = np.where(lines.status == NOT_RUN, PALE_KIND, plan.graph.kind).astype(np.int32)
    return Panel("planned (predicted times)", lines.planned_lane, start, finish, kind, names)


def _load_table(plan: Plan, load: LoadReport, figures: Figures) -> str:
    rows = executor_load(plan, load)
    total = max(figures.predicted_us, load.measured_makespan_us, 1) / MICROSECONDS
    cells = []
    for row in rows[:MOST_EXECUTORS].to_dict("records"):
        room = max(row["slots"], 1) * total
        drawn = bar([(name, row[name] / room) for name in ("busy", "wait", "idle")], mark=row["planned_busy"] / room)
        times = [seconds(row[name]) for name in ("busy", "wait", "idle", "planned_busy")]
        cells.append([escape(row["executor"]), drawn, *times, f"{row['tasks']:,.0f}", f"{row['failures']:,.0f}"])
    head = ["executor", "", "busy", "waiting", "idle", "planned busy", "tasks", "failures"]
    rest = len(rows) - MOST_EXECUTORS
    more = f'<div class="soft">… and {rest:,} more executors</div>' if rest > 0 else ""
    return table(head, cells, text_columns=(0, 1)) + more
