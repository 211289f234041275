"""What `chaos` has measured, held against its bound, and as Markdown and CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

SLOTS = 8
ALLOWED = 1.2
"""How much longer than undisturbed a run may take, apart from what is lost."""


@dataclass(frozen=True)
class Chaos:
    """One disturbed run; times in seconds.

    Attributes
    ----------
    seed : int
        Draws the run again.
    undisturbed : float
        Median of undisturbed runs of the same graph in the same session.
    seconds, call : float
        From the submission to the last value, and the whole call of `run`.
    struck : str
        What was struck, and when after the call.
    equal : bool
        Whether every value is the right one.
    twice : int
        Results of which the run folder has not exactly one file, and ends of tasks that the journal tells twice.
    hung : bool
    error : str
        How the run ended, if not well.
    again : int
        Executions beyond one of each task, as the tasks themselves have noted.
    again_seconds, again_chain : float
        Their planned lengths: in all, and along the longest chain of them.
    slots_lost : int
    away : float
        Slots × seconds for which slots were lost and not yet back, or had not come when undisturbed they would have.
    restart : float
        How long it took until the slots of a resumed run had come.
    replaced : float
        The longest time from a loss to the new copy's first word; 0 where none came before the end.
    unknown : float
        For how long a process stood still before it went on or could be given up.
    orphans : int
        Python processes that outlived their killed executor by five seconds.
    """

    seed: int
    kind: str
    undisturbed: float
    seconds: float
    call: float
    struck: str
    equal: bool
    twice: int
    hung: bool
    error: str
    again: int
    again_seconds: float
    again_chain: float
    slots_lost: int
    away: float
    restart: float
    replaced: float
    unknown: float
    orphans: int
    load: float

    @property
    def well(self) -> bool:
        """Whether the run ended, with the right values, each of them once."""
        return self.equal and not self.twice and not self.hung and not self.error

    @property
    def bound(self) -> float:
        """Give the time that it may take."""
        left = max(1, SLOTS - self.slots_lost)
        work = max(self.again_seconds / left, self.again_chain)
        return ALLOWED * self.undisturbed + work + self.away / SLOTS + self.restart + self.unknown


class Timeline:
    """When slots came and went, by the journal; times in microseconds.

    Parameters
    ----------
    lines : list of dict
    due_us : int, optional
        From when on slots that have not come are away.

    Attributes
    ----------
    first : dict of int to int
        When each slot came first.
    lost : set of int
    away_us, replaced_us : int
    """

    def __init__(self, lines: Sequence[dict[str, Any]], due_us: int | None = None) -> None:
        self.first: dict[int, int] = {}
        self.lost: set[int] = set()
        self.away_us = self.replaced_us = 0
        gone: dict[int, int] = {} if due_us is None else dict.fromkeys(range(SLOTS), due_us)
        spares: set[int] = set()
        for line in lines:
            at, event = line["at_us"], line["event"]
            if event == "hello":
                self._came(line["slot"], at, gone, spares)
            elif event == "lost":
                self._went({line["slot"]}, at, gone, spares)
            elif event == "regrouped":  # a slot that fell silent is told by this alone
                self._went(self.first.keys() - set(line["slots"]), at, gone, spares)
        for since in gone.values():
            self.away_us += max(0, lines[-1]["at_us"] - since)

    def _came(self, slot: int, at: int, gone: dict[int, int], spares: set[int]) -> None:
        if slot in gone:
            away = max(0, at - gone.pop(slot))
            self.away_us += away
            if slot in self.lost:
                self.replaced_us = max(self.replaced_us, away)
        elif slot in self.first:
            spares.add(slot)  # its loss is not known yet
        self.first.setdefault(slot, at)

    def _went(self, slots: set[int], at: int, gone: dict[int, int], spares: set[int]) -> None:
        for slot in slots - gone.keys():
            self.lost.add(slot)
            if slot in spares:
                spares.discard(slot)
            elif slot in self.first:
                gone[slot] = at


def told_twice(lines: Sequence[dict[str, Any]]) -> int:
    """Count the executions whose end a journal tells more than once."""
    ended = [line for line in lines if line["event"] == "finished"]
    ends = Counter((line["task"], line["slot"], line["start_us"]) for line in ended)
    return sum(count > 1 for count in ends.values())


def table(runs: Sequence[Chaos], kinds: Sequence[str]) -> str:
    """Give a row a kind."""
    lines = [
        "| | runs | right and once | hung | run again, median – most | ÷ undisturbed, median – most "
        "| ÷ bound, median – most | above the bound | Spark's replacement, median |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind in [*kinds, "all"]:
        of = [run for run in runs if kind in (run.kind, "all")]
        if not of:
            continue
        done = [run for run in of if run.well]
        replaced = [run.replaced for run in done if run.replaced]
        cells = [kind, len(of), len(done), sum(run.hung for run in of)]
        if done:
            again = [run.again for run in done]
            slower = [run.seconds / run.undisturbed for run in done]
            ratio = [run.seconds / run.bound for run in done]
            cells += [
                f"{median(again):.0f} – {max(again)}",
                f"{median(slower):.2f} – {max(slower):.2f}",
                f"{median(ratio):.2f} – {max(ratio):.2f}",
                sum(one > 1 for one in ratio),
                f"{median(replaced):.1f} s" if replaced else "–",
            ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def page(runs: Sequence[Chaos], kinds: Sequence[str], facts: dict[str, str]) -> str:
    """Give all of it as Markdown."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in facts.items())
    bad = [f"- seed {run.seed}, {run.kind}: {_wrong(run)}" for run in runs if not run.well]
    over = sorted((run for run in runs if run.well and run.seconds > run.bound), key=lambda r: r.bound / r.seconds)
    late = [
        f"- seed {run.seed}, {run.kind}: {run.seconds:.2f} s against {run.bound:.2f} s; {run.struck}"
        for run in over[:10]
    ]
    parts = [
        f"# Runs that are disturbed\n\nWritten by `python benchmarks/chaos.py`.\n\n{ABOUT}".rstrip(),
        table(runs, kinds),
        "## Not as it should be\n\n"
        + ("\n".join(bad) or "Nothing: every run ended, with the right values, each once."),
        "## Above the bound\n\n" + ("The worst ten:\n\n" + "\n".join(late) if late else "No run."),
        f"## Where\n\n| | |\n|---|---|\n{rows}",
    ]
    return "\n\n".join(parts) + "\n"


ABOUT = """\
Layers of 240 tasks that sleep 20 to 200 ms on 4 executors of 2 slots, and hand on integers or arrays of up to 1 MB;
another graph for every 20 runs. While it runs, processes of the session are killed (SIGKILL) or stand still for 0.5 to
4 s (SIGSTOP, then SIGCONT) at random moments, from the call of `run` on to 0.95 × the undisturbed time (0.8 × for the
driver). Runs in which processes stand still give a slot up after 2 s of silence. Victims are found in `/proc`, never by
the planner; tasks note by themselves that they were begun, so that what was run again is counted without the planner;
values are compared bit by bit with those that were computed without it.

**Right and once**: all values are right, the run folder has one file of each result, and the journal tells no end of a
task twice.

**The bound** of a run is the sum of

- 1.2 × the median of five undisturbed runs of its graph, in the same session (with a store for the driver's runs);
- the lost work: the planned lengths of all executions beyond one of each task, spread over the slots that were never
  lost, or the longest chain of them, whichever is longer (the whole length of those that were killed half-way);
- Spark's replacement: the slots × seconds for which slots were lost and not yet back, or had not come when undisturbed
  they would have, spread over all 8 slots: a run is not allowed to wait for some slots while others are there;
- the time for which processes stood still, up to the 2 s after which they are given up; and for the driver's runs how
  long it took until the slots had come for the second time.

The driver's runs count from the call to the kill, and from the call of the one that resumes to the last value; the
start of another session is not in them. Spark gives a job up when one of its tasks was lost four times. Because a slot
is one Spark task, the sessions here allow 100 (`spark.task.maxFailures`), as a session for long runs should.
"""


def _wrong(run: Chaos) -> str:
    what = ["it hung"] if run.hung else []
    what += [run.error] if run.error else []
    what += [] if run.equal else ["values are wrong or missing"]
    what += [f"{run.twice} committed twice, or not at all"] if run.twice else []
    return f"{'; '.join(what)} ({run.struck})"


def write_rows(runs: Sequence[Chaos], path: Path) -> None:
    """Write every run as a row of CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        names = list(asdict(runs[0]))
        rows.writerow([*names, "bound"])
        for run in runs:
            values = [*asdict(run).values(), run.bound]
            rows.writerow([f"{value:.3f}" if isinstance(value, float) else value for value in values])
