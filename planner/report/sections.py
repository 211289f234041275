"""The report's headline, failures, timeline and settings, each a function from the data to HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.report.markup import bar, definitions, duration, escape, percent, table
from planner.report.redundancy import Redundancy, replica_slots
from planner.report.timeline import DONE, FAILED, NOT_RUN, Figures, Timeline
from planner.report.words import change, count, links, scroll, section, task_id

__all__ = ["failures", "header", "redundancy", "settings", "timeline", "title"]

_MOST_REPLICATED = 100
"""Tasks with replicas whose slots are listed."""


def title(plan: Plan, load: LoadReport | None) -> str:
    """Name the report in a line."""
    what = "Plan" if load is None else "Run"
    return f"{what}: {count(plan.graph.n, 'task')} on {count(plan.cluster.n_slots, 'slot')}"


def header(plan: Plan, load: LoadReport | None, figures: Figures, lines: Timeline) -> str:
    """Give the headline figures, on one scale, with predicted and measured named as such."""
    longest = max(figures.predicted_us, figures.bound_us, figures.measured_us or 0, figures.elapsed_us or 0, 1)

    def tile(name: str, us: int, series: str, remark: str) -> str:
        drawn = bar([(series, us / longest)], width="100%", height=6)
        return f'<div class="tile"><h3>{name}</h3><b>{duration(us)}</b>{drawn}<p>{remark}</p></div>'

    found = f"found by {escape(plan.method)} in {plan.seconds:.3g} s"
    tiles = [tile("Predicted makespan", figures.predicted_us, "predicted", found)]
    gaps = "predicted makespan above the lower bound" + (": no plan is shorter" if plan.status == "optimal" else "")
    if load is not None and figures.measured_us is not None and figures.elapsed_us is not None:
        done = int(np.sum(lines.status == DONE))
        remark = f"{change(figures.measured_us, figures.predicted_us)} against the predicted one"
        if done < plan.graph.n:
            part = f"{done:,} of {count(plan.graph.n, 'task')}"
            remark = f"of a part: {part} done, so not to be held against the prediction"
        else:
            gaps += f"; measured: {percent(figures.above_bound(figures.measured_us))}"
        tiles.append(tile("Measured makespan", figures.measured_us, "measured", remark))
        beyond = f"{duration(figures.elapsed_us - figures.measured_us)} beyond the makespan"
        remark = f"measured, submission to last result: {beyond}"
        tiles.append(tile("Elapsed", figures.elapsed_us, "measured", remark))
    tiles.append(tile("Lower bound", figures.bound_us, "bound", escape(plan.bound.reason)))
    gap = percent(figures.above_bound(figures.predicted_us))
    tiles.append(f'<div class="tile"><h3>Gap</h3><b>{gap}</b><p>{gaps}</p></div>')
    scale = f"<p>An emulated run: the plan's times and its bound are shown × {figures.scale:.6g}.</p>"
    return (
        f'<header><div class="headline"><h1>{escape(title(plan, load))}</h1><p class="states">{_states(plan, load)}</p>'
        f'</div>{scale if figures.scale != 1 else ""}<div class="tiles">{"".join(tiles)}</div></header>'
    )


def _states(plan: Plan, load: LoadReport | None) -> str:
    states = [("plan", plan.status, True)] + ([("run", load.status, load.status == "done")] if load is not None else [])
    return "".join(f'<span class="state {"good" if good else "bad"}">{of} {escape(s)}</span>' for of, s, good in states)


def failures(plan: Plan, load: LoadReport | None, lines: Timeline) -> str:
    """List the tasks that raised, and those that were not run; nothing when there are none."""
    failed, skipped = (np.flatnonzero(lines.status == status) for status in (FAILED, NOT_RUN))
    skipped = np.setdiff1d(skipped, [*plan.graph.copy_of])  # a copy that was not needed is no loss
    if load is None or not len(failed) + len(skipped):
        return ""
    texts = load.tasks["error"]
    rows = []
    for task in failed[:100].tolist():
        executor, slot = lines.lanes[lines.measured_lane[task]] if lines.ran[task] else ("–", "–")
        error = escape(texts[int(lines.row[task])].as_py() or "")
        rows.append([task_id(plan, task), escape(executor), escape(slot), f'<span class="error">{error}</span>'])
    parts = [f"<h2>{count(len(failed), 'task')} failed, {len(skipped):,} not run</h2>"]
    if rows:
        head = ["failed task", "executor", "slot", "error"]
        parts.append(scroll(table(head, rows, text_columns=(0, 1, 3), attributes=links(failed[:100]))))
    if len(failed) > 100:
        parts.append(f"<p>… and {len(failed) - 100:,} more failed.</p>")
    if len(skipped):
        names = ", ".join(task_id(plan, task) for task in skipped[:20].tolist())
        more = f" and {len(skipped) - 20:,} more" if len(skipped) > 20 else ""
        parts.append(f"<p>not run: {names}{more}</p>")
    return f'<section class="failures">{"".join(parts)}</section>'


def timeline(plan: Plan, load: LoadReport | None) -> str:
    """Make the frame in which the script draws: planned above measured, one axis, utilisation below."""
    colours = '<option value="kind">kind of task</option>'
    drawn = "Gantt chart of the plan"
    if load is not None:
        colours += '<option value="deviation">measured ÷ predicted duration</option>'
        drawn = "Gantt charts, planned above measured"
    label = escape(f"{drawn}, and slots busy over time. {title(plan, load)}")
    return (
        '<section class="timeline"><h2>Timeline</h2><form class="controls">'
        f'<label>colour <select id="colour">{colours}</select></label>'
        '<label>find <input id="find" type="search" placeholder="part of a task id" autocomplete="off"></label>'
        '<output id="found"></output>'
        '<span class="keys">drag to zoom in · shift-drag or ←→ to move · ctrl-wheel or +− to zoom</span>'
        '<button type="button" id="reset">whole run</button></form><div id="legend"></div>'
        f'<div id="stage"><canvas id="chart" role="img" tabindex="0" aria-label="{label}"></canvas>'
        '<canvas id="over" aria-hidden="true"></canvas></div>'
        "<noscript><p>The timeline needs JavaScript; the tables do not.</p></noscript></section>"
    )


def redundancy(plan: Plan) -> str:
    """Say what replicas cost, what they survive, and which slots stand by; nothing when there are none."""
    against = Redundancy.of(plan)
    if against is None:
        return ""
    lanes = [escape(f"{e.id} · {number}") for e in plan.cluster.executors for number in range(e.slots)]
    slots = replica_slots(plan)
    shown = [*slots][:_MOST_REPLICATED]
    rows = []
    for task in shown:
        first, *others = (lanes[slot] for slot in slots[task])
        rows.append([task_id(plan, task), escape(plan.graph.replicas[task].mode), first, ", ".join(others)])
    head = ["task", "replicas", "planned on", "backups and copies on"]
    parts = [f"<p>{escape(against)}</p>", scroll(table(head, rows, text_columns=(0, 1, 2, 3), attributes=links(shown)))]
    if len(slots) > len(shown):
        parts.append(f"<p>… and {len(slots) - len(shown):,} more.</p>")
    return section("Redundancy", *parts)


def settings(plan: Plan, load: LoadReport | None) -> str:
    """Show everything that the plan and the run depended on, what was tried, and what a reader should know."""
    facts: list[tuple[str, object]] = [
        ("method", plan.method),
        ("objective", plan.objective),
        ("value of the objective", f"{plan.value:.6g}"),
        ("tasks", f"{plan.graph.n:,}"),
        ("edges", f"{plan.graph.n_edges:,}"),
        ("executors", len(plan.cluster.executors)),
        ("slots", plan.cluster.n_slots),
    ]
    facts += [pair for pair in _flat(plan.settings) if pair[0] not in dict(facts)]
    parts = [f"<h3>Plan</h3>{definitions(facts)}"]
    if load is not None and load.settings:
        parts.append(f"<h3>Run</h3>{definitions(_flat(load.settings))}")
    if plan.trials:
        rows = [[escape(t.method), duration(t.makespan_us), f"{t.seconds:.3g} s", escape(t.note)] for t in plan.trials]
        head = ["method", "predicted makespan", "planning time", "remark"]
        parts.append(f"<h3>Methods that were tried</h3>{scroll(table(head, rows, text_columns=(0, 3)))}")
    if plan.notes:
        parts.append("<h3>Notes</h3><ul>" + "".join(f"<li>{escape(note)}</li>" for note in plan.notes) + "</ul>")
    return f'<section class="settings"><h2>Settings</h2>{"".join(parts)}</section>'


def _flat(values: Mapping[str, Any]) -> list[tuple[str, object]]:
    def plain(value: object) -> object:
        nested = isinstance(value, dict | list | tuple)
        return json.dumps(value, default=str, ensure_ascii=False) if nested else value

    return [(str(name), plain(value)) for name, value in values.items()]
