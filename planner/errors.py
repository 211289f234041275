"""Every error that planner raises, drawn as one tree.

::

    PlannerError
    ├── InputError            what was given is wrong; ``faults`` lists every fault with its path
    │   └── InfeasibleError   what was given is well formed, but no plan for it can exist
    ├── InvalidPlanError      a plan breaks a rule that the validator holds
    ├── PreflightError        Spark is not what the run needs; each finding names the setting that mends it
    └── RunError              a run ended without all of its results

All of them are picklable, because they cross process borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Fault",
    "Finding",
    "InfeasibleError",
    "InputError",
    "InvalidPlanError",
    "PlannerError",
    "PreflightError",
    "RunError",
    "TaskFailure",
]


class PlannerError(Exception):
    """The root of every error that planner raises on purpose."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input.

    Parameters
    ----------
    path : str
        Where it is, as the user would point at it: ``tasks[3].work``, ``--bandwidth``, ``cluster.toml: network``.
    problem : str
        What is wrong and what was expected.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class InputError(PlannerError):
    """What was given is wrong; all faults are reported at once.

    Parameters
    ----------
    faults : sequence of Fault, or str
        Every fault that was found. A plain string stands for one fault without a path.

    Examples
    --------
    >>> print(InputError([Fault("tasks[0].work", "is -1; expected seconds >= 0")]))
    tasks[0].work: is -1; expected seconds >= 0
    """

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        self.faults: tuple[Fault, ...] = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.faults,)


class InfeasibleError(InputError):
    """What was given is well formed, but no plan for it can exist."""


class InvalidPlanError(PlannerError):
    """A plan breaks a rule that the validator holds.

    Parameters
    ----------
    faults : sequence of Fault
        Every broken rule: which tasks, which slot, by how much.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.faults,)


@dataclass(frozen=True)
class Finding:
    """One thing that the preflight found, and the setting that mends it."""

    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.problem}\n    to mend it: {self.mend}"


class PreflightError(PlannerError):
    """Spark is not what the run needs.

    Parameters
    ----------
    findings : sequence of Finding
        Everything that stands in the way, each with its remedy.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.findings,)


@dataclass(frozen=True)
class TaskFailure:
    """A task that raised: where, in which attempt, and its traceback as text."""

    task: str
    executor: str
    slot: int
    attempt: int
    error: str
    traceback: str

    def __str__(self) -> str:
        head = f"task {self.task!r} failed on executor {self.executor} (slot {self.slot}, attempt {self.attempt}): "
        return head + self.error


class RunError(PlannerError):
    """A run ended without all of its results.

    Parameters
    ----------
    reason : str
        Why the run ended, in one line.
    failed : sequence of TaskFailure
        Tasks that raised.
    skipped : sequence of str
        Tasks that were not run, because they depend on a failed one or on something lost.
    lost : sequence of str
        Executors or slots that went away.
    run_dir : str or None
        Where the journal and the finished results are.
    """

    def __init__(
        self,
        reason: str,
        failed: Sequence[TaskFailure] = (),
        skipped: Sequence[str] = (),
        lost: Sequence[str] = (),
        run_dir: str | None = None,
    ) -> None:
        self.reason = reason
        self.failed = tuple(failed)
        self.skipped = tuple(skipped)
        self.lost = tuple(lost)
        self.run_dir = run_dir
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.reason]
        for failure in self.failed:
            lines += [str(failure), *("    " + line for line in failure.traceback.rstrip().splitlines())]
        if self.lost:
            lines.append(f"lost: {', '.join(self.lost)}")
        if self.skipped:
            shown = ", ".join(self.skipped[:10]) + (
                f" and {len(self.skipped) - 10} more" if len(self.skipped) > 10 else ""
            )
            lines.append(f"not run, because what they need is missing: {shown}")
        if self.run_dir:
            lines.append(f"journal and finished results: {self.run_dir}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.failed, self.skipped, self.lost, self.run_dir)
