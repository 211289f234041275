"""Drive one stream from the driver: coordinator up, slots launched, batches flowing, what was measured in hand.

What launches the slots is an argument: Spark in earnest, plain processes in tests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cloudpickle

from planner.errors import Fault, InputError, TaskFailure
from planner.runtime.certificates import Certificates
from planner.runtime.drive import Launched
from planner.runtime.process import error_text
from planner.runtime.wire import Line, new_token
from planner.streaming.coordinator import StreamCoordinator
from planner.streaming.desk import Part
from planner.streaming.files import FileThere
from planner.streaming.flow import Flow
from planner.streaming.load import StreamLoad
from planner.streaming.messages import Ended, Place
from planner.streaming.slot import StreamConfig
from planner.streaming.spool import Rows
from planner.streaming.stages import Stage

__all__ = ["Streamed", "drive_stream", "parts_of"]

_TICK_S = 0.1
_FAREWELL_S, _ABORTED_S = 10.0, 2.0
"""For so long slots may take to end; when something went wrong."""


@dataclass(frozen=True)
class Streamed:
    """How a stream ended.

    Attributes
    ----------
    outcome : Ended
    places : tuple of Place or None
        Where the outputs of each micro-batch are.
    schemas : tuple of bytes
        The Arrow schemas of the outputs, each one once.
    load : StreamLoad
    failure : TaskFailure or None
    lost : tuple of str
        Slots that were lost.
    """

    outcome: Ended
    places: tuple[Place | None, ...]
    schemas: tuple[bytes, ...]
    load: StreamLoad
    failure: TaskFailure | None
    lost: tuple[str, ...]

    def places_of(self, batches: range) -> list[Place]:
        """Give the places of the outputs of batches, all of which are there when the stream is done."""
        return [place for place in self.places[batches.start : batches.stop] if place is not None]


def parts_of(stages: Sequence[Stage]) -> list[Part]:
    """Make stages ready to travel.

    Raises
    ------
    InputError
        With every stage that cannot be pickled, or has a file that is not there.
    """
    parts, faults = [], []
    for number, stage in enumerate(stages):
        path = f"stages[{number}], {stage.name}"
        try:
            loader, files = cloudpickle.dumps(stage.load), tuple(map(FileThere.of, stage.files))
        except Exception as error:  # whatever objects of the user raise when they are pickled
            problem = f"cannot be sent to executors ({type(error).__name__}: {error_text(error)})"
            mend = "expected what pickles, or a class whose __init__ makes the rest there"
            faults.append(Fault(path, f"{problem}; {mend}"))
        else:
            parts.append(Part(number, stage.name, loader, files))
    if faults:
        raise InputError(faults)
    return parts


def drive_stream(
    parts: Sequence[Part],
    homes: Sequence[tuple[int, ...]],
    rows: Rows,
    launch: Callable[[Sequence[StreamConfig]], Launched],
    *,
    host: str,
    executors: Sequence[str] = (),
    near: Sequence[frozenset[int]] = (),
    tls: Certificates | None = None,
    rendezvous_s: float = 60.0,
    silence_s: float = 60.0,
    patience_s: float = 10.0,
) -> Streamed:
    """Run rows through stages, on slots that `launch` starts.

    Parameters
    ----------
    parts : sequence of Part
        Of all stages, as `parts_of` makes them.
    homes : sequence of tuple of int
        The stages of each slot; of one that only gives rows and keeps outputs, none.
    rows : Rows
    launch : callable
        Starts a slot for each configuration.
    host : str
        Address on which the coordinator listens.
    executors : sequence of str
        How to call the executor of each slot.
    near : sequence of frozenset of int
        The shares that were written by the executor of each slot.
    tls : Certificates, optional
    rendezvous_s, silence_s : float
        Seconds after which slots that never came, or that fell silent, are given up.
    patience_s : float
        Seconds after which a stage that has lost all its slots is loaded on another one.

    Raises
    ------
    KeyboardInterrupt
        After the slots have been stopped.
    """
    called = list(executors) or [str(slot) for slot in range(len(homes))]
    share_of = [share for share in range(len(rows.shares)) for _ in rows.batches_of(share)]
    flow = Flow(
        homes,
        share_of,
        list(near) or [frozenset()] * len(homes),
        rendezvous_s=rendezvous_s,
        patience_s=patience_s,
    )
    line = Line(new_token(), tls)
    coordinator = StreamCoordinator(flow, parts, host, line, silence_s)
    configs = [
        StreamConfig((host, coordinator.port), line, slot, executor, rows, len(parts))
        for slot, executor in enumerate(called)
    ]
    try:
        launched = launch(configs)
        try:
            while not coordinator.finished.wait(_TICK_S):
                coordinator.tick()
                if (error := launched.error()) is not None:
                    coordinator.give_up(f"the stream ended because its Spark job ended: {error}")
            _farewell(coordinator, launched)
        except BaseException:
            coordinator.give_up("the driver failed")
            launched.cancel()
            raise
    finally:
        coordinator.shutdown()
    assert flow.outcome is not None  # noqa: S101
    lost = [f"slot {slot} on executor {called[slot]}: {reason}" for slot, reason in flow.losses]
    load = StreamLoad.of(
        [part.name for part in parts],
        coordinator.loads,
        batches=len(share_of) - flow.left,
        rows=sum(share.rows for share in rows.shares),
        elapsed_us=round(max(0.0, coordinator.ended_s - coordinator.began_s) * 1e6),
        replays=flow.replays,
        lost=lost,
    )
    return Streamed(flow.outcome, tuple(flow.places), tuple(flow.schemas), load, flow.failure, tuple(lost))


def _farewell(coordinator: StreamCoordinator, launched: Launched) -> None:
    outcome, everyone = coordinator.flow.outcome, len(coordinator.flow.living) == coordinator.flow.n_slots
    if outcome is not None and outcome.status == "done":
        launched.join(_FAREWELL_S if everyone else _ABORTED_S)
        if everyone:
            return
    with contextlib.suppress(Exception):
        launched.cancel()
    launched.join(_ABORTED_S)
