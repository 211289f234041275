"""The coordinator's mind step by step: slots that die, come back and fall silent in the middle of everything.

Each slot is a small model of a real one: it obeys what it has been told, holds values, hands them on, and never runs a
task whose inputs have not come. Messages between slots arrive in any order, those of another epoch count no more.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from planner.errors import TaskFailure
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import STRIKES, TaskState
from planner.runtime.messages import (
    Cancelled,
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Fetch,
    Finished,
    Give,
    GivenUp,
    Halt,
    Hello,
    Holds,
    Instruction,
    Leaving,
    Lost,
    Offered,
    Orphans,
    Peers,
    Regroup,
    Released,
    Reorder,
    Skip,
    Start,
    Tick,
    Unreachable,
    Watch,
    Withdraw,
)
from planner.runtime.queues import Work, arrange, regrouped
from planner.runtime.replication import Replication
from planner.runtime.slot_queue import Entry, Handed, Record, SlotQueue

RENDEZVOUS_S, SILENCE_S = 20.0, 10.0
WAITING, DONE, FAILED = TaskState.WAITING, TaskState.DONE, TaskState.FAILED
SKIPPED, SPARED = TaskState.SKIPPED, TaskState.SPARED
index = st.integers(0, 10**6)


@dataclass(eq=False)
class Slot:
    """One incarnation of a slot."""

    number: int
    incarnation: int
    mail: list[Instruction | SlotQueue | tuple[int, tuple[Entry, ...]]] = field(default_factory=list)
    reports: list[Event] = field(default_factory=list)
    queue: SlotQueue | None = None
    waiting: dict[int, Entry] = field(default_factory=dict)
    values: set[int] = field(default_factory=set)
    retained: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)  # whose end it knows
    uses: Counter[int] = field(default_factory=Counter)
    owed: set[int] = field(default_factory=set)  # ends for which tasks wait that went away
    wanted: list[tuple[int, int, bool]] = field(default_factory=list)
    running: Entry | None = None
    ran: set[int] = field(default_factory=set)  # ended while it stood still
    kept: set[int] = field(default_factory=set)  # for others, until the next epoch says otherwise
    halted: bool = False
    over: bool = False

    def may_run(self) -> list[Entry]:
        return [
            entry
            for entry in self.waiting.values()
            if all(task in (self.values if task in entry.takes else self.ended) for task in entry.inputs)
        ]

    def use(self, entry: Entry) -> None:
        for task in entry.takes:
            self.uses[task] -= 1
            if self.uses[task] <= 0:
                self.values.discard(task)


class Events(RuleBasedStateMachine):
    """A run in which anything may happen; it has to come to an end that is right all the same."""

    @initialize(
        n=st.integers(0, 7),
        slots=st.integers(1, 4),
        edges=st.lists(st.tuples(index, index, st.booleans()), max_size=12),
        places=st.lists(index, min_size=7, max_size=7),
        began=st.sampled_from([0.0, 1e6]),
        large=st.booleans(),
        replicas=st.dictionaries(index, st.tuples(st.booleans(), st.integers(2, 3)), max_size=3),
        together=st.booleans(),
        later=st.integers(0, 2),
    )
    def begin(
        self,
        n: int,
        slots: int,
        edges: list[tuple[int, int, bool]],
        places: list[int],
        began: float,
        large: bool,
        replicas: dict[int, tuple[bool, int]],
        together: bool,
        later: int,
    ) -> None:
        expected = max(1, slots - later)
        self.tasks, self.slots, self.large = n, slots, large
        pairs = {(min(a % n, b % n), max(a % n, b % n)): takes for a, b, takes in edges if a % n != b % n} if n else {}
        self.before = [sorted(a for a, b in pairs if b == task) for task in range(n)]
        self.after = [sorted(b for a, b in pairs if a == task) for task in range(n)]
        takes = [frozenset(a for (a, b), taken in pairs.items() if b == task and taken) for task in range(n)]
        results = [task for task in range(n) if not self.after[task]]
        slot_of = [place % expected for place in places[:n]]
        backups, copy_of = self.draw_replicas(slot_of, replicas)
        self.n = len(slot_of)
        for task in copy_of.values():
            self.before.append(self.before[task])
            self.after.append([])
            takes.append(takes[task])
        for copy in copy_of:
            for task in self.before[copy]:
                self.after[task].append(copy)
        entries = tuple(
            Entry(
                task,
                str(task),
                tuple(self.before[task]),
                takes[task],
                task,
                result=copy_of.get(task, task) in results,
                counts_as=(copy_of[task], str(copy_of[task])) if task in copy_of else None,
            )
            for task in range(self.n)
        )
        replication = Replication(backups, copy_of)
        taken = frozenset(results).union(*takes)
        self.work = Work(entries, (), replication.values & taken, strict=False, replication=replication)
        self.keeper = PlanKeeper(
            slot_of,
            self.after,
            results,
            slots,
            rendezvous_s=RENDEZVOUS_S,
            silence_s=SILENCE_S,
            takers=self.work.takers(),
            replication=replication,
            expected=expected,
        )
        self.results = results
        self.safe: dict[int, set[Slot]] = {}  # replicated value -> those that have kept it, and live
        self.seen_again = 0
        self.queues = arrange(self.work, self.keeper.slot_of, range(slots))
        self.now, self.incarnations = began, 0
        self.lives: dict[int, Slot] = {}  # those that truly live, one for each number
        self.counts: dict[int, Slot] = {}  # those that count for the keeper, dead or alive
        self.post: list[tuple[int, int, int, int, str]] = []  # from, to, epoch, task, what
        self.fetching: list[tuple[int, int]] = []
        self.collected: set[int] = set()
        self.orphaned = False
        self.outcome: Ended | None = None
        if together:
            for number in range(slots):
                self.a_slot_comes(number)
            self.everyone_catches_up()

    def draw_replicas(
        self, slot_of: list[int], replicas: dict[int, tuple[bool, int]]
    ) -> tuple[dict[int, tuple[int, ...]], dict[int, int]]:
        backups: dict[int, tuple[int, ...]] = {}
        copy_of: dict[int, int] = {}
        for task, (active, count) in sorted(
            {key % self.tasks: v for key, v in replicas.items()}.items() if self.tasks else ()
        ):
            others = [(slot_of[task] + i) % self.slots for i in range(1, min(count, self.slots))]
            if active:
                copy_of |= {len(slot_of) + i: task for i in range(len(others))}
                slot_of += others
            elif others:
                backups[task] = tuple(others)
        return backups, copy_of

    # the shell ----------------------------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        over = self.outcome is not None
        self.obey(self.keeper.handle(event), event)
        assert not over or self.outcome is self.keeper.outcome

    def obey(self, instructions: list[Instruction], event: Event | None) -> None:
        over = self.outcome is not None
        for said in instructions:
            assert not over or (isinstance(said, End) and isinstance(event, Hello)), said
            match said:
                case Ended():
                    assert said is instructions[-1] and self.outcome is None
                    self.outcome = said
                case Orphans():
                    self.orphaned = True
                case Fetch(slot=slot, task=task):
                    self.fetching.append((self.counts[slot].incarnation, task))
                case Regroup(waiting=waiting):
                    assert {task for task in range(self.n) if self.keeper.ledger.waits(task)} == set(waiting)
                    for slot, queue in regrouped(self.work, said, {}).items():
                        self.counts[slot].mail.append(queue)
                case Give(slot=slot, source=source, tasks=tasks):
                    entries = tuple(self.handed(slot, handed) for handed in tasks)
                    self.counts[slot].mail.append((source, entries))
                case Start(slot=slot, epoch=epoch):
                    assert isinstance(event, Hello)
                    self.counts[slot].mail.append(self.queues[slot] if not epoch else SlotQueue(slot, epoch=epoch))
                case End(slot=slot, incarnation=None):
                    if not over and not (isinstance(event, Hello) and slot not in self.counts):
                        self.counts[slot].mail.append(said)
                case End(slot=slot, incarnation=incarnation):
                    assert self.counts[slot].incarnation == incarnation
                    self.counts.pop(slot).mail.append(said)
                case Halt() | Peers() | Skip() | Withdraw() | Watch() | Reorder():
                    self.counts[said.slot].mail.append(said)

    def handed(self, slot: int, handed: Handed) -> Entry:
        readers, followers = (tuple(s for s in slots if s != slot) for slots in (handed.readers, handed.followers))
        entry = self.work.entries[handed.task]
        inputs = tuple(t for t in entry.inputs if t in entry.takes or self.keeper.ledger.waits(t))
        return replace(entry, inputs=inputs, readers=readers, followers=followers, moved=True)

    # a slot -------------------------------------------------------------------------------------------------------

    def read(self, slot: Slot) -> None:
        """Let a slot obey the oldest thing that it was told."""
        said = slot.mail.pop(0)
        match said:
            case SlotQueue():
                self.regroup(slot, said)
            case Halt(epoch=epoch):
                slot.halted, slot.waiting, slot.wanted = True, {}, []
                running = slot.running.task if slot.running is not None else None
                values = frozenset(slot.values | slot.retained | slot.kept)
                slot.reports.append(Holds(slot.number, slot.incarnation, epoch, values, running))
            case Skip(tasks=tasks):
                for task in tasks:
                    if (entry := slot.waiting.pop(task, None)) is not None:
                        slot.use(entry)
            case Withdraw(tasks=tasks) if not slot.halted:
                given = []
                for task in tasks:
                    if (entry := slot.waiting.pop(task, None)) is not None:
                        readers, followers = set(entry.readers), set(entry.followers)
                        if slot.uses[task] > 0:
                            readers.add(slot.number)
                        if any(task in e.inputs and task not in e.takes for e in slot.waiting.values()):
                            followers.add(slot.number)
                        if task in slot.owed:
                            followers.add(slot.number)
                        slot.owed |= set(entry.inputs) - entry.takes
                        if any(w == task for w, _, _ in slot.wanted):
                            followers.add(slot.number)
                            readers |= {slot.number} if any(w == task and v for w, _, v in slot.wanted) else set()
                        given.append(Handed(task, tuple(sorted(readers)), tuple(sorted(followers - readers))))
                slot.reports.append(Released(slot.number, slot.incarnation, tasks, tuple(given)))
            case End():
                slot.over = True
            case (int(source), tuple(entries)) if not slot.halted:
                for entry in entries:
                    self.take_over(slot, source, entry)

    def regroup(self, slot: Slot, queue: SlotQueue) -> None:
        held = slot.values | slot.retained | slot.kept
        assert slot.halted or slot.queue is None
        assert queue.here <= held, "it is to use what it does not hold"
        assert {hand.task for hand in queue.hands} <= held, "it is to hand on what it does not hold"
        slot.queue, slot.halted, slot.ended = queue, False, set()
        slot.uses = Counter(queue.uses)
        late = slot.ran & {entry.task for entry in queue.entries}
        entries = {entry.task: entry for entry in queue.entries}
        slot.waiting = {t: entry for t, entry in entries.items() if t not in late and t != queue.begun}
        slot.retained |= slot.values | slot.kept
        slot.values, slot.kept = set(queue.here), set(queue.keeps & held)
        slot.ended |= slot.values
        for hand in queue.hands:
            if hand.slot < 0:
                slot.reports.append(Offered(slot.number, slot.incarnation, hand.task))
                continue
            self.post.append((slot.number, hand.slot, queue.epoch, hand.task, "value"))
        if slot.running is not None:
            slot.running = entries.get(slot.running.task, slot.running)
        for entry in queue.entries:
            if entry.task in late:
                self.publish(slot, entry)
        slot.ran.clear()

    def take_over(self, slot: Slot, source: int, entry: Entry) -> None:
        for task in entry.inputs:
            here = task in slot.waiting or (slot.running is not None and slot.running.task == task)
            if task not in entry.takes:
                if not here and task not in slot.ended:
                    self.ask(slot, source, task, "want end")
                continue
            comes = here or slot.uses[task] > 0
            slot.uses[task] += 1
            if not comes:
                self.ask(slot, source, task, "want value")
            else:
                self.ask(slot, source, task, "drop")
        slot.waiting[entry.task] = entry

    def ask(self, slot: Slot, source: int, task: int, what: str) -> None:
        assert slot.queue is not None
        self.post.append((slot.number, source, slot.queue.epoch, task, what))

    def publish(self, slot: Slot, entry: Entry) -> None:
        assert slot.queue is not None
        epoch, task = slot.queue.epoch, entry.value
        self.post += [(slot.number, reader, epoch, task, "value") for reader in entry.readers]
        self.post += [(slot.number, follower, epoch, task, "end") for follower in entry.followers]
        if entry.readers:
            slot.retained.add(task)
        self.arrive(slot, task, value=True)

    def arrive(self, slot: Slot, task: int, *, value: bool) -> None:
        assert slot.queue is not None
        slot.ended.add(task)
        if value and slot.uses[task] > 0:
            slot.values.add(task)
        if value and task in slot.queue.keeps:
            slot.kept.add(task)
        left = []
        for wanted, to, needs in slot.wanted:
            if wanted == task and (value or not needs):
                self.post.append((slot.number, to, slot.queue.epoch, task, "value" if needs else "end"))
                if needs:
                    self.used(slot, task)
            else:
                left.append((wanted, to, needs))
        slot.wanted = left

    def used(self, slot: Slot, task: int) -> None:
        slot.uses[task] -= 1
        slot.retained.add(task)  # it has been packed for another
        if slot.uses[task] <= 0:
            slot.values.discard(task)

    def deliver(self, letter: tuple[int, int, int, int, str]) -> None:
        source, to, epoch, task, what = letter
        slot = self.lives.get(to)
        if slot is None or slot.queue is None or slot.queue.epoch < epoch:
            self.post.append(letter)  # it is kept for one who has not come so far
            return
        if slot.over or slot.halted or slot.queue.epoch > epoch:
            return
        match what:
            case "value" | "end":
                self.arrive(slot, task, value=what == "value")
            case "drop":
                self.used(slot, task)
            case "want value" if task in slot.values:
                self.post.append((to, source, epoch, task, "value"))
                self.used(slot, task)
            case "want end" if task in slot.ended:
                self.post.append((to, source, epoch, task, "end"))
            case _:
                slot.wanted.append((task, source, what == "want value"))

    def work_on(self, slot: Slot, which: int) -> None:
        """Let a slot begin a task, or end the one it runs."""
        if slot.over:
            return
        if slot.running is None:
            ready = [] if slot.halted else slot.may_run()
            if ready:
                slot.running = ready[which % len(ready)]
                del slot.waiting[slot.running.task]
                slot.use(slot.running)
                slot.reports.append(Finished(slot.number, slot.incarnation, (), slot.running.task))
            return
        entry, slot.running = slot.running, None
        if slot.halted:
            slot.ran.add(entry.task)
            slot.values.add(entry.value)
        else:
            self.publish(slot, entry)
        size = 10**6 if entry.result and self.large else None
        record = Record(entry.task, 0, 1, 0, 0, 0, None, None, 0, size)
        slot.reports.append(Finished(slot.number, slot.incarnation, (record,)))

    def report(self, slot: Slot, together: bool = False) -> None:
        """Let all reports of a slot arrive, or the oldest one alone; what ended is told before the rest."""
        count = len(slot.reports) if together else 1
        batch, slot.reports = slot.reports[:count], slot.reports[count:]
        for event in sorted(batch, key=lambda event: not isinstance(event, Finished)):
            if isinstance(event, Finished) and self.counts.get(slot.number) is slot:
                for record in event.records:
                    if record.result_bytes is None:
                        self.collected.add(self.work.replication.value(record.task))
            self.send(event)

    def alive(self, which: int) -> Slot | None:
        return self.lives[sorted(self.lives)[which % len(self.lives)]] if self.lives else None

    # what may happen ----------------------------------------------------------------------------------------------

    @rule(slot=index)
    def a_slot_comes(self, slot: int) -> None:
        slot %= self.slots
        if slot in self.lives:
            return
        self.incarnations += 1
        here = Slot(slot, self.incarnations)
        self.lives[slot] = here
        if slot not in self.counts and self.outcome is None:
            self.counts[slot] = here
        self.send(Hello(slot, here.incarnation, f"at {here.incarnation}"))

    @rule(which=index, steps=st.integers(1, 6))
    def a_slot_goes_on(self, which: int, steps: int) -> None:
        if (slot := self.alive(which)) is None:
            return
        for step in range(steps):
            if slot.mail:
                self.read(slot)
            elif (which + step) % 3:
                self.work_on(slot, which)
            elif slot.reports:
                self.report(slot, together=bool(which % 2))

    @precondition(lambda self: self.post)
    @rule(which=index)
    def a_letter_arrives(self, which: int) -> None:
        self.deliver(self.post.pop(which % len(self.post)))

    @precondition(lambda self: self.lives)
    @rule(which=index, seen=st.booleans())
    def a_slot_dies(self, which: int, seen: bool) -> None:
        slot = self.alive(which)
        assert slot is not None
        del self.lives[slot.number]
        if seen:
            self.send(Lost(slot.number, slot.incarnation, "killed"))

    @precondition(lambda self: self.counts)
    @rule(which=index)
    def a_dead_slot_is_seen(self, which: int) -> None:
        for number, slot in sorted(self.counts.items()):
            if self.lives.get(number) is not slot:
                self.send(Lost(number, slot.incarnation, "killed"))
                return

    @precondition(lambda self: self.lives)
    @rule(which=index)
    def a_slot_is_given_up_that_lives(self, which: int) -> None:
        slot = self.alive(which)
        assert slot is not None
        self.send(Lost(slot.number, slot.incarnation, "its result could not be fetched"))

    @precondition(lambda self: self.lives)
    @rule(which=index)
    def a_slot_is_about_to_go(self, which: int) -> None:
        slot = self.alive(which)
        assert slot is not None
        self.send(Leaving(slot.number, slot.incarnation))

    @precondition(lambda self: self.lives)
    @rule(which=index)
    def a_slot_forgets(self, which: int) -> None:
        """Nothing that is only retained may be relied on, but while slots stand still."""
        slot = self.alive(which)
        if slot is not None and not slot.halted:
            slot.retained.clear()

    @precondition(lambda self: self.lives)
    @rule(which=index, on=index)
    def a_task_fails(self, which: int, on: int) -> None:
        slot = self.alive(on)
        if slot is not None and slot.running is not None and which % 4 == 0:
            task, slot.running = slot.running.task, None
            failure = TaskFailure(str(task), "0", slot.number, 0, "ValueError: no", "…")
            slot.reports.append(Failed(slot.number, slot.incarnation, task, failure))

    @rule(goals=st.dictionaries(index, index, max_size=4))
    def tasks_are_moved(self, goals: dict[int, int]) -> None:
        if self.n:
            chosen = {task % self.n: slot % self.slots for task, slot in goals.items()}
            self.obey(self.keeper.move(chosen, {}), None)

    def everyone_catches_up(self) -> None:
        for _ in range(2):
            for slot in [self.lives[number] for number in sorted(self.lives)]:
                while slot.mail:
                    self.read(slot)
                if slot.running is None:
                    self.work_on(slot, 0)
                while slot.reports:
                    self.report(slot)

    @precondition(lambda self: len(self.lives) > 1)
    @rule(which=index, to=index, hurry=st.booleans())
    def a_task_runs_twice(self, which: int, to: int, hurry: bool) -> None:
        """Often its second slot has begun before anything else happens."""
        self.everyone_catches_up()
        on = sorted((slot.number, slot.running.task) for slot in self.counts.values() if slot.running is not None)
        if not on:
            return
        source, task = on[which % len(on)]
        if others := [number for number in sorted(self.counts) if number != source]:
            self.obey(self.keeper.copy({task: others[to % len(others)]}), None)
        if hurry:
            self.everyone_catches_up()

    @precondition(lambda self: self.orphaned)
    @rule(places=st.lists(index, min_size=7, max_size=7), only=st.booleans())
    def tasks_are_placed(self, places: list[int], only: bool) -> None:
        self.orphaned = False
        if living := self.keeper.members.staying:
            chosen = [task for task in range(self.n) if not only or task in self.keeper.orphans]
            self.obey(self.keeper.place({task: living[places[task % 7] % len(living)] for task in chosen}), None)

    @precondition(lambda self: self.fetching)
    @rule(which=index)
    def a_result_is_fetched(self, which: int) -> None:
        incarnation, task = self.fetching.pop(which % len(self.fetching))
        if any(slot.incarnation == incarnation for slot in self.lives.values()):
            self.collected.add(task)
            self.send(Collected(task))

    @rule(passes=st.sampled_from([0.0, 0.5, 2.0]))
    def time_passes(self, passes: float) -> None:
        self.now += passes
        for slot, here in self.lives.items():
            assert self.keeper.members.heard(slot, here.incarnation, self.now) == (self.counts.get(slot) is here)
        self.send(Tick(self.now))

    @precondition(lambda self: len(self.lives) > 1)
    @rule(which=index, peer=index, epoch=st.integers(0, 2))
    def a_peer_is_unreachable(self, which: int, peer: int, epoch: int) -> None:
        slot = self.alive(which)
        assert slot is not None
        self.send(Unreachable(slot.number, slot.incarnation, peer % self.slots, "no route", epoch))

    @precondition(lambda self: self.lives and self.n)
    @rule(slot=index)
    def a_stranger_reports(self, slot: int) -> None:
        slot %= self.slots
        before = list(self.keeper.ledger.state)
        self.send(Finished(slot, 10**7, tuple(Record(t, 0, 1, 0, 0, 0, 0, 0, 0) for t in range(self.n))))
        self.send(Failed(slot, 10**7, 0, TaskFailure("0", "0", 0, 0, "E", "")))
        self.send(Holds(slot, 10**7, self.keeper.epoch, frozenset(range(self.n))))
        self.send(Lost(slot, 10**7, "nobody knew it"))
        assert self.keeper.ledger.state == before

    @precondition(lambda self: self.outcome is None)
    @rule(how=st.sampled_from(["cancelled", "lost"]), rare=st.integers(0, 15))
    def the_run_breaks_off(self, how: str, rare: int) -> None:
        if rare:
            return
        self.send(Cancelled("enough") if how == "cancelled" else GivenUp("enough"))
        assert self.outcome is not None and (self.outcome.status, self.outcome.reason) == (how, "enough")

    # what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def what_counts_is_what_the_keeper_says(self) -> None:
        if self.outcome is None:
            assert self.keeper.members.living == sorted(self.counts)
        ledger = self.keeper.ledger
        assert set(ledger.records) == set(ledger.tasks_in(DONE))
        assert len(ledger.told) == len(ledger.records) + len(ledger.again)

    @invariant()
    def what_is_kept_somewhere_is_not_made_again(self) -> None:
        """A value with replicas, once kept by a slot, is lost only with all that have kept it since."""
        again, self.seen_again = self.keeper.ledger.again[self.seen_again :], len(self.keeper.ledger.again)
        counting = {id(slot) for slot in self.counts.values()}
        for task, keepers in self.safe.items():
            self.safe[task] = {slot for slot in keepers if id(slot) in counting}
        if self.outcome is None:
            for task in again:
                assert not self.safe.get(task), f"{task} is kept, and is made again"
        for slot in self.counts.values():
            for task in slot.kept:
                self.safe.setdefault(task, set()).add(slot)

    @invariant()
    def only_descendants_of_failures_are_skipped(self) -> None:
        state = self.keeper.ledger.state
        if self.outcome is None or self.outcome.status in ("done", "failed"):
            for task in range(self.n):
                barren = any(state[b] in (FAILED, SKIPPED) for b in self.before[task])
                assert (state[task] is SKIPPED) <= barren
                assert (state[task] is SPARED) <= (task in self.work.replication.copy_of)
                assert (state[task] in (FAILED, SKIPPED)) <= (task not in self.work.replication.copy_of)
        if self.outcome is not None:
            assert WAITING not in state
            if self.outcome.status == "done":
                assert set(state) <= {DONE, SPARED}
                assert set(self.results) <= self.collected

    # the end ------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """From now on nobody dies, and everyone does as told: the run ends, whatever has been."""
        if not hasattr(self, "keeper"):
            return
        for _ in range(400):
            if self.outcome is not None:
                break
            for number, slot in list(self.counts.items()):
                if self.lives.get(number) is not slot:
                    self.send(Lost(number, slot.incarnation, "killed"))
            for number in range(self.slots):
                if number in self.lives and self.lives[number].over:
                    del self.lives[number]
                self.a_slot_comes(number)
            for slot in list(self.lives.values()):
                while slot.mail:
                    self.read(slot)
                self.work_on(slot, 0)
                while slot.reports:
                    self.report(slot)
            for _ in range(len(self.post)):
                self.deliver(self.post.pop(0))
            while self.fetching:
                self.a_result_is_fetched(0)
            if self.orphaned:
                self.tasks_are_placed(list(range(7)), only=True)
            self.time_passes(0.1)
        assert self.outcome is not None, "everyone behaved, and the run did not end"
        if self.outcome.status not in ("cancelled", "lost"):
            assert self.outcome.status == ("failed" if self.keeper.ledger.failures else "done")
        self.only_descendants_of_failures_are_skipped()
        assert max(self.keeper.ledger._strikes.values(), default=0) <= STRIKES


TestEvents = Events.TestCase
TestEvents.settings = settings(
    max_examples=int(os.environ.get("PLANNER_SEQUENCES", "100")), stateful_step_count=40, deadline=None
)


def test_a_peer_called_unreachable_before_the_first_tick_has_its_seconds_too() -> None:
    keeper = PlanKeeper([0], [[]], [], 2)
    keeper.handle(Hello(0, 1, ""))
    keeper.handle(Hello(1, 1, ""))
    keeper.handle(Unreachable(0, 1, 1, "no route"))
    assert keeper.handle(Tick(1e6)) == []
    lost = keeper.handle(Tick(1e6 + 3.5))
    assert lost == [End(1, abort=True, incarnation=1), Halt(0, 1)]


def test_a_second_run_that_has_ended_while_slots_stand_still_is_not_taken_for_one_that_runs() -> None:
    """Its end comes after its slot has said that it runs, and before the others have said anything."""
    record = Record(0, 0, 1, 0, 0, 0, None, None, 0, 10**6)
    keeper = PlanKeeper([0, 0], [[], []], [0, 1], 2)
    for event in (Hello(0, 1, ""), Hello(1, 2, ""), Finished(0, 1, (), 0)):
        keeper.handle(event)
    assert keeper.copy({0: 1}) == [Halt(0, 1), Halt(1, 1)]
    keeper.handle(Holds(0, 1, 1, frozenset(), 0))
    (regroup, *_) = keeper.handle(Holds(1, 2, 1, frozenset()))
    assert isinstance(regroup, Regroup) and regroup.seconds == {0: 1} and regroup.begun == ((0, 0),)
    assert keeper.handle(Finished(0, 1, (record,), 1)) == [Skip(1, (0,)), Fetch(0, 0)]
    assert keeper.copy({1: 1}) == [Halt(0, 2), Halt(1, 2)]
    keeper.handle(Holds(1, 2, 2, frozenset(), 0))
    keeper.handle(Finished(1, 2, (record,)))
    (regroup, *_) = keeper.handle(Holds(0, 1, 2, frozenset(), 1))
    assert isinstance(regroup, Regroup)
    assert (regroup.waiting, regroup.begun, regroup.holders) == ((1,), ((0, 1),), {0: (1,)})
