"""The sections of the report, each a function from the data to HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.markup import bar, definitions, duration, escape, percent, signed, table
from planner.report.measures import FAILED, NOT_RUN, Figures, Timeline, by_kind, executor_load, furthest

__all__ = ["executors", "failures", "header", "placement", "predictions", "settings", "timeline", "title"]

MOST_ROWS = 2000
"""Rows of a table above which the rest is counted instead of shown."""


def title(plan: Plan, load: LoadReport | None) -> str:
    """Name the report in a line."""
    what = "Plan" if load is None else "Run"
    return f"{what}: {_count(plan.graph.n, 'task')} on {_count(plan.cluster.n_slots, 'slot')}"


def header(plan: Plan, load: LoadReport | None, figures: Figures) -> str:
    """Give the headline figures, on one scale, with predicted and measured named as such."""
    longest = max(figures.predicted_us, figures.bound_us, figures.measured_us or 0, figures.elapsed_us or 0, 1)

    def tile(name: str, us: int, series: str, remark: str) -> str:
        drawn = bar([(series, us / longest)], width=100, height=6).replace('width="100"', 'width="100%"', 1)
        return f'<div class="tile"><h3>{name}</h3><b>{duration(us)}</b>{drawn}<p>{remark}</p></div>'

    gap = percent(figures.above_bound(figures.predicted_us))
    tiles = [tile("Predicted makespan", figures.predicted_us, "predicted", f"found by {escape(plan.method)} in {plan.seconds:.3g} s")]
    gaps = f"predicted makespan above the lower bound{'' if plan.status == 'feasible' else ': no plan is shorter'}"
    if load is not None and figures.measured_us is not None and figures.elapsed_us is not None:
        change = _ratio(figures.measured_us, figures.predicted_us)
        tiles.append(tile("Measured makespan", figures.measured_us, "measured", f"{change} against the predicted one"))
        extra = duration(figures.elapsed_us - figures.measured_us)
        tiles.append(tile("Elapsed", figures.elapsed_us, "measured", f"measured, submission to last result: {extra} beyond the makespan"))
        gaps += f"; measured: {percent(figures.above_bound(figures.measured_us))}"
    tiles.append(tile("Lower bound", figures.bound_us, "bound", escape(plan.bound.reason)))
    tiles.append(f'<div class="tile"><h3>Gap</h3><b>{gap}</b><p>{gaps}</p></div>')
    states = [("plan", plan.status)] + ([("run", load.status)] if load is not None else [])
    shown = "".join(f'<span class="state {"good" if s in ("done", "optimal", "feasible") else "bad"}">{what} {escape(s)}</span>' for what, s in states)
    scale = "" if figures.scale == 1 else f"<p>An emulated run: the plan's times and its bound are shown × {figures.scale:.6g}.</p>"
    return f'<header><h1>{escape(title(plan, load))}</h1><p class="states">{shown}</p>{scale}<div class="tiles">{"".join(tiles)}</div></header>'


def failures(plan: Plan, load: LoadReport | None, timeline: Timeline) -> str:
    """List the tasks that raised, and those that were not run; nothing when there are none."""
    failed, skipped = (np.flatnonzero(timeline.status == status) for status in (FAILED, NOT_RUN))
    if load is None or not len(failed) + len(skipped):
        return ""
    texts = load.tasks["error"]
    rows = []
    for task in failed[:100].tolist():
        place = timeline.lanes[timeline.measured_lane[task]] if timeline.ran[task] else ("–", "–")
        error = escape(texts[int(timeline.row[task])].as_py() or "")
        rows.append([_id(plan, task), escape(place[0]), escape(place[1]), f'<span class="error">{error}</span>'])
    listed = table(["failed task", "executor", "slot", "error"], rows, text_columns=(0, 1, 3), attributes=_links(failed[:100])) if rows else ""
    more = f"<p>… and {len(failed) - 100} more failed.</p>" if len(failed) > 100 else ""
    names = ", ".join(_id(plan, task) for task in skipped[:20].tolist()) + (f" and {len(skipped) - 20} more" if len(skipped) > 20 else "")
    note = f"<p>{_count(len(skipped), 'task')} not run: {names}</p>" if len(skipped) else ""
    return f'<section class="failures"><h2>{_count(len(failed), "task")} failed, {len(skipped)} not run</h2><div class="scroll">{listed}</div>{more}{note}</section>'


def timeline(plan: Plan, load: LoadReport | None) -> str:
    """Make the frame in which the script draws: planned above measured, one axis, utilisation below."""
    colours = ['<option value="kind">kind of task</option>']
    if load is not None:
        colours.append('<option value="deviation">measured ÷ predicted duration</option>')
    charts = "Gantt charts: planned above measured, and slots busy over time" if load else "Gantt chart of the plan, and slots busy over time"
    return (
        '<section class="timeline"><h2>Timeline</h2><form class="controls">'
        f'<label>colour <select id="colour">{"".join(colours)}</select></label>'
        '<label>find <input id="find" type="search" placeholder="part of a task id" autocomplete="off" spellcheck="false"></label>'
        '<output id="found"></output><span class="keys">drag to zoom in · shift-drag or ←→ to move · ctrl-wheel or +− to zoom</span>'
        '<button type="button" id="reset">whole run</button></form><div id="legend"></div>'
        f'<div id="stage"><canvas id="chart" role="img" tabindex="0" aria-label="{charts}: {escape(title(plan, load))}"></canvas>'
        '<canvas id="over" aria-hidden="true"></canvas></div><noscript><p>The timeline needs JavaScript; the tables do not.</p></noscript></section>'
    )


def executors(plan: Plan, load: LoadReport | None) -> str:
    """Give each executor's load: planned, and measured where it ran."""
    rows = executor_load(plan, load)
    total_us = max(Figures.of(plan, load).predicted_us if load is None else load.measured_makespan_us, 1)
    head = ["executor", "slots", "planned busy", "planned tasks"]
    if load is not None:
        head = ["executor", "ran on host", "slots", "share of its slots' time", "busy", "waiting", "idle", "CPU", "planned busy"]
        head += ["tasks", "failures", "bytes in", "bytes out", "peak memory"]
    cells = []
    for row in rows[:MOST_ROWS].to_dict("records"):
        room = max(row["slots"], 1) * total_us / MICROSECONDS
        mark = row["planned_busy"] / room
        if load is None:
            cells.append([escape(row["executor"]), f"{row['slots']:.0f}", f"{bar([('busy', mark)])} {_seconds(row['planned_busy'])}", f"{row['planned_tasks']:,.0f}"])
            continue
        shares = [(name, row[name] / room) for name in ("busy", "wait", "idle")]
        times = [_seconds(row[name]) for name in ("busy", "wait", "idle", "cpu", "planned_busy")]
        sizes = [escape(format_bytes(row[name])) for name in ("bytes_in", "bytes_out", "peak_memory")]
        bad = ' class="bad"' if row["failures"] else ""
        counts = [f"{row['tasks']:,.0f}", f"<span{bad}>{row['failures']:,.0f}</span>"]
        cells.append([escape(row["executor"]), escape(row["host"]), f"{row['slots']:.0f}", bar(shares, mark=mark), *times, *counts, *sizes])
    legend = "" if load is None else f'<p class="key">{_key("busy", "busy")} {_key("wait", "waiting for inputs")} {_key("idle", "idle")} <i class="tick"></i> planned busy</p>'
    more = f"<p>… and {len(rows) - MOST_ROWS} more executors.</p>" if len(rows) > MOST_ROWS else ""
    body = table(head, cells, text_columns=(0,) if load is None else (0, 1, 3))
    what = "planned" if load is None else "measured"
    return f'<section><h2>Load of each executor, {what}</h2>{legend}<div class="scroll">{body}</div>{more}</section>'


def predictions(plan: Plan, load: LoadReport | None, lines: Timeline) -> str:
    """Show the tasks furthest from their prediction, and predicted against measured time per kind."""
    if load is None:
        return ""
    far = furthest(plan, lines)
    most = max([*far["predicted_us"], *far["measured_us"], 1])
    rows = []
    for row in far.to_dict("records"):
        drawn = bar([("measured", row["measured_us"] / most)], mark=row["predicted_us"] / most)
        executor, slot = lines.lanes[row["lane"]]
        place = [escape(executor), escape(slot)]
        change = _ratio(row["measured_us"], row["predicted_us"])
        times = [duration(row["predicted_us"]), duration(row["measured_us"]), signed(row["difference_us"]), change]
        rows.append([_id(plan, row["task"]), escape(row["kind"]), *place, drawn, *times])
    head = ["task", "kind", "executor", "slot", "duration", "predicted", "measured", "difference", "relative"]
    key = f'<p class="key">{_key("measured", "measured duration")} <i class="tick"></i> predicted. Click a row to see the task in the timeline.</p>'
    listed = table(head, rows, text_columns=(0, 1, 2, 4), attributes=_links(far["task"].to_numpy())) if rows else "<p>Every task that ran took exactly its predicted time.</p>"
    kinds = by_kind(plan, lines)
    largest = max([*kinds["predicted"], *kinds["measured"], 1e-9])
    per_kind = [
        [
            escape(row["kind"]),
            f"{row['tasks']:,}",
            bar([("measured", row["measured"] / largest)], mark=row["predicted"] / largest),
            *(_seconds(row[name]) for name in ("predicted", "measured")),
            _ratio(row["measured"], row["predicted"]),
        ]
        for row in kinds[:100].to_dict("records")
    ]
    kinds_table = table(["kind", "tasks run", "total time", "predicted", "measured", "relative"], per_kind, text_columns=(0, 2))
    return (
        f'<section><h2>Tasks furthest from their prediction</h2>{key}<div class="scroll">{listed}</div></section>'
        f'<section><h2>Predicted and measured time by kind of task</h2><div class="scroll">{kinds_table}</div></section>'
    )


def placement(load: LoadReport | None) -> str:
    """Show where each slot was meant to be and where it was."""
    if load is None:
        return ""
    slots = load.slots.to_pylist()
    moved = [row["ran_executor"] != row["executor"] for row in slots]
    rows = []
    for row, elsewhere in zip(slots[:MOST_ROWS], moved, strict=False):
        verdict = '<span class="bad">elsewhere</span>' if elsewhere else "as planned"
        places = [row["executor"], row["slot"], row["host"], row["ran_executor"], row["ran_host"], row["locality"], row["pid"]]
        rows.append([*(escape("–" if place is None else place) for place in places), verdict])
    head = ["planned executor", "slot", "planned host", "ran on executor", "ran on host", "locality", "process", "verdict"]
    said = f"{len(slots) - sum(moved)} of {_count(len(slots), 'slot')} ran on the executor they were planned for."
    body = table(head, rows, text_columns=(0, 2, 3, 4, 5, 7))
    opened = " open" if any(moved) or len(slots) <= 8 else ""
    return f'<section><h2>Where each slot was meant to be and where it was</h2><details{opened}><summary>{said}</summary><div class="scroll">{body}</div></details></section>'


def settings(plan: Plan, load: LoadReport | None) -> str:
    """Show everything that the plan and the run depended on, what was tried, and what a reader should know."""
    facts: list[tuple[str, object]] = [("method", plan.method), ("objective", plan.objective), ("value of the objective", f"{plan.value:.6g}")]
    facts += [("tasks", f"{plan.graph.n:,}"), ("edges", f"{plan.graph.n_edges:,}"), ("executors", len(plan.cluster.executors)), ("slots", plan.cluster.n_slots)]
    parts = [f"<h3>Plan</h3>{definitions([*facts, *_flat(plan.settings)])}"]
    if load is not None and load.settings:
        parts.append(f"<h3>Run</h3>{definitions(_flat(load.settings))}")
    if plan.trials:
        rows = [[escape(t.method), duration(t.makespan_us), f"{t.seconds:.3g} s", escape(t.note)] for t in plan.trials]
        parts.append(f"<h3>Methods that were tried</h3>{table(['method', 'predicted makespan', 'planning time', 'remark'], rows, text_columns=(0, 3))}")
    if plan.notes:
        parts.append("<h3>Notes</h3><ul>" + "".join(f"<li>{escape(note)}</li>" for note in plan.notes) + "</ul>")
    return f'<section class="settings"><h2>Settings</h2>{"".join(parts)}</section>'


def _flat(values: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [(name, json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value) for name, value in values.items()]


def _links(tasks: Any) -> list[str]:
    return [f'data-task="{task}" tabindex="0"' for task in tasks]


def _id(plan: Plan, task: int) -> str:
    return f"<code>{escape(plan.graph.ids[task].as_py())}</code>"


def _key(name: str, label: str) -> str:
    return f"{bar([(name, 1.0)], width=14)} {label}"


def _seconds(seconds: float) -> str:
    return duration(round(seconds * MICROSECONDS))


def _ratio(measured: float, predicted: float) -> str:
    if not predicted:
        return "–"
    change = measured / predicted - 1
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{abs(change):.1%}".replace("%", " %") if change < 1 else f"× {change + 1:.3g}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
