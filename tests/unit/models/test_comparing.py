"""Three ways of running a model, beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import InputError
from planner.model import LayerGraph
from planner.models.comparing import StreamRun, compared, ways_of, write_streams
from planner.models.model import Model
from planner.streaming import StreamLoad
from planner.streaming.load import SlotLoad

CHAIN = LayerGraph.from_arrays(
    time_ns=[50_000, 40_000, 10_000, 20_000], memory_bytes=[1000] * 4, source=[0, 1, 2], target=[1, 2, 3]
)


def runs() -> list[StreamRun]:
    """Give each way, as if each slot had taken twice what was planned for it."""
    found = []
    for name, plan in ways_of(Model(CHAIN, "chain"), 3).items():
        slots = {}
        for stage, held in enumerate(plan.executors):
            for slot in held:
                busy = 2 * int(plan.load_ns[stage]) * len(held) // 1000
                slots[slot, 0] = SlotLoad(slot, 0, busy_us={stage: busy}, batches={stage: 1}, input_us=busy)
        names = [f"<{stage}>" for stage in range(plan.n_stages)]
        load = StreamLoad.of(names, slots, batches=4, rows=40, elapsed_us=1_000_000, replays=0, lost=())
        found.append(StreamRun(name, plan, load))
    return found


def test_each_way_is_what_its_name_says() -> None:
    whole, stages, hybrid = ways_of(Model(CHAIN, "chain"), 3).values()
    assert whole.replicas.tolist() == [3] and whole.executors == ((0, 1, 2),)
    assert whole.bottleneck_ns == 40_000 and whole.status == "optimal"
    assert stages.replicas.tolist() == [1, 1, 1] and stages.bottleneck_ns == 50_000
    assert hybrid.replicas.tolist() == [2, 1] and hybrid.peak_memory_bytes <= 3000
    with pytest.raises(InputError, match="expected at least 2"):
        ways_of(Model(CHAIN, "chain"), 1)


def test_the_table_holds_predictions_against_what_was_measured() -> None:
    rows = compared(runs())
    assert rows["slots of stages"].tolist() == ["3", "1 + 1 + 1", "2 + 1"]
    assert rows["rows/s"].tolist() == [40.0, 40.0, 40.0]
    assert rows["error"].tolist() == ["-50%"] * 3


def test_the_page_shows_plans_and_loads_and_runs_no_script(tmp_path: Path) -> None:
    text = write_streams("a <model>", runs(), tmp_path / "report.html").read_text(encoding="utf-8")
    assert "a &lt;model&gt;" in text and "&lt;0&gt;" in text and "<0>" not in text
    assert "<script" not in text
    for words in ("data-parallel", "model-parallel", "hybrid", "waits for core", "for input", "lower bound"):
        assert words in text
    assert text.count("<svg") >= 6
