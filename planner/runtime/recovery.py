"""A new epoch: slots come to a halt and say what they hold, and from that follows what has to be made again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from planner.runtime.messages import Halt, Holds

__all__ = ["Recovery", "to_make_again"]


class Recovery:
    """Keeps account of slots that come to a halt.

    Attributes
    ----------
    epoch : int
        How many have begun.
    runs : set of (int, int)
        Slot and task of those that were begun before and still run; a task may run on several.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.runs: set[tuple[int, int]] = set()
        self._holds: dict[int, set[int]] | None = None
        self._ended: dict[
            tuple[int, int], bool
        ] = {}  # slot and task, since the epoch began; whether it has made a value

    @property
    def running(self) -> dict[int, int]:
        """Tasks that run, and one slot where they do."""
        return {task: slot for slot, task in sorted(self.runs)}

    @property
    def under_way(self) -> bool:
        """Whether slots stand still, or are about to."""
        return self._holds is not None

    def begin(self, living: Iterable[int]) -> list[Halt]:
        """Begin a new epoch."""
        self.epoch += 1
        self._holds, self.runs = {}, set()
        self._ended.clear()
        return [Halt(slot, self.epoch) for slot in living]

    def held(self, event: Holds) -> bool:
        """Take in what a slot holds; False, if that is of another epoch."""
        if self._holds is None or event.epoch != self.epoch:
            return False
        self._holds[event.slot] = set(event.values)
        if event.running is not None and (event.slot, event.running) not in self._ended:
            self.runs.add((event.slot, event.running))
        return True

    def joined(self, slot: int) -> None:
        """Note that a slot has come which holds nothing."""
        if self._holds is not None:
            self._holds[slot] = set()

    def finished(self, slot: int, task: int) -> None:
        """Note that a slot that stands still has ended what it was running."""
        if self._holds is not None and slot in self._holds:
            self._holds[slot].add(task)

    def ended(self, slot: int, task: int, *, made: bool) -> None:
        """Note that a slot has told the end of a task: that it has made a value, or failed."""
        self._ended[slot, task] = made
        self.runs.discard((slot, task))

    def has_made(self, slot: int, task: int) -> bool:
        """Tell whether a slot has told the end of a task since the epoch began, and its value is there."""
        return self._ended.get((slot, task), False)

    def all_hold(self, living: Collection[int]) -> bool:
        """Tell whether all slots have said what they hold."""
        return bool(living) and self._holds is not None and self._holds.keys() >= set(living)

    def values(self) -> set[int]:
        """Give all values that are held."""
        return set().union(*(self._holds or {}).values())

    def end(self) -> dict[int, tuple[int, ...]]:
        """Let slots go on, and give the holders of each value."""
        holders: dict[int, tuple[int, ...]] = {}
        for slot, values in sorted((self._holds or {}).items()):
            for value in values:
                holders[value] = (*holders.get(value, ()), slot)
        self._holds = None
        return holders


def to_make_again(
    takes: Sequence[Sequence[int]],
    waiting: Iterable[int],
    wanted: Iterable[int],
    gone: Callable[[int], bool],
) -> list[int]:
    """Give the least set of tasks that must run again.

    Parameters
    ----------
    takes : sequence of sequence of int
        Tasks whose values each task takes.
    waiting : iterable of int
        Tasks that have yet to begin.
    wanted : iterable of int
        Tasks whose values are needed whoever waits.
    gone : callable
        ``gone(task)``: whether it was done, and its value is nowhere.

    Examples
    --------
    >>> chain = [[], [0], [1], [2]]  # 3 waits; the values of 0 and 2 are gone, and that of 1 is there
    >>> to_make_again(chain, [3], [], lambda task: task in (0, 2))
    [2]
    """
    frontier = [*wanted, *(value for task in waiting for value in takes[task])]
    again: dict[int, None] = {}
    while frontier:
        task = frontier.pop()
        if task not in again and gone(task):
            again[task] = None
            frontier.extend(takes[task])
    return list(again)
