"""Reports as text, for terminals and logs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.markup import duration, percent, signed
from planner.report.measures import executor_load, furthest
from planner.report.redundancy import Redundancy
from planner.report.terminal import aligned, finish, terminal_width, with_bars, wrapped
from planner.report.timeline import DONE, FAILED, NOT_RUN, Figures, Timeline
from planner.report.words import change, count, moves_told, objective_told, seconds

__all__ = ["comparison_text", "load_text", "plan_text", "prose", "table"]

MOST_ROWS = 24


def plan_text(plan: Plan, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a plan: its figures, what each executor is to do, what replicas cost and survive, and its notes.

    Parameters
    ----------
    plan : Plan
    width : int, optional
        Columns; the terminal's when left out.
    unicode : bool, optional
        Whether block characters may be used; what the standard output can encode when left out.
    """
    figures = Figures.of(plan)
    facts = [
        ("predicted makespan", duration(figures.predicted_us), f"found by {plan.method} in {plan.seconds:.3g} s"),
        ("lower bound", duration(figures.bound_us), plan.bound.reason),
        *objective_told(plan),
        ("gap", percent(plan.gap), plan.status),
    ]
    rows = executor_load(plan)
    total = max(plan.makespan, 1e-9)
    shown = rows[:MOST_ROWS].to_dict("records")
    shares = [[("█", row["planned_busy"] / (row["slots"] * total))] for row in shown]
    cells = [
        [
            row["executor"],
            f"{row['slots']}",
            f"{row['planned_tasks']:,}",
            seconds(row["planned_busy"]),
            percent(share[0][1]),
        ]
        for row, share in zip(shown, shares, strict=True)
    ]
    lines = [
        f"Plan: {count(plan.graph.n, 'task')} on {count(plan.cluster.n_slots, 'slot')}",
        *_facts(facts),
        "",
        *with_bars(["executor", "slots", "tasks", "planned busy", "of its time"], cells, shares, terminal_width(width)),
        *_rest(len(rows)),
    ]
    against = Redundancy.of(plan)
    lines += [] if against is None else ["", *wrapped(str(against), width, 2)]
    notes = [wrapped(f"note: {note}", width) for note in plan.notes[:8]]
    return finish([*lines, *itertools.chain(*notes)], width, unicode)


def load_text(load: LoadReport, plan: Plan, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Describe a run: predicted against measured, each executor's load, and the tasks furthest from prediction.

    Parameters
    ----------
    load : LoadReport
    plan : Plan
        The plan that was run.
    width, unicode
        As in `plan_text`.

    Raises
    ------
    InputError
        If the load report belongs to another plan.
    """
    figures, lines = Figures.of(plan, load), Timeline.of(plan, load)
    done, failed, skipped = (int(np.sum(lines.status == status)) for status in (DONE, FAILED, NOT_RUN))
    spared = int(np.sum(lines.status[[*plan.graph.copy_of]] == NOT_RUN))  # copies that were not needed
    skipped -= spared
    against = f"{change(load.measured_makespan_us, figures.predicted_us)} against the predicted one"
    part = f"of a part: {done:,} of {count(plan.graph.n, 'task')} done, {failed:,} failed, {skipped:,} not run"
    facts = [
        ("predicted makespan", duration(figures.predicted_us), ""),
        ("measured makespan", duration(load.measured_makespan_us), against if done + spared == plan.graph.n else part),
        ("elapsed", duration(load.elapsed_us), "submission to last result"),
        ("lower bound", duration(figures.bound_us), plan.bound.reason),
        *((*fact, "of tasks to other slots, while it ran") for fact in moves_told(load)),
    ]
    text = [
        f"Run {load.status}: {count(plan.graph.n, 'task')} on {count(plan.cluster.n_slots, 'slot')}",
        *_facts(facts),
        "",
    ]
    text += _load_rows(plan, load, figures, terminal_width(width))
    slots = load.slots.to_pylist()
    moved = [f"{row['executor']} on {row['ran_executor']}" for row in slots if row["ran_executor"] != row["executor"]]
    where = f"; planned on, ran on: {', '.join(moved[:8])}{' …' if len(moved) > 8 else ''}" if moved else ""
    text.append(f"{len(slots) - len(moved):,} of {count(len(slots), 'slot')} ran where they were planned{where}")
    far = furthest(plan, lines, 5)
    if len(far):
        pairs = far[["predicted_us", "measured_us"]].map(duration).to_numpy().tolist()
        differences = far["difference_us"].map(signed).tolist()
        rows = [[row, *pair, by] for row, pair, by in zip(far["id"], pairs, differences, strict=True)]
        text += ["", *aligned(["furthest from prediction", "predicted", "measured", "difference"], rows)]
    return finish(text, width, unicode)


def comparison_text(
    rows: pd.DataFrame, reason: str = "", *, width: int | None = None, unicode: bool | None = None
) -> str:
    """Lay methods out as a table, best first as given, with a bar for each makespan.

    Parameters
    ----------
    rows : DataFrame
        ``method``, ``makespan`` (seconds), and of ``gap``, ``imbalance``, ``seconds`` (planning) what there is. A
        ``lower_bound`` that is the same for all stands below the table.
    reason : str
        Why no plan can be below the lower bound.
    width, unicode
        As in `plan_text`.
    """
    titles = {"makespan": "predicted makespan", "seconds": "planning time", "lower_bound": "lower bound"}
    said = []
    if "lower_bound" in rows and rows["lower_bound"].nunique() == 1:
        least = f"lower bound {seconds(rows['lower_bound'].iloc[0])}"
        said = wrapped(f"{least}: {reason}" if reason else least, width, 2)
        rows = rows.drop(columns="lower_bound")
    cells = [[_cell(str(name), value) for name, value in row.items()] for row in rows.to_dict("records")]
    longest = rows["makespan"].max() if len(rows) else 1
    shares = [[("█", float(value) / longest if longest > 0 and value == value else 0.0)] for value in rows["makespan"]]
    head = [titles.get(str(name), str(name)) for name in rows.columns]
    return finish([*with_bars(head, cells, shares, terminal_width(width)), *said], width, unicode)


def prose(text: str, *, width: int | None = None, unicode: bool | None = None) -> str:
    r"""Break the lines of a text between words, and keep what is indented under what it belongs to.

    Examples
    --------
    >>> print(prose("It takes:\n  one two three", width=11))
    It takes:
      one two
        three
    """
    lines = (wrapped(line, width, len(line) - len(line.lstrip()) + 2) for line in text.splitlines())
    return finish(list(itertools.chain(*lines)), width, unicode)


def table(rows: pd.DataFrame, *, width: int | None = None, unicode: bool | None = None) -> str:
    """Lay a table out in columns: text to the left, numbers to the right.

    Examples
    --------
    >>> print(table(pd.DataFrame({"term": ["spark", "a"], "count": [12, 3]}), width=80))
    term   count
    spark     12
    a          3
    """
    cells = [[_cell("", value) for value in row] for row in rows.itertuples(index=False, name=None)]
    left = [i for i, name in enumerate(rows.columns) if not pd.api.types.is_numeric_dtype(rows[name])]
    return finish(aligned([str(name) for name in rows.columns], cells, left), width, unicode)


def _cell(name: str, value: Any) -> str:
    if value is None or value != value:
        return "–"
    if name in ("makespan", "seconds", "lower_bound"):
        return seconds(value)
    if name == "gap":
        return percent(value)
    if name == "spilled":
        return format_bytes(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _load_rows(plan: Plan, load: LoadReport, figures: Figures, width: int) -> list[str]:
    rows = executor_load(plan, load)
    total = max(figures.predicted_us, load.measured_makespan_us, 1) / MICROSECONDS
    cells, shares = [], []
    for row in rows[:MOST_ROWS].to_dict("records"):
        room = max(row["slots"], 1) * total
        shares.append([(mark, row[name] / room) for mark, name in (("█", "busy"), ("▒", "wait"), ("·", "idle"))])
        times = [seconds(row[name]) for name in ("busy", "wait", "idle", "planned_busy")]
        cells.append([row["executor"], f"{row['tasks']:,.0f}", f"{row['failures']:,.0f}", *times])
    head = ["executor", "tasks", "failed", "busy", "wait", "idle", "planned busy"]
    return [*with_bars(head, cells, shares, width), *_rest(len(rows)), "█ busy  ▒ waiting for inputs  · idle"]


def _facts(facts: Sequence[tuple[str, str, str]]) -> list[str]:
    wide = max(len(value) for _, value, _ in facts)
    return [f"  {name:<20}{value:>{wide}}  {remark}".rstrip() for name, value, remark in facts]


def _rest(rows: int) -> list[str]:
    return [f"… and {rows - MOST_ROWS:,} more executors"] if rows > MOST_ROWS else []
