"""The page of `groups`, as Markdown for people and as CSV for everything else."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from group_cases import HOT, WIDE, Case
from group_figures import DEFAULTS, GAVE_UP, Figures, Run, settled, verdicts

HEAD = ("", "runs", "seconds", "least – most", "÷ bound", "defaults ÷ it", "skew", "tasks", "shuffles", "planning")


QUICKLY = "**A quick run: groups so short and so few measure overheads, and say nothing of any target.**"


def page(figures: Figures, facts: Mapping[str, str], *, quick: bool = False) -> str:
    """Give all of it as Markdown."""
    parts = ["# Groups that cost wildly different amounts", _words(), *[QUICKLY] * quick, "## Asked and measured"]
    parts.append("\n".join(f"- {sentence}" for sentence in verdicts(figures)))
    for part in dict.fromkeys(case.part for case in figures.cases):
        cases = [case for case in figures.cases if case.part == part]
        parts += [f"## {part[0].upper()}{part[1:]}", _about(cases[0])]
        parts += [_case(case, figures) for case in cases]
    if figures.planning or figures.memory:
        parts += ["## Planning alone", _alone(figures)]
    parts += ["## Where", table(("", ""), facts.items(), "ll")]
    return "\n\n".join(parts) + "\n"


def _words() -> str:
    return (
        "Written by `python benchmarks/groups.py`; [how it measures](../../benchmarks/README.md). Seconds of the\n"
        "action, from `collect()` to the rows in hand, on a warm session; medians over the rounds. The bound is the\n"
        "heaviest key or all slots busy, without any overhead.\n\n"
        "- *defaults ÷ it*: how many times as fast as Spark's defaults.\n"
        "- *skew*: what the heaviest partition costs ÷ the mean of those that hold anything.\n"
        "- *tasks*: Spark's, in the stage that runs the function; in brackets, how many of them had any group.\n"
        "- *planning*: comes before the action and is not part of its seconds; in per cent of both together. An\n"
        "  expert's is not counted.\n\n"
        f"A contender that took more than {GAVE_UP:g} × the bound in the first round was not run again."
    )


def _about(case: Case) -> str:
    said = {
        "whole": "Groups cannot be split, and the number of rows follows the cost, with at least one row a key.",
        "unknown": "Numbers of rows are log-normal and say nothing about costs; "
        f"each row has {WIDE} bytes that cannot be compressed.",
        "split": "The function may be called on pieces of a group, so the heaviest key sets no bound. "
        f"Salting draws one of {case.slots} salts for each row.",
    }[case.form]
    if case.kind == "compute":
        said += " Groups turn a Python loop, whose speed was measured with all slots at it."
    return f"{said} *One hot key* has {HOT:.0%} of the whole cost."


def _case(case: Case, figures: Figures) -> str:
    costs = case.costs()
    about = (
        f"Bound {case.lower_bound():.2f} s; {costs.sum():.1f} s in all, {1000 * costs.mean():,.1f} ms a group, "
        f"the heaviest {costs.max():.2f} s."
    )
    names = dict.fromkeys(run.contender for run in figures.runs if run.case == case.name)
    rows = [_row(case, name, figures) for name in names]
    return f"### {case.spread[0].upper()}{case.spread[1:]}\n\n{about}\n\n{table(HEAD, rows, 'l' + 'r' * 9)}"


def _row(case: Case, name: str, figures: Figures) -> list[str]:
    runs = figures.of(case, name)
    seconds = [run.seconds for run in runs]
    ahead = figures.quotient(case, DEFAULTS, name)
    return [
        name,
        f"{len(runs)}",
        f"{median(seconds):.2f}",
        f"{min(seconds):.2f} – {max(seconds):.2f}",
        f"{median(seconds) / case.lower_bound():.3f}",
        "–" if ahead is None else f"{ahead:.2f}",
        _middle(runs, "skew", ".2f"),
        f"{_middle(runs, 'tasks', '.0f')} ({_middle(runs, 'used', '.0f')})",
        _middle(runs, "shuffles", ".0f"),
        _planning(case, name, figures),
    ]


def _middle(runs: Sequence[Run], what: str, form: str) -> str:
    found = [run.detail[what] for run in runs if what in run.detail]
    return f"{median(found):{form}}" if found else "–"


def _planning(case: Case, name: str, figures: Figures) -> str:
    if not name.startswith("balance"):
        return "–"
    seconds = median(run.planning for run in figures.of(case, name))
    share = figures.planned_share(case, name)
    return f"{seconds:.2f} s, {100 * (share or 0.0):.1f} %"


def _alone(figures: Figures) -> str:
    said = (
        '`balance(df, by="key")` until its plan is there; weights are rows of a Parquet folder. '
        "Five calls, of which the first compiles much; the median of the last three.\n\n"
    )
    rows = [
        (
            row["master"],
            f"{row['keys']:,}",
            f"{row['rows']:,}",
            f"{row['seconds'][0]:.2f}",
            f"{settled(row['seconds']):.2f}",
        )
        for row in figures.planning
    ]
    said += table(("master", "keys", "rows", "first call, s", "settled, s"), rows, "lrrrr")
    if not figures.memory:
        return said
    said += (
        "\n\nPeaks of the driver's memory in a fresh session: VmHWM of the Python process and of its JVM, which is\n"
        "also the master and the workers of a `local-cluster` but not its executors; and what they had been before\n"
        "`balance` was called. Keys come from `spark.range`.\n\n"
    )
    head = ("master", "keys", "seconds", "Python, MB", "before", "JVM, MB", "before", "keys in the plan")
    held = [
        [row["master"], f"{row['keys']:,}", f"{row['seconds']:.2f}"]
        + [f"{row[what]:,.0f}" for what in ("python", "python before", "jvm", "jvm before", "planned keys")]
        for row in figures.memory
    ]
    return said + table(head, held, "lrrrrrrr")


def table(head: Sequence[str], rows: Any, sides: str) -> str:
    """Lay out rows as Markdown; `sides` has l or r for each column."""
    rule = ["---" if side == "l" else "--:" for side in sides]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def write_rows(runs: Sequence[Run], path: Path) -> None:
    """Write every run as a row of CSV."""
    details = sorted({key for run in runs for key in run.detail})
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["case", "contender", "round", "bound", "seconds", "planning", *details])
        for run in runs:
            known = [f"{run.detail[key]:.4f}" if key in run.detail else "" for key in details]
            times = [f"{value:.4f}" for value in (run.bound, run.seconds, run.planning)]
            rows.writerow([run.case, run.contender, run.round, *times, *known])
