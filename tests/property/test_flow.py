"""Streams under random sequences of events: slots come, work, miss, die, fall silent and come back, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import TaskFailure
from planner.streaming.flow import AHEAD, KEEPING, MOST_REPLAYS, Flow
from planner.streaming.messages import (
    End,
    Ended,
    Failed,
    GivenUp,
    Instruction,
    Joined,
    Kept,
    Load,
    Lost,
    Made,
    Missed,
    Place,
    Release,
    Take,
    Taken,
    Tick,
)


@dataclass
class Process:
    """What a slot really has: nothing of it is told but by events."""

    slot: int
    incarnation: int
    sees: frozenset[int]
    loaded: set[int] = field(default_factory=set)
    mail: list[Any] = field(default_factory=list)  # on its way
    takes: list[Take] = field(default_factory=list)
    inputs: dict[int, tuple[int, tuple[int, ...]]] = field(default_factory=dict)  # batch -> stage, stages passed
    outputs: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)  # stage, batch -> stages passed

    @property
    def address(self) -> str:
        return f"{self.slot}/{self.incarnation}"


class World:
    """Processes, and a flow that has only their word for it."""

    def __init__(self, homes: list[tuple[int, ...]], share_of: list[int], sees: list[frozenset[int]]) -> None:
        self.homes, self.share_of, self.sees = homes, share_of, sees
        self.n_stages = 1 + max(stage for stages in homes for stage in stages)
        self.flow = Flow(homes, share_of, sees, rendezvous_s=50, patience_s=5)
        self.processes: dict[int, Process] = {}
        self.born = 0
        self.now = 0.0
        self.kept: dict[int, tuple[int, ...]] = {}

    def tell(self, event) -> None:
        for instruction in self.flow.handle(event):
            self.obey(instruction)
        for process in self.processes.values():
            takes = [*process.takes, *(each for each in process.mail if isinstance(each, Take))]
            stages = [take.stage for take in takes] + [stage for stage, _ in process.inputs.values()]
            assert all(stages.count(stage) <= AHEAD + 1 for stage in range(self.n_stages))
            assert stages.count(self.n_stages) <= KEEPING

    def obey(self, instruction: Instruction) -> None:
        if isinstance(instruction, Ended):
            return
        process = self.processes.get(instruction.slot)
        if isinstance(instruction, End):
            if process is not None and process.incarnation == instruction.incarnation:
                del self.processes[instruction.slot]
            return
        assert process is not None, f"{instruction} for a slot that nobody knows of"
        process.mail.append(instruction)

    def hear(self, slot: int, most: int = 1000) -> None:
        """Let instructions arrive at a slot."""
        process = self.processes.get(slot)
        while process is not None and process.mail and most:
            most -= 1
            match process.mail.pop(0):
                case Load(stages=stages):
                    process.loaded |= {*stages}
                case Take(stage=stage) as take:
                    assert stage in process.loaded or stage == self.n_stages
                    process.takes.append(take)
                case Release(stage=stage, batch=batch):
                    del process.outputs[stage, batch]

    def join(self, slot: int) -> None:
        if slot not in self.processes:
            self.born += 1
            process = self.processes[slot] = Process(slot, self.born, self.sees[slot])
            self.tell(Joined(slot, self.born, process.address, process.sees))

    def die(self, slot: int) -> None:
        if (process := self.processes.pop(slot, None)) is not None:
            self.tell(Lost(slot, process.incarnation, "killed"))

    def take(self, slot: int, flaky: bool = False) -> None:
        process = self.processes.get(slot)
        if process is None or not process.takes:
            return
        take = process.takes.pop(0)
        me, share = (slot, process.incarnation), self.share_of[take.batch]
        at = {each.address: each for each in self.processes.values()}
        passed: tuple[int, ...] | None
        if take.stage == 0:
            reader = process if not take.address else at.get(take.address)
            passed = () if reader is not None and share in reader.sees else None
        else:
            maker = at.get(take.address)
            passed = maker.outputs.get((take.stage - 1, take.batch)) if maker is not None else None
        if passed is None or flaky:
            self.tell(Missed(*me, take.batch, "nobody answers"))
        elif take.stage < self.n_stages:
            process.inputs[take.batch] = take.stage, passed
            self.tell(Taken(*me, take.batch))
        else:
            assert share in process.sees and take.batch not in self.kept
            self.kept[take.batch] = passed
            self.tell(Kept(*me, take.batch, Place("file", take.batch, 1)))

    def run(self, slot: int) -> None:
        process = self.processes.get(slot)
        if process is None or not process.inputs:
            return
        batch = max(process.inputs, key=lambda batch: process.inputs[batch][0])
        stage, passed = process.inputs.pop(batch)
        process.outputs[stage, batch] = (*passed, stage)
        self.tell(Made(slot, process.incarnation, batch))

    def work(self, slot: int) -> None:
        self.hear(slot)
        self.take(slot)
        self.hear(slot)
        self.run(slot)
        self.hear(slot)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Tick(self.now))

    def finish(self) -> None:
        """Let everyone come back and do his work."""
        for _ in range(200 + 20 * len(self.share_of) * (self.n_stages + 1)):
            if self.flow.outcome is not None:
                return
            for slot in range(len(self.homes)):
                self.join(slot)
                self.work(slot)
            self.pass_time(0.5)


@st.composite
def worlds(draw) -> World:
    n_stages, n_shares = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    homes = [(stage,) for stage in range(n_stages) for _ in range(draw(st.integers(1, 2)))]
    if n_stages > 1 and draw(st.booleans()):
        homes = [(*range(n_stages // 2),), (*range(n_stages // 2, n_stages),), *homes[:1]]
    homes += [()] * draw(st.integers(0, 1))
    share_of = [share for share in range(n_shares) for _ in range(draw(st.integers(1, 6)))]
    everything = frozenset(range(n_shares))
    sees = [draw(st.sampled_from([everything, frozenset(), frozenset({0})])) for _ in homes]
    sees[draw(st.integers(0, len(homes) - 1))] = everything
    return World(homes, share_of, sees)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "join", "hear", "hear", "hear", "take", "take", "take", "run", "run", "run", "die", "miss", "time"]
        ),
        st.integers(0, 8),
    ),
    max_size=150,
)


@settings(max_examples=50, deadline=None)
@given(worlds(), STEPS)
def test_every_batch_passes_every_stage_and_is_kept_once(world: World, steps) -> None:
    for what, number in steps:
        slot = number % len(world.homes)
        match what:
            case "join":
                world.join(slot)
            case "die":
                world.die(slot)
            case "take" | "miss":
                world.take(slot, flaky=what == "miss")
            case "run":
                world.run(slot)
            case "hear":
                world.hear(slot, most=1 + number)
            case "time":
                world.pass_time(number)
    world.finish()
    assert world.flow.outcome is not None, "it is stuck"
    match world.flow.outcome.status:
        case "done":
            assert world.kept == dict.fromkeys(range(len(world.share_of)), tuple(range(world.n_stages)))
            assert [place.offset for place in world.flow.places] == list(range(len(world.share_of)))
        case "rows lost":
            assert any(what == "time" for what, _ in steps), "while slots were away"
        case "lost":
            late = "no slot has come" in world.flow.outcome.reason
            assert late or f"was lost {MOST_REPLAYS + 1} times" in world.flow.outcome.reason


def started(homes: list[tuple[int, ...]], batches: int) -> World:
    world = World(homes, [0] * batches, [frozenset({0})] * len(homes))
    for slot in range(len(homes)):
        world.join(slot)
        world.hear(slot)
    return world


def test_replicas_are_fed_in_turn() -> None:
    world = started([(0,), (1,), (1,)], 20)
    for _ in range(4):
        world.work(0)
    for slot in (1, 2):
        world.hear(slot)
    assert [[take.batch for take in world.processes[slot].takes] for slot in (1, 2)] == [[0, 2], [1, 3]]


def test_a_slow_stage_holds_back_those_before_it() -> None:
    world = started([(0,), (1,)], 50)
    for _ in range(60):
        world.work(0)
    world.hear(1)
    assert len(world.processes[1].takes) == AHEAD + 1, "its queue is full"
    assert len(world.processes[0].outputs) >= AHEAD + 1, "what was not taken is not released"


def test_a_stage_that_lost_its_slot_is_loaded_elsewhere() -> None:
    world = started([(0,), (1,), ()], 4)
    world.die(1)
    world.pass_time(1)
    world.pass_time(4)
    assert all(1 not in process.loaded for process in world.processes.values()), "its slot may come back"
    world.pass_time(3)
    world.hear(2)
    assert world.processes[2].loaded == {1}, "the slot with the least to do"
    for _ in range(40):
        for slot in (0, 2):
            world.work(slot)
    assert world.flow.outcome == Ended("done") and world.flow.losses == [(1, "killed")]


def test_what_was_not_lost_is_not_made_again() -> None:
    world = started([(0,), (1,)], 3)
    for _ in range(3):
        world.work(0)
    world.die(1)  # it has taken nothing
    assert world.flow.replays == 0
    world.join(1)
    world.hear(1)
    world.take(1)
    world.die(1)
    assert world.flow.replays == 1


@pytest.mark.parametrize(
    ("event", "status"),
    [(Failed(0, 1, TaskFailure("a", "0", 0, 1, "ValueError", "")), "failed"), (GivenUp("its job ended"), "lost")],
)
def test_what_ends_a_stream_sends_all_home(event, status) -> None:
    world = started([(0,), (1,)], 3)
    world.tell(event)
    assert world.flow.outcome.status == status and not world.processes
    assert world.flow.handle(Joined(0, 9, "late", frozenset())) == [End(0, 9)]
    assert world.flow.handle(Made(0, 1, 0)) == []


def test_a_second_copy_waits_until_the_first_is_lost() -> None:
    world = started([(0,)], 2)
    assert world.flow.handle(Joined(0, 7, "copy", frozenset({0}))) == []
    assert world.flow.living == {0: 1}
    world.flow.handle(Lost(0, 1, "killed"))
    assert world.flow.living == {0: 7}


def test_rows_that_nobody_sees_any_more_are_lost() -> None:
    world = World([(0,), (0,)], [0, 1], [frozenset({0}), frozenset({1})])
    world.join(0)
    world.pass_time(10)
    world.pass_time(10)
    assert world.flow.outcome is None, "who sees the others is yet to come"
    world.join(1)
    world.die(1)
    world.sees[1] = frozenset()
    world.join(1)
    world.pass_time(1)
    world.pass_time(1)
    assert world.flow.outcome is not None and world.flow.outcome.status == "rows lost"


def test_a_silent_slot_is_lost() -> None:
    world = started([(0,), (0,)], 8)
    world.tell(Tick(1.0, silent=(1,)))
    assert world.flow.living == {0: 1} and world.flow.losses == [(1, "it has fallen silent")]
