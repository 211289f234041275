"""The report's tables: load of each executor, predictions against measurements, where each slot was."""

from __future__ import annotations

from typing import Any

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.markup import bar, duration, escape, signed, table
from planner.report.measures import by_kind, executor_load, furthest
from planner.report.timeline import Figures, Timeline
from planner.report.words import change, count, key, links, scroll, seconds, section, task_id

__all__ = ["executors", "placement", "predictions"]

MOST_ROWS = 2000
"""Rows of a table above which the rest is counted instead of shown."""


def executors(plan: Plan, load: LoadReport | None) -> str:
    """Give each executor's load: planned, and measured where it ran."""
    rows = executor_load(plan, load)
    figures = Figures.of(plan, load)
    total = max(figures.predicted_us, figures.measured_us or 0, 1) / MICROSECONDS
    shown = rows[:MOST_ROWS].to_dict("records")
    more = f"<p>… and {len(rows) - MOST_ROWS:,} more executors.</p>" if len(rows) > MOST_ROWS else ""
    if load is None:
        head = ["executor", "slots", "its slots' time", "planned busy", "planned tasks"]
        body = table(head, [_planned_load(row, total) for row in shown], text_columns=(0, 2))
        return section("Load of each executor, planned", scroll(body), more)
    head = ["executor", "ran on host", "slots", "its slots' time", "busy", "waiting", "idle", "CPU", "planned busy"]
    head += ["tasks", "failures", "bytes in", "bytes out", "peak memory"]
    body = table(head, [_measured_load(row, total) for row in shown], text_columns=(0, 1, 3))
    legend = key(("busy", "busy"), ("wait", "waiting for inputs"), ("idle", "idle"), note="planned busy")
    return section("Load of each executor, measured", legend, scroll(body), more)


def _planned_load(row: dict[Any, Any], total: float) -> list[str]:
    drawn = bar([("busy", row["planned_busy"] / (row["slots"] * total))])
    return [
        escape(row["executor"]),
        f"{row['slots']}",
        drawn,
        seconds(row["planned_busy"]),
        f"{row['planned_tasks']:,}",
    ]


def _measured_load(row: dict[Any, Any], total: float) -> list[str]:
    room = max(row["slots"], 1) * total
    drawn = bar([(name, row[name] / room) for name in ("busy", "wait", "idle")], mark=row["planned_busy"] / room)
    times = [seconds(row[name]) for name in ("busy", "wait", "idle", "cpu", "planned_busy")]
    sizes = [format_bytes(row[name]) for name in ("bytes_in", "bytes_out", "peak_memory")]
    bad = ' class="bad"' if row["failures"] else ""
    counts = [f"{row['tasks']:,.0f}", f"<span{bad}>{row['failures']:,.0f}</span>"]
    return [escape(row["executor"]), escape(row["host"]), f"{row['slots']:.0f}", drawn, *times, *counts, *sizes]


def predictions(plan: Plan, load: LoadReport | None, lines: Timeline) -> str:
    """Show the tasks furthest from their prediction, and predicted against measured time per kind."""
    if load is None:
        return ""
    return section("Tasks furthest from their prediction", *_furthest(plan, lines)) + section(
        "Predicted and measured time by kind of task", scroll(_kinds(plan, lines))
    )


def _furthest(plan: Plan, lines: Timeline) -> list[str]:
    far = furthest(plan, lines)
    if not len(far):
        return [
            "<p>Every task that ran took exactly its predicted time.</p>" if lines.ran.any() else "<p>No task ran.</p>"
        ]
    most = max(*far["predicted_us"], *far["measured_us"], 1)
    rows = []
    for row in far.to_dict("records"):
        drawn = bar([("measured", row["measured_us"] / most)], mark=row["predicted_us"] / most)
        executor, slot = lines.lanes[row["lane"]]
        names = [task_id(plan, row["task"]), escape(row["kind"]), escape(executor), escape(slot)]
        times = [duration(row["predicted_us"]), duration(row["measured_us"]), signed(row["difference_us"])]
        rows.append([*names, drawn, *times, change(row["measured_us"], row["predicted_us"])])
    head = ["task", "kind", "executor", "slot", "duration", "predicted", "measured", "difference", "relative"]
    legend = key(("measured", "measured duration"), note="predicted. Click a row to see its task in the timeline.")
    return [legend, scroll(table(head, rows, text_columns=(0, 1, 2, 4), attributes=links(far["task"])))]


def _kinds(plan: Plan, lines: Timeline) -> str:
    kinds = by_kind(plan, lines)
    most = max([*kinds["predicted"], *kinds["measured"], 1e-9])
    rows = []
    for row in kinds[:100].to_dict("records"):
        drawn = bar([("measured", row["measured"] / most)], mark=row["predicted"] / most)
        times = [seconds(row["predicted"]), seconds(row["measured"]), change(row["measured"], row["predicted"])]
        rows.append([escape(row["kind"]), f"{row['tasks']:,}", drawn, *times])
    return table(["kind", "tasks run", "total time", "predicted", "measured", "relative"], rows, text_columns=(0, 2))


def placement(load: LoadReport | None) -> str:
    """Show where each slot was meant to be and where it was."""
    if load is None:
        return ""
    slots = load.slots.to_pylist()
    moved = [row["ran_executor"] != row["executor"] for row in slots]
    rows = []
    for row, elsewhere in zip(slots[:MOST_ROWS], moved, strict=False):
        verdict = '<span class="bad">elsewhere</span>' if elsewhere else "as planned"
        names = ("executor", "slot", "host", "ran_executor", "ran_host", "locality", "pid")
        rows.append([*(escape("–" if row[name] is None else row[name]) for name in names), verdict])
    head = ["planned executor", "slot", "planned host", "ran on executor", "ran on host", "locality", "process", ""]
    body = scroll(table(head, rows, text_columns=(0, 2, 3, 4, 5, 7)))
    said = f"{len(slots) - sum(moved):,} of {count(len(slots), 'slot')} ran on the executor they were planned for."
    opened = " open" if any(moved) or len(slots) <= 8 else ""
    return section(
        "Where each slot was meant to be and where it was",
        f"<details{opened}><summary>{said}</summary>{body}</details>",
    )
