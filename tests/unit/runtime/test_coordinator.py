"""The coordinator delivers what the keeper says: slots that are threads of this test, over real sockets."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.flight as flight
import pytest

from planner.errors import TaskFailure
from planner.runtime.coordinator import Coordinator
from planner.runtime.journal import Journal
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import TaskState
from planner.runtime.messages import End, Failed, Finished, Halt, Hello, Peers, Skip, Unreachable
from planner.runtime.outbox import Outbox, OutboxServer
from planner.runtime.queues import Work
from planner.runtime.slot_queue import Entry, Record, SlotQueue
from planner.runtime.values import pack
from planner.runtime.wire import Line

pytestmark = pytest.mark.timeout(30)
LINE = Line("secret")


class FakeSlot:
    """Says hello and gathers what it is told."""

    def __init__(self, port: int, slot: int, incarnation: int = 0, address: str = "") -> None:
        self.slot, self.incarnation, self.address = slot, incarnation, address
        self.heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.client = LINE.client(LINE.address("127.0.0.1", port))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        hello = flight.Action("hello", LINE.encode(Hello(self.slot, self.incarnation, self.address)))
        try:
            for result in self.client.do_action(hello, LINE.options()):
                self.heard.put(LINE.decode(result.body))
            self.heard.put("closed")
        except Exception as error:
            self.heard.put(error)

    def next(self) -> Any:
        return self.heard.get(timeout=5)

    def report(self, *records: Record, results: dict[int, Any] | None = None, troubles: Sequence[Any] = ()) -> None:
        finished = Finished(self.slot, self.incarnation, records, running=None)
        body = LINE.encode((finished, results or {}, list(troubles)))
        list(self.client.do_action(flight.Action("report", body), LINE.options()))


def _record(task: int, result_bytes: int | None = None) -> Record:
    return Record(task, 0, 1, 0, 0, 0, None, None, 0, result_bytes)


Make = Callable[..., Coordinator]


@pytest.fixture
def coordinate() -> Iterator[Make]:
    made: list[Coordinator] = []

    def make(keeper: PlanKeeper, journal: Path | None = None, **more: Any) -> Coordinator:
        names = [f"task {task}" for task in range(len(keeper.slot_of))]
        work = Work(tuple(Entry(task, name) for task, name in enumerate(names)), (), frozenset(), strict=False)
        made.append(Coordinator(keeper, work, "127.0.0.1", LINE, Journal(journal), names, **more))
        return made[-1]

    yield make
    for coordinator in made:
        coordinator.cancel("the test is over")
        coordinator.shutdown()
        coordinator._journal.close()


def test_when_the_last_event_is_a_hello_every_slot_is_sent_home(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 3))
    assert coordinator.running == {0: None, 1: None, 2: None}  # the driver iterates over it while slots come
    first, second = FakeSlot(coordinator.port, 0), FakeSlot(coordinator.port, 1)
    assert isinstance(first.next(), SlotQueue)
    assert isinstance(second.next(), SlotQueue)
    first.report(_record(0), results={0: pack("a value").inline()})
    assert not coordinator.finished.is_set()
    last = FakeSlot(coordinator.port, 2)
    assert isinstance(last.next(), SlotQueue)
    for fake in (first, second, last):
        assert isinstance(fake.next(), Peers)
        assert fake.next() == End(fake.slot)
        assert fake.next() == "closed"
    assert coordinator.finished.is_set()
    assert coordinator.keeper.outcome is not None
    assert coordinator.keeper.outcome.status == "done"
    assert coordinator.results == {0: "a value"}


def test_the_first_hello_may_come_before_the_first_tick(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1, silence_s=5))
    FakeSlot(coordinator.port, 0).next()
    coordinator.tick()
    coordinator.tick()
    assert coordinator.keeper.outcome is None


def test_a_copy_waits_in_vain_and_goes_home_with_the_others(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [], 1))
    first = FakeSlot(coordinator.port, 0, incarnation=1)
    assert isinstance(first.next(), SlotQueue)
    copy = FakeSlot(coordinator.port, 0, incarnation=2)
    _until(lambda: len(coordinator._mailboxes) == 2)
    copy.report(_record(0))  # nobody has asked it to
    assert len(coordinator.keeper.ledger.records) == 0
    first.report(_record(0))
    assert isinstance(first.next(), Peers)
    assert first.next() == End(0)
    assert copy.next() == End(0)
    late = FakeSlot(coordinator.port, 0, incarnation=3)
    assert late.next() == End(0, abort=True)


def test_of_copies_that_come_at_once_exactly_one_gets_the_queue_and_is_heard(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [], 1))
    copies = [FakeSlot(coordinator.port, 0, incarnation) for incarnation in range(8)]
    _until(lambda: len(coordinator._mailboxes) == 8)
    [chosen] = [copy for copy in copies if coordinator.keeper.members.lives(0, copy.incarnation)]
    assert isinstance(chosen.next(), SlotQueue)
    chosen.report(_record(0))
    assert coordinator.finished.wait(5)
    assert isinstance(chosen.next(), Peers)
    assert {copy.next() for copy in copies} == {End(0)}


def test_a_failure_skips_what_hangs_on_it_where_that_is(coordinate: Make, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    coordinator = coordinate(PlanKeeper([0, 1, 1], [[1], [], []], [1, 2], 2), journal)
    first, second = FakeSlot(coordinator.port, 0), FakeSlot(coordinator.port, 1)
    for fake in (first, second):
        assert isinstance(fake.next(), SlotQueue)
        assert isinstance(fake.next(), Peers)
    first.report(troubles=[Failed(0, 0, 0, TaskFailure("task 0", "0", 0, 0, "ValueError: no", "…"))])
    assert second.next() == Skip(1, (1,))
    second.report(_record(2), results={2: pack(5).inline()})
    assert [first.next(), second.next()] == [End(0), End(1)]
    coordinator.finished.wait(5)
    assert coordinator.keeper.ledger.tasks_in(TaskState.SKIPPED) == [1]
    assert coordinator.results == {2: 5}
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["hello", "hello", "failed", "result", "finished", "ended"]
    assert lines[2]["error"] == "ValueError: no"


def test_a_large_result_is_fetched_from_its_slot_which_may_then_forget_it(coordinate: Make) -> None:
    outbox = Outbox()
    server = OutboxServer(outbox, "127.0.0.1", LINE)
    taken: list[int] = []
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1), on_result=lambda task, value: taken.append(task))
    slot = FakeSlot(coordinator.port, 0, address=server.address)
    packed = pack(np.arange(200_000))
    outbox.keep(0, packed, (-1,))
    slot.next()
    slot.report(_record(0, packed.size), results={0: (packed.form, packed.head, packed.lengths())})
    assert coordinator.finished.wait(5)
    np.testing.assert_array_equal(coordinator.results[0], np.arange(200_000))
    assert taken == [0]
    assert outbox.held_bytes() == 0
    outbox.close()
    server.shutdown()


def test_a_slot_whose_result_cannot_be_fetched_is_given_up(coordinate: Make) -> None:
    outbox = Outbox()
    server = OutboxServer(outbox, "127.0.0.1", LINE)  # holds nothing
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1))
    slot = FakeSlot(coordinator.port, 0, address=server.address)
    slot.next()
    slot.report(_record(0, 10**6), results={0: ("pickle", b"", [10**6])})
    assert isinstance(slot.next(), Peers)
    assert slot.next() == End(0, abort=True, incarnation=0)
    [lost] = coordinator.keeper.lost
    assert "'task 0' could not be fetched" in lost
    outbox.close()
    server.shutdown()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("unreadable", [False, True])
def test_a_result_that_the_driver_cannot_keep_ends_the_run_and_says_why(
    coordinate: Make, large: bool, unreadable: bool
) -> None:
    def full(task: int, value: Any) -> None:
        raise OSError("no space left")

    outbox = Outbox()
    server = OutboxServer(outbox, "127.0.0.1", LINE)
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1), on_result=full)
    slot = FakeSlot(coordinator.port, 0, address=server.address)
    slot.next()
    packed = pack(np.arange(200_000 if large else 3))
    form, head, buffers = packed.inline()
    head = b"cno_such_module\nThing\n." if unreadable else head
    outbox.keep(0, packed, (-1,))
    if large:
        slot.report(_record(0, packed.size), results={0: (form, head, packed.lengths())})
    else:
        slot.report(_record(0), results={0: (form, head, buffers)})
    assert coordinator.finished.wait(5)
    assert coordinator.keeper.outcome is not None
    assert coordinator.keeper.outcome.status == "cancelled"
    assert "'task 0' could not be kept" in coordinator.keeper.outcome.reason
    assert ("no_such_module" if unreadable else "OSError: no space left") in coordinator.keeper.outcome.reason
    outbox.close()
    server.shutdown()


CALLER = """
import sys
import pyarrow.flight as flight
from planner.runtime.messages import Hello
from planner.runtime.wire import Line
line = Line("secret")
client = line.client("grpc://127.0.0.1:" + sys.argv[1])
hello = flight.Action("hello", line.encode(Hello(0, int(sys.argv[2]), "")))
stream = client.do_action(hello, line.options())
list(stream)
"""


@contextmanager
def _caller(coordinator: Coordinator, incarnation: int) -> Iterator[subprocess.Popen[bytes]]:
    """A slot that says hello from a process that can be killed."""
    with subprocess.Popen([sys.executable, "-c", CALLER, str(coordinator.port), str(incarnation)]) as process:
        try:
            _until(lambda: (0, incarnation) in coordinator._mailboxes)
            yield process
        finally:
            process.kill()


def _until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_broken_line_is_a_lost_slot_and_a_broken_copy_is_nothing(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1))
    with _caller(coordinator, 1) as first, _caller(coordinator, 2) as copy:
        spares = coordinator.keeper.members._members[0].spares
        assert spares == [2]
        copy.kill()
        _until(lambda: not spares)
        assert coordinator.keeper.outcome is None
        first.kill()
        _until(lambda: coordinator.keeper.lost)
    assert coordinator.keeper.lost == ["slot 0 (its connection broke: the process or its executor died)"]


def test_an_unreachable_peer_is_given_up_after_a_while(coordinate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.runtime.members.SUSPECT_S", 0.2)
    coordinator = coordinate(PlanKeeper([0, 1], [[1], []], [1], 2))
    first, second = FakeSlot(coordinator.port, 0), FakeSlot(coordinator.port, 1)
    for fake in (first, second):
        assert isinstance(fake.next(), SlotQueue)
        assert isinstance(fake.next(), Peers)
    second.report(troubles=[Unreachable(1, 0, 0, "no route to slot 0")])
    coordinator.tick()
    assert not coordinator.finished.is_set()
    time.sleep(0.25)
    coordinator.tick()
    assert coordinator.keeper.lost == ["slot 0 (no route to slot 0)"]
    assert [first.next(), second.next()] == [End(0, abort=True, incarnation=0), Halt(1, 1)]


def test_an_unknown_action_is_refused_by_name(coordinate: Make) -> None:
    coordinator = coordinate(PlanKeeper([0], [[]], [0], 1))
    with (
        LINE.client(LINE.address("127.0.0.1", coordinator.port)) as client,
        pytest.raises(flight.FlightServerError, match="no action 'dance'; expected clock, hello, report or goodbye"),
    ):
        list(client.do_action(flight.Action("dance", b""), LINE.options()))
