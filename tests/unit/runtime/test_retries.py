"""Tasks that are run again, and tasks that are hung: each ends, and the run goes on."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.model import Bound, Cluster, GraphBuilder, Plan, Schedule
from planner.runtime import watchdog as watchdog_module
from planner.runtime.drive import Outcome
from planner.runtime.queues import LEAST_TIMEOUT_S, work_of
from planner.runtime.slot import SlotConfig
from planner.runtime.watchdog import Watchdog
from tests.unit.runtime.processes import ProcessSlots, driven

pytestmark = [pytest.mark.losses, pytest.mark.timeout(120)]


def count(path: str) -> int:
    """Count the attempts in a file, which outlives a process."""
    with Path(path).open("a+") as file:
        file.write("x")
        file.seek(0)
        return len(file.read())


def fails(path: str, times: int) -> int:
    if (attempt := count(path)) <= times:
        raise ValueError(f"no {attempt}")
    return attempt


def leaves(path: str) -> int:
    if count(path) == 1:
        raise SystemExit(3)
    return 7


def spoils(path: str, taken: Any, literal: list[int], fails: int) -> tuple[Any, list[int]]:
    """Change all that was given, then fail."""
    seen = dict(taken), list(literal)
    taken["more"] = 1
    literal.append(1)
    if count(path) <= fails:
        raise ValueError("spoiled")
    return seen


def made() -> dict[str, int]:
    return {"a": 1}


def overwrites(array: Any) -> float:
    array[:] = 0
    return float(array.sum())


def slow_at_first(path: str, seconds: float) -> int:
    if (attempt := count(path)) == 1:
        time.sleep(seconds)
    return attempt


def swallows(seconds: float, how_often: int) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until and how_often:
        try:
            time.sleep(until - time.monotonic())
        except BaseException:
            how_often -= 1
    return "swallowed"


def tries_on(path: str, seconds: float) -> None:
    try:
        time.sleep(seconds)
    except Exception:
        count(path)


def deadlock(path: str = "") -> None:
    """Lock a mutex twice: C code that no signal brings back."""
    import ctypes

    if path:
        count(path)
    mutex = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def about(seconds: float, number: int) -> tuple[int, Any]:
    """Take about so long, in steps of all kinds, and give a value that has to be packed."""
    until, steps = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        steps += sum(i for i in range(50))
    return number, np.full(2000, number)


def planned(builder: GraphBuilder, slots: int = 2) -> Plan:
    """Deal tasks out in turn."""
    graph = builder.build()
    start, slot = np.empty(graph.n, dtype=np.int64), np.empty(graph.n, dtype=np.int32)
    start[graph.order], slot[graph.order] = np.arange(graph.n) * 10**6, np.arange(graph.n) % slots
    return Plan(graph, Cluster.uniform(slots), Schedule(slot, start, start + 10**6), Bound(0, ""), "by hand")


class Watched:
    """Starts slots, and remembers how often their processes were started again."""

    def __init__(self, retries: int = 3) -> None:
        self.retries = retries
        self.slots: ProcessSlots | None = None

    def __call__(self, configs: Sequence[SlotConfig]) -> ProcessSlots:
        self.slots = ProcessSlots(configs)
        self.slots.retries = self.retries
        return self.slots

    @property
    def deaths(self) -> int:
        assert self.slots is not None
        return sum(self.slots.attempts)


def run(builder: GraphBuilder, slots: int = 2, deaths: int = 0, **more: Any) -> Outcome:
    watched = Watched()
    outcome = driven(planned(builder, slots), watched, **more)
    assert watched.deaths == deaths
    assert len(outcome.lost) == deaths
    return outcome


@pytest.mark.parametrize(("times", "retries", "worked"), [(2, 2, True), (2, 5, True), (3, 2, False), (1, 0, False)])
def test_a_task_is_run_again_as_often_as_it_asks_for(times: int, retries: int, worked: bool, tmp_path: Path) -> None:
    builder = GraphBuilder()
    first = builder.add(fails, str(tmp_path / "n"), times, id="first", retries=retries)
    builder.add("operator:mul", first, 10, id="then")
    builder.add("builtins:int", 5, id="other")
    outcome = run(builder)
    attempts = len((tmp_path / "n").read_text())
    assert attempts == min(times, retries) + 1
    if worked:
        assert outcome.results == {1: 10 * attempts, 2: 5}
        return
    (failure,) = outcome.failures
    assert (failure.task, failure.attempt, failure.error) == ("first", attempts, f"ValueError: no {attempts}")
    for number in range(1, attempts + 1):
        assert failure.traceback.count(f"ValueError: no {number}\n") == 1
        assert (f"attempt {number} of {attempts}:\n" in failure.traceback) == (attempts > 1)
    assert outcome.status == "failed"
    assert outcome.results == {2: 5}


def test_attempts_are_counted_for_each_task(tmp_path: Path) -> None:
    builder = GraphBuilder()
    for name in ("a", "b"):
        builder.add(fails, str(tmp_path / name), 9, id=name, retries=1)
    assert [failure.attempt for failure in run(builder, 1).failures] == [2, 2]


def test_a_task_that_leaves_python_is_run_again_too(tmp_path: Path) -> None:
    builder = GraphBuilder()
    builder.add(leaves, str(tmp_path / "n"), id="leaves", retries=1)
    assert run(builder).results == {0: 7}


@pytest.mark.parametrize("slots", [1, 2])
def test_each_attempt_has_its_inputs_anew(slots: int, tmp_path: Path) -> None:
    """The value was made on the same slot, or came over the network; a literal counts as an input."""
    builder = GraphBuilder()
    taken = builder.add(made, id="made")
    builder.add(spoils, str(tmp_path / "n"), taken, [0], 2, id="spoils", retries=2)
    assert run(builder, slots).results == {1: ({"a": 1}, [0])}


def test_arrays_are_read_only_for_a_task_that_may_be_run_again() -> None:
    builder = GraphBuilder()
    for retries in (0, 1):
        array = builder.add("numpy:ones", 10, id=f"ones-{retries}")
        builder.add(overwrites, array, id=f"overwrites-{retries}", retries=retries)
    outcome = run(builder)
    assert outcome.results == {1: 0.0}
    (failure,) = outcome.failures
    assert (failure.task, failure.error) == ("overwrites-1", "ValueError: assignment destination is read-only")


def test_python_code_that_is_late_is_interrupted_and_all_else_goes_on() -> None:
    builder = GraphBuilder()
    hung = builder.add("time:sleep", 100, id="hung", timeout=0.3)
    builder.add("builtins:str", hung, id="after")
    for i in range(6):
        builder.add("builtins:int", i, id=f"int-{i}")
    began = time.monotonic()
    outcome = run(builder)
    assert time.monotonic() - began < 20
    (failure,) = outcome.failures
    assert (failure.task, failure.error) == ("hung", "TimeoutError: ran longer than its time-out of 0.3 s")
    assert "in run\n" in failure.traceback
    assert sorted(outcome.results.values()) == list(range(6))


@pytest.mark.parametrize("how_often", [1, 2])
def test_a_task_that_swallows_the_interrupt_has_failed_all_the_same(how_often: int) -> None:
    """It goes on after the first, and after the second it comes to its end."""
    builder = GraphBuilder()
    builder.add(swallows, 100, how_often, id="swallows", timeout=0.3)
    (failure,) = run(builder).failures
    assert failure.error == "TimeoutError: ran longer than its time-out of 0.3 s"


def test_code_that_goes_on_after_any_exception_does_not_go_on_after_a_time_out(tmp_path: Path) -> None:
    builder = GraphBuilder()
    builder.add(tries_on, str(tmp_path / "n"), 100, id="tries", timeout=0.3)
    (failure,) = run(builder).failures
    assert failure.error == "TimeoutError: ran longer than its time-out of 0.3 s"
    assert not (tmp_path / "n").exists()


def test_an_interrupt_at_any_instruction_hits_the_task_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "_watch", lambda _: None)  # signals are sent by hand
    watchdog = Watchdog(lambda: None)
    seen = {"value": 0, "late": 0}

    def task() -> int:
        return sum(i for i in range(3))

    def attempt(at: int) -> int:
        """Send the signal before the instruction of that number; give how many there were."""
        passed = 0

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal passed
            frame.f_trace_opcodes = True
            if (
                frame.f_code.co_filename in (watchdog_module.__file__, threading.__file__, __file__)
                and event == "opcode"
            ):
                passed += 1
                if passed == at:
                    signal.raise_signal(signal.SIGUSR2)
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            assert watchdog.call(-1.0, task) == 3
            seen["value"] += 1
        except TimeoutError:
            seen["late"] += 1
        finally:
            sys.settrace(before)
        return passed

    def free() -> None:
        locked.append(watchdog._changed.acquire(blocking=False))

    with watchdog.ready():
        for at in range(attempt(0) + 1):
            attempt(at)
            locked: list[bool] = []
            other = threading.Thread(target=free)
            other.start()
            other.join()
            assert locked == [True]
            watchdog._changed = threading.Condition()
    assert seen["value"] > 50
    assert seen["late"] > 20


def test_a_time_out_counts_as_an_attempt(tmp_path: Path) -> None:
    builder = GraphBuilder()
    builder.add(slow_at_first, str(tmp_path / "n"), 100, id="slow", timeout="500 ms", retries=1)
    builder.add("time:sleep", 100, id="hung", timeout=0.2, retries=2)
    outcome = run(builder)
    assert outcome.results == {0: 2}
    (failure,) = outcome.failures
    assert (failure.task, failure.attempt) == ("hung", 3)
    assert failure.traceback.count("TimeoutError: ran longer") == 3


@pytest.mark.parametrize("what", [deadlock, swallows])
def test_code_that_holds_out_costs_its_slot_and_is_not_run_again(what: Any, tmp_path: Path) -> None:
    """What was made on the slot, and not taken yet, is made again."""
    builder = GraphBuilder()
    given = (str(tmp_path / "n"),) if what is deadlock else (100, 10**9)
    values = [builder.add("numpy:full", 10, i, id=f"full-{i}") for i in range(4)]
    builder.add(what, *given, id="held", timeout=0.3, retries=1)
    pause = builder.add("time:sleep", 8, id="pause")
    for i, value in enumerate(values):
        builder.add("numpy:sum", value, id=f"sum-{i}", after=[pause])
    outcome = run(builder, deaths=1)
    (failure,) = outcome.failures
    said = "TimeoutError: ran longer than its time-out of 0.3 s, and 5 s later it still ran; its slot was ended"
    assert (failure.task, failure.attempt, failure.error) == ("held", 1, said)
    assert f"in {what.__name__}\n" in failure.traceback
    assert [float(value) for task, value in sorted(outcome.results.items()) if task > 5] == [0, 10, 20, 30]
    if what is deadlock:
        assert len((tmp_path / "n").read_text()) == 1


def test_a_run_of_nothing_but_a_task_that_holds_out_ends() -> None:
    builder = GraphBuilder()
    builder.add(deadlock, id="held", timeout=0.3)
    outcome = driven(planned(builder, 1), Watched(retries=0))
    assert outcome.status == "failed"
    assert [failure.task for failure in outcome.failures] == ["held"]


@pytest.mark.parametrize("seed", range(3))
def test_time_outs_that_race_with_the_end_hit_nothing_else(seed: int) -> None:
    """Each task is done, with its value, or was late; slots live on."""
    rng, builder = np.random.default_rng(seed), GraphBuilder()
    for i in range(600):
        seconds = float(rng.choice([0.001, 0.003]))
        value = builder.add(about, seconds, i, id=f"about-{i}", timeout=seconds * float(rng.uniform(0.97, 1.1)))
        builder.add("operator:itemgetter", 0, id=f"get-{i}", after=[value])
    outcome = run(builder)
    assert {failure.error.split(" of ")[0] for failure in outcome.failures} <= {
        "TimeoutError: ran longer than its time-out"
    }
    late = {int(failure.task.split("-")[1]) for failure in outcome.failures}  # how many of them depends on the machine
    assert sorted(outcome.records) == [task for task in range(1200) if task // 2 not in late]


def test_nothing_of_this_where_tasks_are_emulated() -> None:
    builder = GraphBuilder()
    builder.add(fails, "/nowhere/n", 1, id="a", work=2, timeout=0.001, retries=3)
    outcome = run(builder, emulate=0.3)
    assert outcome.status == "done"
    (entry,) = work_of(planned(builder), emulate=0.3).entries
    assert (entry.retries, entry.timeout_s) == (0, None)


def test_time_outs_come_from_what_is_planned_where_a_task_says_none() -> None:
    builder = GraphBuilder()
    builder.add("builtins:int", id="unsaid")
    builder.add("builtins:int", id="short", work=30)
    builder.add("builtins:int", id="long", work="2 h")
    builder.add("builtins:int", id="said", work="2 h", timeout=5)
    graph = builder.build()
    start = np.zeros(4, dtype=np.int64)
    schedule = Schedule(np.zeros(4, dtype=np.int32), start, start + np.asarray(graph.work_us) * 2)
    work = work_of(Plan(graph, Cluster.uniform(1), schedule, Bound(0, ""), "by hand"))
    assert [entry.timeout_s for entry in work.entries] == [None, LEAST_TIMEOUT_S, 20 * 4 * 3600, 5]
