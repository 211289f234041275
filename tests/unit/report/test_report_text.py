from __future__ import annotations

import unicodedata

import pandas as pd
import pytest
from report_samples import layered, load_of, plan_of

from planner.report import comparison_text, load_text, plan_text, table


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("width", [40, 60, 80, 132])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(width, unicode):
    plan = layered(200, slots=40, notes=("a note " * 40,))
    for text in (
        plan_text(plan, width=width, unicode=unicode),
        load_text(load_of(plan), plan, width=width, unicode=unicode),
    ):
        # A character may take up to three in the ASCII fall-back ("…" is "..."), once a line.
        assert max(map(columns, text.splitlines())) <= width + (0 if unicode else 2)
        assert unicode or text.isascii()
        assert "… and 16 more executors" in text or not unicode


def test_predicted_and_measured_are_named():
    plan = layered(100)
    text = load_text(load_of(plan), plan, width=120, unicode=True)
    for name in ("predicted makespan", "measured makespan", "elapsed", "lower bound", "furthest from prediction"):
        assert name in text
    assert "8 of 8 slots ran where they were planned" in text
    failed = load_text(load_of(plan, failed=(0, 1), ran_executor={"3": "7"}), plan, width=120, unicode=True)
    assert "2 failed" in failed and "against the predicted one" not in failed
    assert "7 of 8 slots ran where they were planned; planned on, ran on: 3 on 7" in failed


def test_escape_sequences_in_ids_do_not_reach_the_terminal():
    plan = plan_of([1.0, 2.0], ids=["\x1b[2Jgone", "b\r\n\x07"], notes=("\x1b]0;title\x07",))
    for unicode in (True, False):
        text = load_text(load_of(plan), plan, unicode=unicode) + plan_text(plan, unicode=unicode)
        assert not set(text) & {"\x1b", "\r", "\x07"}


def test_a_full_slot_has_a_full_bar_and_half_a_slot_half_of_one():
    plan = plan_of([2.0, 1.0], slots=2)
    bars = [line.partition("│")[2] for line in plan_text(plan, width=100, unicode=True).splitlines() if "│" in line]
    assert len(bars[0]) == 2 * len(bars[1]) > 0


def test_columns_stand_under_each_other():
    rows = pd.DataFrame({"name": ["a", "日本", "é"], "count": [1, 22, 333]})
    lines = table(rows, width=80, unicode=True).splitlines()
    assert {columns(line) for line in lines} == {len("name  count")}


def test_a_method_without_a_plan_is_in_the_comparison():
    rows = pd.DataFrame(
        [{"method": "heft", "makespan": 2.0, "gap": 0.1}, {"method": "none", "makespan": None, "gap": None}]
    )
    lines = comparison_text(rows, width=100, unicode=True).splitlines()
    assert "2 s" in lines[1] and "10 %" in lines[1] and "█" in lines[1]
    assert "–" in lines[2] and "█" not in lines[2]


@pytest.mark.parametrize("works", [[], [0.0]])
def test_small_plans_have_text(works):
    plan = plan_of(works)
    assert "predicted makespan" in plan_text(plan)
    assert "measured makespan" in load_text(load_of(plan), plan)
