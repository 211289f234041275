"""What ``planner history`` shows: kinds of tasks, hosts, executors."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from planner.model.units import MICROSECONDS, format_seconds
from planner.partitioners.task_experience import KindLearnt, PlaceLearnt, TaskExperience
from planner.report import prose, table

__all__ = ["history_summary", "history_text"]

MOST_ROWS = 24


def history_summary(experience: TaskExperience) -> dict[str, Any]:
    """Summarise what a history teaches; times are seconds on speed 1."""
    return {
        "runs": experience.runs,
        "kinds": [asdict(kind) for kind in experience.kinds],
        "hosts": [
            {key: value for key, value in asdict(host).items() if key != "executor"} for host in experience.hosts
        ],
        "executors": [asdict(executor) for executor in experience.executors],
    }


def history_text(experience: TaskExperience) -> str:
    """Lay out what a history teaches."""
    parts = [
        f"{experience.runs} run{'s' * (experience.runs != 1)}",
        _laid_out([_kind(kind) for kind in experience.kinds]),
        prose(
            "stated and learnt: a typical task on speed 1; spread: two thirds of a kind lie within this factor; trend: "
            "the last three runs against those before (!: beyond all of them)"
        ),
        _laid_out([_place("host", place.host, place) for place in experience.hosts]),
    ]
    if len(experience.executors) > len(experience.hosts):
        named = [_place("executor", f"{place.executor} ({place.host})", place) for place in experience.executors]
        parts.append(_laid_out(named))
    parts.append(prose("speed: measured, relative to what was stated; planned for only where it is believed"))
    return "\n\n".join(parts)


def _laid_out(rows: list[dict[str, Any]]) -> str:
    more = f"\n… and {len(rows) - MOST_ROWS:,} more" if len(rows) > MOST_ROWS else ""
    return table(pd.DataFrame(rows[:MOST_ROWS])) + more


def _kind(kind: KindLearnt) -> dict[str, Any]:
    trend = "" if kind.trend is None else f"× {kind.trend:.3g}{' !' if kind.drifted else ''}"
    return {
        "kind": kind.kind,
        "runs": kind.runs,
        "tasks": kind.tasks,
        "stated": format_seconds(round(kind.stated * MICROSECONDS)),
        "learnt": format_seconds(round(kind.learnt * MICROSECONDS)),
        "factor": f"× {kind.factor:.3g}",
        "spread": f"× {kind.spread:.3g}",
        "trend": trend or "–",
    }


def _place(what: str, name: str, place: PlaceLearnt) -> dict[str, Any]:
    return {
        what: name,
        "runs": place.runs,
        "tasks": place.tasks,
        "speed": "–" if place.speed is None else f"{place.speed:.3g}",
        "believed": "yes" if place.believed else "no",
    }
