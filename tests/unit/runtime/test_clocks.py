"""Clocks of hosts differ; what slots measure is on the coordinator's clock all the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from planner.model import Bound, Cluster, GraphBuilder, Plan, Schedule
from planner.runtime.slot import SlotConfig, run_slot
from tests.unit.runtime.processes import ProcessSlots, driven

pytestmark = pytest.mark.timeout(60)
AHEAD_S = (3600.0, -1800.0, 0.75)
SLACK_US = 100_000
"""Half of the quickest of three round trips, and a loaded machine."""


def run_by_its_own_clock(config: SlotConfig) -> None:
    """Run a slot in a process whose monotonic clock is ahead of this machine's, as that of another machine is."""
    ahead_s, true_ns, true_s = AHEAD_S[config.slot], time.monotonic_ns, time.monotonic
    time.monotonic_ns = lambda: true_ns() + round(ahead_s * 1e9)
    time.monotonic = lambda: true_s() + ahead_s
    run_slot(config)


class _OtherClocks(ProcessSlots):
    run = staticmethod(run_by_its_own_clock)

    def __init__(self, configs: Sequence[SlotConfig]) -> None:
        super().__init__([replace(config, machine=f"host {config.slot}") for config in configs])


def test_times_of_hosts_with_other_clocks_are_on_the_coordinators() -> None:
    builder = GraphBuilder()
    before = builder.add("time:sleep", 0.15, id="t0")
    for i in range(1, 6):
        before = builder.add("time:sleep", 0.15, id=f"t{i}", after=[before])
    graph = builder.build()
    start = np.arange(6) * 10**6
    plan = Plan(
        graph,
        Cluster.uniform(3),
        Schedule(np.array([0, 1, 2, 0, 1, 2], dtype=np.int32), start, start + 10**6),
        Bound(0, ""),
        "by hand",
    )
    began = time.monotonic_ns() // 1000
    outcome = driven(plan, _OtherClocks)
    ended = time.monotonic_ns() // 1000
    assert outcome.status == "done", outcome.reason
    records = [outcome.records[task] for task in range(6)]
    assert began - SLACK_US < records[0].start_us and records[-1].finish_us < ended + SLACK_US
    for one, next_one in pairwise(records):  # a chain from host to host
        assert -SLACK_US < next_one.start_us - one.finish_us < 2_000_000
        assert next_one.wait_us >= 0
    assert all(150_000 <= record.finish_us - record.start_us < 2_000_000 for record in records)
    assert all(began - SLACK_US < s.start_us < s.finish_us < ended + SLACK_US for s in outcome.summaries)
