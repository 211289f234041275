"""The coordinator's mind under every order of events that hypothesis can think of."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import TaskFailure
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import TaskState
from planner.runtime.messages import (
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Fetch,
    Finished,
    Give,
    Halt,
    Hello,
    Holds,
    Instruction,
    Lost,
    Orphans,
    Regroup,
    Released,
    Skip,
    Tick,
    Withdraw,
)
from planner.runtime.slot_queue import Handed, Record

SLOTS = 3


def _record(task: int, result_bytes: int | None = None) -> Record:
    return Record(task, 0, 1, 0, 0, 0, None, None, 0, result_bytes)


def _failure(task: int) -> TaskFailure:
    return TaskFailure(str(task), "0", 0, 0, "ValueError", "…")


class World:
    """A run whose slots do as they are told, in an order that is drawn; it checks each instruction."""

    def __init__(self, edges: Sequence[tuple[int, int]], n: int, broken: frozenset[int], large: frozenset[int]) -> None:
        self.n, self.broken, self.large = n, broken, large
        self.after = [[b for a, b in edges if a == task] for task in range(n)]
        self.before = [[a for a, b in edges if b == task] for task in range(n)]
        self.slot_of: list[int | None] = [task % SLOTS for task in range(n)]  # None: on its way from slot to slot
        self.asked: list[Withdraw] = []
        self.given = 0
        results = [task for task in range(n) if not self.after[task]]
        self.keeper = PlanKeeper(
            [task % SLOTS for task in range(n)], self.after, results, SLOTS, rendezvous_s=5, silence_s=5
        )
        self.greeted: set[int] = set()
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.skipped: set[int] = set()
        self.fetching: set[int] = set()
        self.ends: list[Ended] = []
        self.sent_home: set[int] = set()

    def send(self, event: Event) -> None:
        self.obey(self.keeper.handle(event), event)

    def move(self, targets: dict[int, int]) -> None:
        """Ask the keeper to move tasks, as what rebalances does."""
        self.obey(self.keeper.move(targets, {task: -task for task in targets}), None)

    def obey(self, instructions: Sequence[Instruction], event: Event | None) -> None:
        over = bool(self.ends)
        for instruction in instructions:
            if isinstance(instruction, Ended):
                self.ends.append(instruction)
            elif isinstance(instruction, Fetch):
                self.fetching.add(instruction.task)
            else:
                assert not over or (isinstance(instruction, End) and isinstance(event, Hello)), instruction
                assert instruction.slot in self.greeted, f"{instruction} to a slot that has not said hello"
                if isinstance(instruction, Skip):
                    assert not set(instruction.tasks) & (self.done | self.failed), "a settled task was skipped"
                    self.skipped |= set(instruction.tasks)
                if isinstance(instruction, End):
                    self.sent_home.add(instruction.slot)
                if isinstance(instruction, Withdraw):
                    self.asked.append(instruction)
                if isinstance(instruction, Give):
                    for handed in instruction.tasks:
                        assert self.slot_of[handed.task] is None, "it is on another slot still"
                        self.slot_of[handed.task] = instruction.slot
                        self.given += 1
        assert len(self.ends) <= 1

    def moves(self) -> list[Event]:
        """What may happen next when every slot behaves."""
        moves: list[Event] = [Hello(s, s, f"at {s}") for s in range(SLOTS) if s not in self.greeted]
        settled = self.done | self.failed | self.skipped
        for task in range(self.n):
            slot = self.slot_of[task]
            ready = all(before in self.done for before in self.before[task])
            if slot is not None and slot in self.greeted and ready and task not in settled:
                if task in self.broken:
                    moves.append(Failed(slot, slot, task, _failure(task)))
                else:
                    size = 10 if task in self.large and not self.after[task] else None
                    moves.append(Finished(slot, slot, (_record(task, size),)))
        moves += [Released(each.slot, each.slot, each.tasks, self.released(each)) for each in self.asked]
        return moves + [Collected(task) for task in sorted(self.fetching)]

    def released(self, asked: Withdraw) -> tuple[Handed, ...]:
        """Give back what still waits on the slot; others may wait for its value."""
        settled = self.done | self.failed | self.skipped
        mine = [t for t in asked.tasks if self.slot_of[t] == asked.slot and t not in settled]
        return tuple(Handed(t, readers=((asked.slot + 1) % SLOTS,)) for t in mine)

    def play(self, event: Event) -> None:
        match event:
            case Hello():
                self.greeted.add(event.slot)
            case Finished():
                self.done |= {record.task for record in event.records}
            case Failed():
                self.failed.add(event.task)
            case Collected():
                self.fetching.discard(event.task)
            case Released():
                self.asked.remove(Withdraw(event.slot, event.asked))
                for handed in event.tasks:
                    self.slot_of[handed.task] = None
        self.send(event)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    n = draw(st.integers(0, 8))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12)) if pairs else []
    tasks = st.frozensets(st.integers(0, max(0, n - 1)), max_size=2)
    return World(edges, n, draw(tasks) if n else frozenset(), draw(tasks) if n else frozenset())


@given(worlds(), st.data())
@settings(max_examples=100, deadline=None)
def test_behaving_slots_always_reach_the_one_end(world: World, data: st.DataObject) -> None:
    while moves := world.moves():
        world.play(data.draw(st.sampled_from(moves)))
        if world.n and data.draw(st.booleans()):
            world.move(data.draw(st.dictionaries(st.integers(0, world.n - 1), st.integers(0, SLOTS - 1), max_size=4)))
        if data.draw(st.integers(0, 5)) == 0:  # copies and strangers change nothing
            slot = data.draw(st.integers(0, SLOTS - 1))
            if slot in world.greeted:
                world.send(Hello(slot, 100 + slot, "a copy"))
            world.send(Finished(slot, 999, tuple(_record(task) for task in range(world.n))))
            world.send(Lost(slot, 999, "a stranger"))
    [end] = world.ends
    assert world.sent_home == set(range(SLOTS))
    unreached = set(range(world.n)) - world.done - world.failed
    assert unreached == world.skipped
    for task in range(world.n):
        lacking = any(before in world.failed | world.skipped for before in world.before[task])
        assert (task in world.skipped) == lacking
    assert end.status == ("failed" if world.failed else "done")
    assert len(world.keeper.ledger.records) == len(world.done)
    assert world.keeper.moving.count == world.given
    assert set(world.keeper.ledger.tasks_in(TaskState.FAILED)) == world.failed


def test_a_slot_that_says_hello_before_the_first_tick_is_not_taken_for_silent() -> None:
    keeper = PlanKeeper([0], [[]], [], 1, silence_s=5)
    keeper.handle(Hello(0, 1, ""))
    assert keeper.handle(Tick(1000.0)) == []
    assert keeper.handle(Tick(1006.0)) == [End(0, abort=True, incarnation=1)]
    assert keeper.lost == ["slot 0 (not heard of for 5 s)"]


def test_the_last_hello_may_be_the_last_event() -> None:
    keeper = PlanKeeper([0], [[]], [0], 2)
    keeper.handle(Hello(0, 1, ""))
    assert keeper.handle(Finished(0, 1, (_record(0),))) == []
    instructions = keeper.handle(Hello(1, 1, ""))
    assert [i for i in instructions if isinstance(i, End)] == [End(0), End(1)]
    assert isinstance(instructions[-1], Ended)


def test_what_ended_is_held_though_its_end_overtakes_what_its_slot_said_of_it() -> None:
    """A report tells what has ended before it tells the rest, so the end may come first."""
    keeper = PlanKeeper([0, 1], [[1], []], [1], 2)
    for slot in range(2):
        keeper.handle(Hello(slot, slot, ""))
    assert Halt(0, 1) in keeper.handle(Lost(1, 1, "killed"))
    keeper.handle(Finished(0, 0, (_record(0),)))
    assert keeper.handle(Holds(0, 0, 1, frozenset(), running=0)) == [Orphans((1,))]
    [regroup, _] = keeper.place({1: 0})
    assert isinstance(regroup, Regroup)
    assert (regroup.waiting, regroup.holders) == ((1,), {0: (0,)})
