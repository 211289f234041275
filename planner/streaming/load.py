"""What the slots of a stream really did: busy, waiting for a core, for input, for room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.model.units import format_bytes, format_seconds

__all__ = ["SlotLoad", "StageLoad", "StreamLoad"]


@dataclass
class SlotLoad:
    """What one slot has done so far; times in microseconds.

    Attributes
    ----------
    slot, incarnation : int
    pid : int
    busy_us, core_us, batches : dict of int to int
        Running each stage, being ready to run it while others had all cores, and how many batches of it.
    input_us : int
        Waiting with nothing to run.
    room_us : int
        Waiting with a batch to run, but no room for what would come of it.
    beside_us : int
        Processor time of its process meanwhile, for all but running stages: taking and giving batches, telling of them.
    load_us : int
        Loading stages.
    bytes_in : int
        Taken from other slots.
    peak_memory_bytes : int
        Resident memory of its process, highest so far.
    """

    slot: int
    incarnation: int
    pid: int = 0
    busy_us: dict[int, int] = field(default_factory=dict)
    core_us: dict[int, int] = field(default_factory=dict)
    batches: dict[int, int] = field(default_factory=dict)
    input_us: int = 0
    room_us: int = 0
    beside_us: int = 0
    load_us: int = 0
    bytes_in: int = 0
    peak_memory_bytes: int = 0


@dataclass(frozen=True)
class StageLoad:
    """What the slots of one stage did, per slot where it is a time.

    Attributes
    ----------
    name : str
    slots : int
    batches : int
    busy_us, core_us : float
        Running a batch, on average, and waiting for a core meanwhile: what others had of the cores that it ran on.
    period_us : float
        Both over the number of its slots: so often the stage can give a batch.
    busy, waiting_for_core, waiting_for_input, waiting_for_room : float
        Parts of the time that its slots spent so, 0 to 1; of a slot with several stages, waiting for input and for
        room is counted for each.
    peak_memory_bytes : int
        The highest of its slots.
    """

    name: str
    slots: int
    batches: int
    busy_us: float
    core_us: float
    period_us: float
    busy: float
    waiting_for_core: float
    waiting_for_input: float
    waiting_for_room: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class StreamLoad:
    """What a stream really did. Shows itself as a table.

    Attributes
    ----------
    stages : tuple of StageLoad
    slots : tuple of SlotLoad
        Also of those that were lost, as far as they had told.
    batches : int
    rows : int
    elapsed_us : int
        From the first batch given to the last one kept.
    replays : int
        How often a batch was begun again because of a loss.
    lost : tuple of str
        Slots that were lost, and why.
    """

    stages: tuple[StageLoad, ...]
    slots: tuple[SlotLoad, ...]
    batches: int
    rows: int
    elapsed_us: int
    replays: int = 0
    lost: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        slots: Mapping[tuple[int, int], SlotLoad],
        *,
        batches: int,
        rows: int,
        elapsed_us: int,
        replays: int,
        lost: Sequence[str],
    ) -> StreamLoad:
        """Put together what slots have told."""
        told = tuple(slots[key] for key in sorted(slots))
        stages = tuple(_stage(stage, name, told) for stage, name in enumerate(names))
        return cls(stages, told, batches, rows, elapsed_us, replays, tuple(lost))

    @property
    def carrying_us(self) -> float:
        """Processor time for each batch and stage besides running it: taking it, giving it on, telling of it."""
        passed = sum(sum(slot.batches.values()) for slot in self.slots)
        return sum(slot.beside_us for slot in self.slots) / max(1, passed)

    @property
    def bottleneck(self) -> int:
        """The stage that gives batches least often: the one to be made faster, replicated, or cut elsewhere."""
        return max(range(len(self.stages)), key=lambda stage: self.stages[stage].period_us)

    def __repr__(self) -> str:
        waits = ["waits for core", "for input", "for room"]
        head = ["stage", "slots", "batches", "a batch", "busy", *waits, "peak memory"]
        body = [
            [
                stage.name,
                str(stage.slots),
                str(stage.batches),
                format_seconds(stage.busy_us + stage.core_us),
                f"{stage.busy:.0%}",
                f"{stage.waiting_for_core:.0%}",
                f"{stage.waiting_for_input:.0%}",
                f"{stage.waiting_for_room:.0%}",
                format_bytes(stage.peak_memory_bytes),
            ]
            for stage in self.stages
        ]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
        lines = []
        for name, *cells in [head, *body]:
            lines.append("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]))
        slow = self.stages[self.bottleneck]
        told = [
            f"{self.batches} batches, {self.rows} rows in {format_seconds(self.elapsed_us)}",
            f"the bottleneck is {slow.name}: a batch each {format_seconds(slow.period_us)}",
        ]
        if self.replays:
            told.append(f"{self.replays} times a batch was begun again")
        told += [f"lost: {line}" for line in self.lost]
        return "\n".join([*lines, "", *told])


def _stage(stage: int, name: str, told: Sequence[SlotLoad]) -> StageLoad:
    mine = [slot for slot in told if slot.batches.get(stage)]
    batches = sum(slot.batches[stage] for slot in mine)
    busy = sum(slot.busy_us[stage] for slot in mine)
    core = sum(slot.core_us.get(stage, 0) for slot in mine)
    total = max(1, sum(map(_all_us, mine)))
    places = len({slot.slot for slot in mine})
    return StageLoad(
        name,
        places,
        batches,
        busy / max(1, batches),
        core / max(1, batches),
        (busy + core) / max(1, batches) / max(1, places),
        busy / total,
        core / total,
        sum(slot.input_us for slot in mine) / total,
        sum(slot.room_us for slot in mine) / total,
        max((slot.peak_memory_bytes for slot in mine), default=0),
    )


def _all_us(slot: SlotLoad) -> int:
    return sum(slot.busy_us.values()) + sum(slot.core_us.values()) + slot.input_us + slot.room_us
