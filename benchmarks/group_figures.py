"""What `groups` has measured, and what that says of each target: sentences computed from the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from group_cases import Case

DEFAULTS, BY_COST, BY_ROWS = "Spark's defaults", "balance, true costs", "balance, rows"
KEY_EACH, DEALT = "an expert, a partition a key", "an expert, LPT by hand"
FIRST, SECOND = "balance, first run, by rows", "balance, second run, by history"
SALTED, SALTED_ALL = "salting", "salting, coalescing off"
PIECES = "balance, agg with combine"
GAVE_UP = 3.0
"""A contender that took so many times the bound in the first round is not run again."""


@dataclass(frozen=True)
class Run:
    """One run of one contender; times in seconds."""

    case: str
    contender: str
    round: int
    bound: float
    seconds: float
    planning: float
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """Runs by case and contender, and what planning alone took.

    Attributes
    ----------
    planning : sequence of dict
        ``master``, ``keys``, ``rows``, ``seconds`` (of several calls, in order).
    memory : sequence of dict
        ``master``, ``keys``, ``rows``, ``seconds``, and in MB ``python``, ``jvm`` (peaks) and the same before it.
    """

    cases: Sequence[Case]
    runs: Sequence[Run]
    planning: Sequence[Mapping[str, Any]] = ()
    memory: Sequence[Mapping[str, Any]] = ()

    def of(self, case: Case, contender: str) -> list[Run]:
        """Give the runs of a contender on a case."""
        return [run for run in self.runs if (run.case, run.contender) == (case.name, contender)]

    def seconds(self, case: Case, contender: str) -> float | None:
        """Give the median seconds of the action; None where it did not run."""
        runs = self.of(case, contender)
        return median(run.seconds for run in runs) if runs else None

    def quotient(self, case: Case, one: str, other: str) -> float | None:
        """Give how many times as long one takes as another."""
        these, those = self.seconds(case, one), self.seconds(case, other)
        return None if these is None or those is None else these / those

    def over_bound(self, case: Case, contender: str) -> float | None:
        """Give the median time over the lower bound."""
        seconds = self.seconds(case, contender)
        return None if seconds is None else seconds / case.lower_bound()

    def planned_share(self, case: Case, contender: str) -> float | None:
        """Give the planning as a part of planning and action together, the median over the rounds."""
        runs = self.of(case, contender)
        return median(run.planning / (run.planning + run.seconds) for run in runs) if runs else None


@dataclass(frozen=True)
class Target:
    """What was asked of each case it is for: a number that is at most, or at least, `limit`."""

    asked: str
    limit: float
    at_least: bool
    holds_for: Callable[[Case], bool]
    value: Callable[[Figures, Case], float | None]
    digits: str = ".3f"
    unit: str = ""
    remark: Callable[[Case], str] = lambda case: ""


def _percent(figures: Figures, case: Case) -> float | None:
    shares = [figures.planned_share(case, name) for name in (BY_COST, BY_ROWS, SECOND, PIECES)]
    known = [share for share in shares if share is not None]
    return 100 * max(known) if known else None


def _behind_expert(figures: Figures, case: Case) -> float | None:
    behind = [figures.quotient(case, BY_COST, name) for name in (KEY_EACH, DEALT)]
    return max((quotient for quotient in behind if quotient is not None), default=None)


def _ours(case: Case) -> str:
    """Give our contender that knows the costs."""
    return PIECES if case.form == "split" else BY_COST


TARGETS = (
    Target(
        "At most 1.10 × the lower bound where groups last 100 ms or more on average",
        1.10,
        False,
        lambda case: case.long,
        lambda figures, case: figures.over_bound(case, _ours(case)),
    ),
    Target(
        "At least 2 × as fast as Spark's defaults at zipf 1.2",
        2.0,
        True,
        lambda case: case.spread == "zipf 1.2",
        lambda figures, case: figures.quotient(case, DEFAULTS, _ours(case)),
        ".2f",
        remark=lambda case: (
            f" (where all groups in one task take {case.costs().sum() / case.lower_bound():.2f} × the bound)"
        ),
    ),
    Target(
        "On uniform keys no slower than 1.03 × the defaults",
        1.03,
        False,
        lambda case: case.spread == "uniform" and case.form == "whole",
        lambda figures, case: figures.quotient(case, BY_COST, DEFAULTS),
    ),
    Target(
        "Never behind the better expert by more than 5 %",
        1.05,
        False,
        lambda case: case.form != "split",
        _behind_expert,
    ),
    Target(
        "Planning at most 5 % of planning and run together",
        5.0,
        False,
        lambda case: case.long,
        _percent,
        ".1f",
        " %",
    ),
    Target(
        "With costs unrelated to rows, the second run within 10 % of the plan that knows the true costs",
        1.10,
        False,
        lambda case: case.form == "unknown",
        lambda figures, case: figures.quotient(case, SECOND, BY_COST),
    ),
)


def verdicts(figures: Figures) -> list[str]:
    """Say for each target what was asked and what was measured, and where that is short of it."""
    lines = [_verdict(target, figures) for target in TARGETS]
    return [*lines, _planning(figures.planning), _memory(figures.memory)]


def _verdict(target: Target, figures: Figures) -> str:
    found = [(target.value(figures, case), case) for case in figures.cases if target.holds_for(case)]
    known = [(value, case) for value, case in found if value is not None]
    if not known:
        return f"**{target.asked}.** Not measured."
    values = [value for value, _ in known]
    short = [each for each in known if (each[0] < target.limit if target.at_least else each[0] > target.limit)]

    def shown(value: float) -> str:
        return f"{value:{target.digits}}{target.unit}"

    span = shown(min(values)) if len(values) == 1 else f"{shown(min(values))} to {shown(max(values))}"
    words = f"**{target.asked}.** Measured: {span} in {_many(len(known), 'case')}; "
    if not short:
        return words + "met."
    worst = sorted(short, key=lambda each: each[0], reverse=not target.at_least)
    named = "; ".join(f"{shown(value)} for {case.name}{target.remark(case)}" for value, case in worst)
    return f"{words}**short in {len(short)}**: {named}."


def _planning(rows: Iterable[Mapping[str, Any]]) -> str:
    asked = "**A million keys planned in at most 2 s.**"
    measured = [(settled(row["seconds"]), row) for row in rows if row["keys"] >= 10**6]
    if not measured:
        return f"{asked} Not measured."
    parts = [f"{seconds:.2f} s for {row['rows']:,} rows on {row['master']}" for seconds, row in measured]
    late = [seconds for seconds, _ in measured if seconds > 2]
    return f"{asked} Measured: {'; '.join(parts)}: {_met(late, len(measured))}"


def settled(seconds: Sequence[float]) -> float:
    """Give the median of the last three of some calls, of which the first compiled much."""
    return median(seconds[-3:])


def _memory(rows: Iterable[Mapping[str, Any]]) -> str:
    asked = "**Peak memory of the driver at most 1 GB for ten million keys.**"
    measured = [row for row in rows if row["keys"] >= 10**7]
    if not measured:
        return f"{asked} Not measured."
    parts = [
        f"{row['python'] + row['jvm']:,.0f} MB on {row['master']} "
        f"(Python {row['python']:,.0f}, its JVM {row['jvm']:,.0f}; together "
        f"{row['python before'] + row['jvm before']:,.0f} before)"
        for row in measured
    ]
    over = [row for row in measured if row["python"] + row["jvm"] > 1000]
    return f"{asked} Measured: {'; '.join(parts)}: {_met(over, len(measured))}"


def _met(short: Sequence[Any], of: int) -> str:
    return f"**short in {len(short)} of {of}**." if short else "met."


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
