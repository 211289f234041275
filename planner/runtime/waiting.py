"""The tasks that wait on a slot: which of them may begin, and which is first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Set

from planner.runtime.slot_queue import Entry

__all__ = ["WaitingTasks"]

_NEVER = 2**63 - 1
_Key = tuple[int, int, int]
_Input = tuple[int, bool]  # a task, and whether its value is needed, or only its end


class WaitingTasks:
    """Tasks with what they still miss. Nothing in it blocks, and nothing is safe from threads.

    Parameters
    ----------
    entries : iterable of Entry
    strict : bool
        Whether only the first may ever begin. Else that is so until they are given another order; from then on, of
        those that miss nothing, the first may.
    """

    def __init__(self, entries: Iterable[Entry] = (), *, strict: bool = False) -> None:
        self._strict, self._in_order = strict, True
        self._entries: dict[int, Entry] = {}
        self._key: dict[int, _Key] = {}  # order, turn of coming here, task
        self._missing: dict[int, set[_Input]] = {}
        self._takers: dict[_Input, set[int]] = {}  # input -> tasks here that miss it
        self._there: set[_Input] = set()
        self._ready: list[_Key] = []
        self._all: list[_Key] = []  # both with keys that no longer hold, which are passed over when they come up
        self._added = 0
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Let a task wait here; of equal order, what was added first is first."""
        task = entry.task
        self._added += 1
        self._entries[task], self._key[task] = entry, (entry.order, self._added, task)
        missing = {(source, source in entry.takes) for source in entry.inputs} - self._there
        self._missing[task] = missing
        for source in missing:
            self._takers.setdefault(source, set()).add(task)
        self._push(task)

    def remove(self, task: int) -> Entry | None:
        """Take a task out; None, if it does not wait here."""
        entry = self._entries.pop(task, None)
        if entry is not None:
            del self._key[task]
            for source in self._missing.pop(task):
                self._takers[source].discard(task)
        return entry

    def end(self, task: int, *, value: bool) -> bool:
        """Note that a task has ended, and whether its value is here; tell whether another may begin now."""
        freed = False
        for came in ((task, False), (task, True))[: 1 + value]:
            self._there.add(came)
            for taker in self._takers.pop(came, ()):
                missing = self._missing[taker]
                missing.discard(came)
                if not missing:
                    heapq.heappush(self._ready, self._key[taker])
                    freed = True
        return freed

    def awaited_again(self, task: int) -> None:
        """Note that the value of a task, which may have been here and gone, is to come once more."""
        self._there.discard((task, True))

    def pop(self) -> Entry | None:
        """Take the task out that begins now; None, if none may."""
        first = self._least(self._ready)
        if first is None or (self._in_order and first != self._least(self._all)):
            return None
        return self.remove(first)

    def reorder(self, order: Mapping[int, int]) -> None:
        """Give tasks another order; what was planned no longer holds."""
        self._in_order = self._strict
        for task in order.keys() & self._entries.keys():
            self._key[task] = (order[task], *self._key[task][1:])
        self._ready.clear()
        self._all.clear()
        for task in self._entries:
            self._push(task)

    def takes_any(self, task: int, values: Set[int]) -> bool:
        """Tell whether a task that waits here takes any of these values."""
        return bool(values) and task in self._entries and not values.isdisjoint(self._entries[task].takes)

    def has(self, task: int) -> bool:
        """Tell whether a task waits here."""
        return task in self._entries

    def there(self, task: int, *, value: bool) -> bool:
        """Tell whether a task has ended, or whether its value has come."""
        return (task, value) in self._there

    def waits_for(self, task: int) -> bool:
        """Tell whether any task here waits for the end of a task, and not for its value."""
        return bool(self._takers.get((task, False)))

    def turn(self, task: int) -> int:
        """Give the order of the first task here that waits for a task."""
        takers = self._takers.get((task, True), set()) | self._takers.get((task, False), set())
        return min((self._key[taker][0] for taker in takers), default=_NEVER)

    def first(self) -> int:
        """Give the order of the first task."""
        least = self._least(self._all)
        return _NEVER if least is None else self._key[least][0]

    def _push(self, task: int) -> None:
        heapq.heappush(self._all, self._key[task])
        if not self._missing[task]:
            heapq.heappush(self._ready, self._key[task])

    def _least(self, heap: list[_Key]) -> int | None:
        while heap and self._key.get(heap[0][2]) != heap[0]:
            heapq.heappop(heap)
        return heap[0][2] if heap else None
