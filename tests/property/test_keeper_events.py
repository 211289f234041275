"""The coordinator's mind step by step: attempts that come and go, batches, silence, against a small model."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from planner.errors import TaskFailure
from planner.runtime.keeper import PlanKeeper, TaskState
from planner.runtime.messages import (
    Cancelled,
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Fetch,
    Finished,
    Hello,
    LaunchFailed,
    Lost,
    Peers,
    Record,
    Skip,
    Start,
    Tick,
    Unreachable,
)

RENDEZVOUS_S, SILENCE_S, SUSPECT_S = 20.0, 10.0, 3.0
WAITING, DONE, FAILED, SKIPPED = TaskState.WAITING, TaskState.DONE, TaskState.FAILED, TaskState.SKIPPED
index = st.integers(0, 10**6)


class Events(RuleBasedStateMachine):
    """Slots of which each may start several times; the model knows what has truly happened."""

    @initialize(
        n=st.integers(0, 7),
        slots=st.integers(1, 4),
        edges=st.lists(st.tuples(index, index), max_size=12),
        places=st.lists(index, min_size=7, max_size=7),
        began=st.sampled_from([0.0, 1e6]),
    )
    def begin(self, n: int, slots: int, edges: list[tuple[int, int]], places: list[int], began: float) -> None:
        self.n, self.slots = n, slots
        pairs = sorted({(min(a % n, b % n), max(a % n, b % n)) for a, b in edges if a % n != b % n}) if n else []
        self.after = [[b for a, b in pairs if a == task] for task in range(n)]
        self.before = [[a for a, b in pairs if b == task] for task in range(n)]
        self.slot_of = [place % slots for place in places[:n]]
        results = [task for task in range(n) if not self.after[task]]
        self.keeper = PlanKeeper(
            self.slot_of, self.after, results, slots, rendezvous_s=RENDEZVOUS_S, silence_s=SILENCE_S
        )
        self.now = began
        self.lives: dict[int, int] = {}
        self.copies: dict[int, set[int]] = {slot: set() for slot in range(slots)}
        self.seen = [WAITING] * n
        self.fetching: list[int] = []
        self.suspected: dict[int, float] = {}
        self.told_to_skip: set[int] = set()
        self.peers_told: set[int] = set()
        self.ends: list[Ended] = []
        self.sent_home: list[int] = []

    # playing ------------------------------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        over = bool(self.ends)
        settled = {task for task, state in enumerate(self.keeper.state) if state is not WAITING}
        answers = self.keeper.handle(event)
        if over:
            assert answers == ([End(event.slot, abort=True)] if isinstance(event, Hello) else [])
            return
        for answer in answers:
            if isinstance(answer, Ended):
                assert answer is answers[-1]
                self.ends.append(answer)
                continue
            assert answer.slot in self.lives, f"{answer} to a slot that has not said hello"
            match answer:
                case Fetch(task=task):
                    assert self.slot_of[task] == answer.slot
                    self.fetching.append(task)
                case Skip(tasks=tasks):
                    late = isinstance(event, Hello)  # told again what was settled while it was away
                    assert all(self.slot_of[task] == answer.slot for task in tasks)
                    assert late or not settled & set(tasks), "a settled task was skipped"
                    assert all(self.keeper.state[task] is SKIPPED for task in tasks)
                    self.told_to_skip |= set(tasks)
                case Peers(addresses=addresses):
                    assert addresses == {slot: f"at {slot}.{lives}" for slot, lives in self.lives.items()}
                    self.peers_told.add(answer.slot)
                case End(slot=slot):
                    self.sent_home.append(slot)
                case Start():
                    assert isinstance(event, Hello)

    def ready(self, slot: int) -> list[int]:
        """Tasks of a slot that a well-behaved slot might run now."""
        return [
            task
            for task in range(self.n)
            if self.slot_of[task] == slot
            and self.keeper.state[task] is WAITING
            and all(self.keeper.state[before] is DONE for before in self.before[task])
        ]

    def finish(self, slot: int, tasks: list[int], large: bool = False) -> None:
        records = [
            Record(task, 0, 1, 0, 0, 0, None, None, 0, 9**7 if large and not self.after[task] else None)
            for task in tasks
        ]
        self.send(Finished(slot, self.lives[slot], tuple(records)))

    # what may happen ----------------------------------------------------------------------------------------------

    @rule(slot=index, incarnation=st.integers(0, 3))
    def hello(self, slot: int, incarnation: int) -> None:
        slot %= self.slots
        event = Hello(slot, incarnation, f"at {slot}.{incarnation}")
        if slot not in self.lives:
            if not self.ends:
                self.lives[slot] = incarnation
        elif incarnation != self.lives[slot]:
            self.copies[slot].add(incarnation)
            before = len(self.sent_home)
            self.send(event)
            assert len(self.sent_home) == before
            return
        self.send(event)

    @precondition(lambda self: self.lives and not self.ends)
    @rule(slot=index, count=st.integers(1, 3), large=st.booleans())
    def finished(self, slot: int, count: int, large: bool) -> None:
        slot = sorted(self.lives)[slot % len(self.lives)]
        batch = self.ready(slot)[:count]  # a batch may hold a task and, behind it, one that waited for it
        for task in range(self.n):
            inside = set(batch)
            if self.slot_of[task] == slot and self.keeper.state[task] is WAITING and task not in inside:
                needs = self.before[task]
                if needs and all(b in inside or self.keeper.state[b] is DONE for b in needs) and len(batch) < count:
                    batch.append(task)
        self.finish(slot, batch, large)
        if not self.ends:
            self.finish(slot, batch, large)  # said twice, counted once
            assert len(self.fetching) == len(set(self.fetching))
        assert all(self.keeper.state[task] is DONE for task in batch)

    @precondition(lambda self: self.lives and self.n)
    @rule(slot=index, incarnation=st.integers(4, 5))
    def a_stranger_reports(self, slot: int, incarnation: int) -> None:
        slot %= self.slots
        before = list(self.keeper.state)
        self.send(Finished(slot, incarnation, tuple(Record(t, 0, 1, 0, 0, 0, 0, 0, 0) for t in range(self.n))))
        self.send(Failed(slot, incarnation, 0, TaskFailure("0", "0", 0, 0, "E", "")))
        self.send(Unreachable(slot, incarnation, 0, "a stranger's word"))
        self.send(Lost(slot, incarnation, "nobody knew it"))
        assert self.keeper.state == before

    @precondition(lambda self: self.lives and not self.ends)
    @rule(slot=index, which=index)
    def failed(self, slot: int, which: int) -> None:
        slot = sorted(self.lives)[slot % len(self.lives)]
        if ready := self.ready(slot):
            task = ready[which % len(ready)]
            failure = TaskFailure(str(task), "0", slot, 0, "ValueError: no", "…")
            self.send(Failed(slot, self.lives[slot], task, failure))
            self.send(Failed(slot, self.lives[slot], task, failure))  # said twice, counted once
            assert self.keeper.state[task] is FAILED
            assert [f.task for f in self.keeper.failures].count(str(task)) == 1

    @precondition(lambda self: self.fetching)
    @rule(which=index)
    def collected(self, which: int) -> None:
        self.send(Collected(self.fetching.pop(which % len(self.fetching))))

    @precondition(lambda self: any(self.copies.values()))
    @rule(which=index)
    def a_copy_is_lost(self, which: int) -> None:
        known = [(slot, copy) for slot, copies in self.copies.items() for copy in sorted(copies)]
        slot, copy = known[which % len(known)]
        over = bool(self.ends)
        self.send(Lost(slot, copy, "a copy died"))
        assert bool(self.ends) == over

    @precondition(lambda self: self.lives)
    @rule(passes=st.sampled_from([0.0, 0.5, 2.0]))
    def tick(self, passes: float) -> None:
        self.now += passes
        for slot, incarnation in self.lives.items():
            assert self.keeper.heard(slot, incarnation, self.now)
            assert not self.keeper.heard(slot, 99, self.now)
        self.send(Tick(self.now))

    @precondition(lambda self: len(self.lives) > 1 and not self.ends)
    @rule(slot=index, peer=index)
    def unreachable(self, slot: int, peer: int) -> None:
        slot = sorted(self.lives)[slot % len(self.lives)]
        self.suspected.setdefault(peer % self.slots, self.now)
        self.send(Unreachable(slot, self.lives[slot], peer % self.slots, "no route"))
        assert not self.ends, "a peer's word alone ends nothing"
        self.send(Tick(self.now))
        if self.ends and "had started" not in self.ends[0].reason:
            earlier = min(self.suspected.values())  # not looked at as long as others had not started
            assert self.now - earlier > SUSPECT_S, "it has some seconds to say so itself"

    @precondition(lambda self: self.lives and not self.ends)
    @rule(slot=index, how=st.sampled_from(["live", "any", "cancelled", "launch"]), rare=st.integers(0, 7))
    def the_run_breaks_off(self, slot: int, how: str, rare: int) -> None:
        if rare:
            return
        slot = sorted(self.lives)[slot % len(self.lives)]
        events: dict[str, Event] = {
            "live": Lost(slot, self.lives[slot], "killed"),
            "any": Lost(slot, None, "killed"),
            "cancelled": Cancelled("killed"),
            "launch": LaunchFailed("killed"),
        }
        self.send(events[how])
        assert self.ends[0].status == ("cancelled" if how == "cancelled" else "lost")
        assert "killed" in self.ends[0].reason
        assert (f"slot {slot} " in self.ends[0].reason) == (how in ("live", "any"))

    # what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def a_task_leaves_waiting_once(self) -> None:
        for task, (before, now) in enumerate(zip(self.seen, self.keeper.state, strict=True)):
            assert before in (WAITING, now), f"task {task} went from {before} to {now}"
        self.seen = list(self.keeper.state)

    @invariant()
    def the_end_is_told_once_and_to_everyone(self) -> None:
        assert len(self.ends) <= 1
        assert (self.keeper.outcome is not None) == bool(self.ends)
        assert sorted(self.sent_home) == (sorted(self.lives) if self.ends else [])
        if self.ends:
            assert WAITING not in self.keeper.state
            complete = len(self.lives) == self.slots and not self.fetching
            whole = all(state is DONE for state in self.keeper.state) and complete
            assert whole or self.ends[0].status != "done"

    @invariant()
    def only_descendants_of_failures_are_skipped(self) -> None:
        if self.ends and self.ends[0].status not in ("done", "failed"):
            return
        for task, state in enumerate(self.keeper.state):
            barren = any(self.keeper.state[b] in (FAILED, SKIPPED) for b in self.before[task])
            assert (state is SKIPPED) == barren
        here = {task for task in self.keeper.tasks_in(SKIPPED) if self.slot_of[task] in self.lives}
        assert self.told_to_skip == here
        assert self.peers_told == (set(self.lives) if len(self.lives) == self.slots else set())

    # how it may go on ---------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.ends)
    @rule(rare=st.integers(0, 5), large=st.booleans())
    def everyone_behaves_from_now_on(self, rare: int, large: bool) -> None:
        if rare:
            return
        for slot in range(self.slots - 1, -1, -1):
            while ready := [] if slot not in self.lives else self.ready(slot):
                self.finish(slot, ready, large)
        for slot in range(self.slots):
            if slot not in self.lives:
                self.hello(slot, 0)
        while any(self.ready(slot) for slot in range(self.slots)):
            for slot in range(self.slots):
                if ready := self.ready(slot):
                    self.finish(slot, ready, large)
        while self.fetching:
            self.send(Collected(self.fetching.pop()))
        assert self.ends, "every slot behaved, and the run did not end"
        assert self.ends[0].status == ("failed" if self.keeper.failures else "done")

    def teardown(self) -> None:
        if not hasattr(self, "keeper"):
            return
        for _ in range(30):  # everyone is silent from now on
            self.now += 1.5
            self.send(Tick(self.now))
        assert self.ends
        self.a_task_leaves_waiting_once()
        self.the_end_is_told_once_and_to_everyone()
        self.only_descendants_of_failures_are_skipped()


TestEvents = Events.TestCase
TestEvents.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_a_peer_called_unreachable_before_the_first_tick_has_its_seconds_too() -> None:
    keeper = PlanKeeper([0], [[]], [], 2)
    keeper.handle(Hello(0, 1, ""))
    keeper.handle(Hello(1, 1, ""))
    keeper.handle(Unreachable(0, 1, 1, "no route"))
    assert keeper.handle(Tick(1e6)) == []
    assert isinstance(keeper.handle(Tick(1e6 + 3.5))[-1], Ended)
