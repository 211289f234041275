"""What a partition plan looks like: predictions named as such, the bound explained, keys of any letters shown."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from planner.model.partition_plan import HeavyKey, Layout, PartitionPlan
from planner.report import partition_plan_html, partition_plan_text

PLAN = PartitionPlan(
    by=("store",), weight="rows", unit="rows", n_keys=60, keys_exact=True, n_rows=20_000, sampled=None, slots=6,
    speeds=np.ones(6), partition_weight=np.array([5_754.0, 2_568, 1_976]), partition_keys=np.array([1, 1, 58]),
    partition_rows=np.array([5_754, 2_568, 11_678]),
    heaviest=(HeavyKey("north", 5_754.0, 5_754, 0), HeavyKey("south", 2_568.0, 2_568, 1)),
    lower_bound=5_754.0, bound_reason="one key",
    layouts=(Layout("planned", 3, 5_754.0, 1.68), Layout("adaptive execution", 1, 20_000.0, 1.0),
             Layout("hash partitioning", 51, 7_479.0, 4.6)),
    notes=("a note",), seconds=0.51,
)  # fmt: skip


def shown(plan: PartitionPlan) -> str:
    return partition_plan_text(plan, width=120, unicode=True)


def test_the_text_tells_bound_keys_and_what_spark_would_do() -> None:
    text = shown(PLAN)
    assert text.startswith("Partition plan: 60 keys by store, 20,000 rows in 3 partitions on 6 slots\n")
    assert "5,754 rows  north alone, which starts first; only agg(…, combine=…) can split it" in text
    assert "predicted to take 1.3 × as long with hash partitioning, 3.48 × as long with adaptive execution" in text
    assert "a note" in text
    assert max(map(len, text.splitlines())) <= 120


def test_no_time_is_told_where_no_time_was_weighed() -> None:
    assert "predicted makespan" in shown(PLAN)
    assert "1 × the lower bound" in shown(PLAN)
    timed = replace(PLAN, unit="s", weight="measured seconds", lower_bound=12.5)
    assert "12.5 s  north alone" in shown(timed)
    assert " s " not in shown(PLAN).split("planned in")[0]


def test_no_gain_is_said_plainly() -> None:
    even = replace(PLAN, layouts=(PLAN.layouts[0], replace(PLAN.layouts[1], makespan=5_800.0)))
    assert "no gain expected: adaptive execution is predicted to take 1.01 × as long" in shown(even)
    assert "as long with" not in shown(even)


def test_estimates_are_called_estimates() -> None:
    text = shown(replace(PLAN, keys_exact=False, sampled=0.05))
    assert "about 60 keys" in text
    assert "from 5 % of the rows" in text


def test_an_empty_frame_can_be_shown() -> None:
    empty = replace(
        PLAN, n_keys=0, n_rows=0, heaviest=(), lower_bound=0.0, bound_reason="all slots busy",
        partition_weight=np.zeros(1), layouts=tuple(replace(layout, makespan=0.0) for layout in PLAN.layouts),
    )  # fmt: skip
    assert "0 keys" in shown(empty)
    assert "<table>" in partition_plan_html(empty)


@pytest.mark.parametrize("key", ["<script>alert(1)</script>", "a\x1b[31m", "日本語", "\u202eabc", "x" * 10_000, ""])
def test_keys_of_any_letters(key: str) -> None:
    plan = replace(PLAN, heaviest=(replace(PLAN.heaviest[0], key=key),))
    page = partition_plan_html(plan)
    for text in (page, shown(plan)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script" not in page
    assert "x" * 100 not in page
    HTMLParser().feed(page)


def test_the_fragment_loads_and_runs_nothing() -> None:
    page = partition_plan_html(PLAN)
    assert not any(word in page for word in ("http", "src=", "@import", "<script"))
    assert page.count("<table>") == 2
    assert "north" in page


def test_ascii_where_no_more_can_be_shown() -> None:
    assert partition_plan_text(PLAN, width=100, unicode=False).isascii()
