"""The Standard Task Graph format.

The number of tasks, then a line a task: its number, its duration, how many tasks it waits for, and their numbers.
Lines that start with ``#`` are comments. Most files do not count their two tasks of no length, the first and the last;
some do.

Source: T. Tobita and H. Kasahara, A standard task graph set for fair evaluation of multiprocessor scheduling
algorithms, Journal of Scheduling 5, 2002, doi:10.1002/jos.116.
"""

from __future__ import annotations

import re

from planner.io.checks import Faults, show
from planner.model.faults import cycle_faults
from planner.model.graph import Graph

__all__ = ["is_stg", "parse_stg"]

COUNT = re.compile(r"\s*\d+\s*")
LONGEST_NUMBER = 15


def is_stg(text: str) -> bool:
    r"""Tell whether the first line that is no comment is a number alone.

    Examples
    --------
    >>> is_stg("# a comment\n 3\n0 1 0\n"), is_stg("[[tasks]]")
    (True, False)
    """
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return COUNT.fullmatch(next(lines, "")) is not None


def parse_stg(text: str) -> Graph:
    r"""Give the graph of a text in STG format; durations are seconds, and a task's id is its number.

    Raises
    ------
    InputError
        With every fault, each with its line.

    Examples
    --------
    >>> parse_stg("1\n0 0 0\n1 5 1 0\n2 0 1 1\n")
    Graph(3 tasks, 2 edges, 5 s of work)
    """
    faults = Faults()
    lines = [(i, line.split()) for i, line in enumerate(text.splitlines(), start=1)]
    rows = [(i, words) for i, words in lines if words and not words[0].startswith("#")]
    count = _whole(f"line {rows[0][0]}", rows[0][1][0], "number of tasks", faults)
    rows = rows[1:]
    if count is not None and len(rows) not in (count, count + 2):
        problem = f"there are {len(rows)} tasks where the first line says {count}; expected {count}, or {count + 2}"
        faults.add("", f"{problem} with the two of no length (is the file cut off?)")
    ids: list[int] = []
    works: list[float] = []
    before: list[list[int]] = []
    for i, words in rows:
        task = _whole(f"line {i}", words[0], "task's number", faults)
        ids.append(-1 if task is None else task)
        works.append(_duration(f"line {i}", words[1], faults) if len(words) > 1 else 0.0)
        before.append(_predecessors(f"line {i}", words, faults))
    return _graph([i for i, _ in rows], ids, works, before, faults)


def _graph(lines: list[int], ids: list[int], works: list[float], before: list[list[int]], faults: Faults) -> Graph:
    index: dict[int, int] = {}
    for position, (line, task) in enumerate(zip(lines, ids, strict=True)):
        if task >= 0 and index.setdefault(task, position) != position:
            faults.add(
                f"line {line}", f"task {task} stands in line {lines[index[task]]} already; expected it once", also=True
            )
    source: list[int] = []
    target: list[int] = []
    for position, tasks in enumerate(before):
        for task in tasks:
            if task not in index:
                faults.add(
                    f"line {lines[position]}",
                    f"waits for task {task}, which there is not; expected a task of this file",
                    also=True,
                )
                continue
            source.append(index[task])
            target.append(position)
    names = list(map(str, ids))
    if faults.found:
        faults.found[:0] = cycle_faults(names, source, target)
    faults.raise_if_any()
    return Graph.from_arrays(names, work=works, source=source, target=target)


def _predecessors(path: str, words: list[str], faults: Faults) -> list[int]:
    if len(words) < 3:
        problem = f"has {len(words)} numbers; expected a task's number, duration, and how many it waits for"
        faults.add(path, problem, also=True)
        return []
    count = _whole(path, words[2], "number of predecessors", faults)
    if count is not None and len(words) != 3 + count:
        problem = f"names {len(words) - 3} tasks to wait for where it says {count}; expected {count}"
        faults.add(path, problem, also=True)
    found = [_whole(path, word, "task's number", faults) for word in words[3:]]
    return [task for task in found if task is not None]


def _whole(path: str, word: str, what: str, faults: Faults) -> int | None:
    if not (word.isascii() and word.isdigit() and len(word) <= LONGEST_NUMBER):
        faults.add(path, f"{show(word)} is no {what}; expected a whole number >= 0", also=True)
        return None
    return int(word)


def _duration(path: str, word: str, faults: Faults) -> float:
    try:
        number = float(word) if word.isascii() else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e9:
        faults.add(path, f"{show(word)} is no duration; expected seconds from 0 to 1e9", also=True)
        return 0.0
    return number
