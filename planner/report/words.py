"""Words and small parts that several sections of a report share."""

from __future__ import annotations

from collections.abc import Iterable

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.report.markup import bar, duration, escape

__all__ = ["change", "count", "key", "links", "moves_told", "objective_told", "scroll", "seconds", "section", "task_id"]

TICK = '<i class="tick"></i>'
"""The mark of a prediction, as it stands in a bar."""


def change(measured: float, predicted: float) -> str:
    """Say how far a measured number is from the predicted one.

    Examples
    --------
    >>> change(110, 100), change(95, 100), change(300, 100), change(1, 0)
    ('+10.0 %', '−5.0 %', '× 3', '–')
    """
    if not predicted:
        return "–"
    by = measured / predicted - 1
    if by >= 1:
        return f"× {by + 1:.3g}"
    return f"{'+' if by > 0 else '−' if by < 0 else '±'}{abs(by) * 100:.1f} %"


def count(number: int, what: str) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> count(1, "slot"), count(2000, "task")
    ('1 slot', '2,000 tasks')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def seconds(value: float) -> str:
    """Give seconds as a person reads them."""
    return duration(round(value * MICROSECONDS))


def moves_told(load: LoadReport) -> list[tuple[str, str]]:
    """Say how often a task was moved to another slot while it ran, if any was."""
    moves = load.settings.get("moves", 0)
    return [("moves", f"{moves:,}")] if moves else []


def section(title: str, *parts: str) -> str:
    """Put parts, which are HTML, under a title."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def scroll(part: str) -> str:
    """Let a table that may be long or wide scroll by itself."""
    return f'<div class="scroll">{part}</div>'


def key(*entries: tuple[str, str], note: str) -> str:
    """Explain the colours of bars, and after them the tick."""
    shown = " ".join(f"{bar([(name, 1.0)], width=14)} {escape(label)}" for name, label in entries)
    return f'<p class="key">{shown} {TICK} {escape(note)}</p>'


def links(tasks: Iterable[int]) -> list[str]:
    """Make table rows that lead to their task in the timeline."""
    return [f'data-task="{task}" tabindex="0"' for task in tasks]


def task_id(plan: Plan, task: int) -> str:
    """Show a task's id."""
    return f"<code>{escape(plan.graph.ids[task].as_py())}</code>"


def objective_told(plan: Plan) -> list[tuple[str, str, str]]:
    """Tell the value of an objective other than the makespan, and what it can be at best: a name, a value, a remark.

    Examples
    --------
    >>> from planner import Cluster, Graph, plan
    >>> graph = Graph.from_arrays(work=[1, 1])
    >>> objective_told(plan(graph, Cluster.uniform(1), objective="weighted", weights={"time": 3}))
    [('weighted price', '6 s', 'at least 6 s, time × 3, gigabytes × 0.0, imbalance × 0.0')]
    """
    if plan.objective == "weighted":
        told = [] if plan.best_value is None else [f"at least {seconds(plan.best_value)}"]
        weights = plan.settings.get("weights")  # as a file has it, if the plan was read
        told += [f"{name} × {weight}" for name, weight in weights.items()] if isinstance(weights, dict) else []
        return [("weighted price", seconds(plan.value), ", ".join(told))]
    if plan.objective == "efficiency":
        most = "" if plan.best_value is None else f"at most {plan.best_value:g}"
        return [("efficiency", f"{plan.value:g}", most)]
    return []
