"""What `peers` has measured, as Markdown for people and as CSV for everything else."""

from __future__ import annotations

import csv
import datetime
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

OURS = "planner"


@dataclass(frozen=True)
class Measured:
    """One run of one engine; times in seconds."""

    engine: str
    round: int
    case: str
    tasks: int
    bound: float
    seconds: float
    call: float
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Give the time over the bound."""
        return self.seconds / self.bound


@dataclass(frozen=True)
class Sheet:
    """The tables of all cases."""

    cases: Sequence[Any]
    engines: Sequence[str]
    measured: Sequence[Measured]
    facts: Mapping[str, str]

    def text(self) -> str:
        """Give all of it as Markdown."""
        parts = ["# planner beside its peers", self._words(), *map(self._case, self.cases), "## Where", self._facts()]
        return "\n\n".join(parts) + "\n"

    def _words(self) -> str:
        return (
            "Written by `python benchmarks/peers.py`; [how it measures](../../benchmarks/README.md). Seconds from the\n"
            "submission of a graph that is built and planned to its last value in hand, on warm engines of 8 slots.\n"
            "Medians of all runs; the bound is that of 8 slots without any overhead."
        )

    def _case(self, case: Any) -> str:
        of = {name: [m for m in self.measured if (m.case, m.engine) == (case.name, name)] for name in self.engines}
        lines = [
            f"## {case.name}\n",
            "| | runs | seconds | least – most | ÷ bound | tasks/s |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for name, runs in of.items():
            lines.append(_row(name, runs, [m.seconds for m in runs]))
            if name == OURS:
                lines.append(_row("planner, whole call of `run`", runs, [m.call for m in runs]))
        if case.target is not None:
            lines.append(_target(case))
        ours = of.get(OURS, [])
        below = f"\n\n{_inside(case, ours)}\n{_verdict(case, of)}".rstrip() if ours else ""
        return "\n".join(lines) + below

    def _facts(self) -> str:
        return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in self.facts.items())])


def _row(name: str, runs: Sequence[Measured], seconds: Sequence[float]) -> str:
    ratio = f"{median(s / m.bound for s, m in zip(seconds, runs, strict=True)):.3f}" if runs[0].bound else "–"
    rate = median(m.tasks / s for s, m in zip(seconds, runs, strict=True))
    span = f"{min(seconds):.2f} – {max(seconds):.2f}"
    return f"| {name} | {len(runs)} | {median(seconds):.2f} | {span} | {ratio} | {rate:,.0f} |"


def _target(case: Any) -> str:
    if case.median:
        return f"| *target (moonshot)* | | | | ≤ {case.target:g} ({case.moonshot:g}) | |"
    return f"| *target (moonshot)* | | | | | ≥ {case.target:,.0f} ({case.moonshot:,.0f}) |"


def _inside(case: Any, ours: Sequence[Measured]) -> str:
    """Say where planner's time went."""
    planned = median(m.detail["planned"] for m in ours)
    measured = median(m.detail["measured"] for m in ours)
    outside = median(m.seconds - m.detail["measured"] for m in ours)
    planning = median(m.detail["planning"] for m in ours)
    bound = f"bound {median(m.bound for m in ours):.2f} s, " if case.median else ""
    return (
        f"Inside planner: {bound}planned {planned:.2f} s, first task's start to last task's finish {measured:.2f} s,\n"
        f"before and after that {outside:.2f} s. Planning had taken {planning:.2f} s, which is not counted."
    )


def _verdict(case: Any, of: Mapping[str, Sequence[Measured]]) -> str:
    """Say whether the target is met, and who is ahead when the whole call counts."""
    call = median(m.call for m in of[OURS])
    peers = {name: median(m.seconds for m in runs) for name, runs in of.items() if name != OURS}
    parts = [f"{name} takes {seconds / call:.2f} × as long" for name, seconds in peers.items()]
    against = [f"Against the whole call of `run`, {' and '.join(parts)}."] if parts else []
    if case.target is None:
        return " ".join(against)
    if case.median:
        met = median(m.ratio for m in of[OURS]) <= case.target
    else:
        met = median(m.tasks / m.seconds for m in of[OURS]) >= case.target
    return " ".join([f"The target is {'met' if met else 'missed'}.", *against])


def machine(root: Path) -> dict[str, str]:
    """Tell when, what and on what."""
    commit = _git(root, "rev-parse", "--short", "HEAD") or "unknown"
    if _git(root, "status", "--porcelain", "--", "planner"):
        commit += ", with changes in planner/ that are not committed"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "Date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Commit": commit,
        "Machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gb():.0f} GB",
        "Load before (1, 5, 15 min)": load,
        "System": platform.platform(),
        "Python": platform.python_version(),
    }


def write_rows(measured: Sequence[Measured], path: Path) -> None:
    """Write every run as a row of CSV."""
    details = sorted({key for m in measured for key in m.detail})
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["case", "engine", "round", "tasks", "bound", "seconds", "call", *details])
        for m in measured:
            known = [_digits(m.detail[key]) if key in m.detail else "" for key in details]
            rows.writerow(
                [m.case, m.engine, m.round, m.tasks, _digits(m.bound), _digits(m.seconds), _digits(m.call), *known]
            )


def _digits(value: float) -> str:
    return f"{value:.4f}"


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
