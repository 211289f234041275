"""``planner split``: read a model, split it, show it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from planner.cli.options import Reader, whole
from planner.cli.summary import dump
from planner.errors import Fault, InputError
from planner.model.layers import LayerGraph
from planner.model.units import parse_bytes, parse_rate
from planner.models import Model, ModelPlan, read_model
from planner.models.planning import MOST_EXECUTORS

__all__ = ["split_command", "split_summary"]


def split_command(words: Namespace) -> None:
    """Carry out ``planner split``."""
    reader = Reader(words)
    model = Model(LayerGraph.from_arrays(time_ns=[]), words.model, executors=1)  # until all faults are known
    sizes: dict[str, int] = reader.option("sizes", {}, _sizes)
    with reader.collecting(words.model):
        model = read_model(words.model, **({} if words.sizes is None else {"sizes": sizes}))
    numbers = {name: _number(reader, name, least) for name, least in _NUMBERS}
    if model.executors is None and words.executors is None:
        reader.faults.append(Fault("--executors", f"is left out, and {words.model} does not say it; expected a number"))
    memory = reader.option("memory", None, parse_bytes)
    bandwidth = reader.option("bandwidth", float("inf"), parse_rate)
    reader.file_in_a_folder("output")
    reader.check()
    plan = model.plan(memory=memory, bandwidth=bandwidth, replicate=words.replicate, overlap=words.overlap, **numbers)
    print(dump(split_summary(plan)) if words.json else plan)
    if words.output is not None:
        written = plan.report(words.output)
        if not words.json:
            print(f"written: {written}")


_NUMBERS = (("executors", 1), ("cores", 1), ("stages", 1), ("hosts", 0))
"""Options that are whole numbers, and the least each may be."""


def split_summary(plan: ModelPlan) -> dict[str, Any]:
    """Summarise a stage plan: times in seconds, and the layers of each stage by name."""
    return {
        "bottleneck": plan.bottleneck,
        "lower_bound": plan.lower_bound,
        "bound": plan.bound_reason,
        "gap": plan.gap,
        "status": plan.status,
        "method": plan.method,
        "seconds": plan.seconds,
        "peak_memory_bytes": plan.peak_memory_bytes,
        "stages": [
            {
                "load": int(plan.load_ns[stage]) / 1e9,
                "memory_bytes": int(plan.memory_bytes[stage]),
                "executors": list(plan.executors[stage]),
                "on_host": bool(plan.on_host[stage]),
                "layers": [plan.graph.names[layer] for layer in plan.layers(stage)],
            }
            for stage in range(plan.n_stages)
        ],
        "notes": list(plan.notes),
    }


def _number(reader: Reader, name: str, least: int) -> int | None:
    return None if getattr(reader.words, name) is None else reader.number(name, least, least, MOST_EXECUTORS)


def _sizes(text: str) -> dict[str, int]:
    """Read ``batch=32,sequence=128``."""
    sizes = {}
    for part in text.split(","):
        axis, sign, size = part.strip().rpartition("=")
        if not sign or not axis:
            raise InputError(
                f"{part!r} is no AXIS=N; expected axes of the model's inputs, such as batch=32,sequence=128"
            )
        sizes[axis] = whole(size, 1)
    return sizes
