"""Partition plans, as people see them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pages import MARKUP, Elements
from partition_plan_samples import partition_plan, zipf

from planner.model.partition_plan import Layout, PartitionPlan
from planner.report import partition_plan_html, partition_plan_text
from planner.report.terminal import columns_of

BLUE = "#4269d0"


def shown(plan: PartitionPlan, width: int = 160) -> str:
    return partition_plan_text(plan, width=width, unicode=True)


def line_of(text: str, begin: str) -> str:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(begin)]
    return line


def bar_of(line: str) -> str:
    return line.partition("│")[2]


def picture_of(page: str) -> str:
    (found,) = re.findall(r"<svg viewBox.*?</svg>", page)
    return found


def bars_of(page: str) -> list[tuple[float, float, float, float]]:
    """Give left, top, width and opacity of the bars of the picture."""
    found = re.findall(
        rf'<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="\d+" fill="{BLUE}" fill-opacity="([\d.]+)"',
        picture_of(page),
    )
    return [(float(x), float(y), float(wide), float(dark)) for x, y, wide, dark in found]


def with_layouts(plan: PartitionPlan, adaptive: float, hashed: float) -> PartitionPlan:
    """Let Spark's own layouts take so many times as long as the plan."""
    others = (
        Layout("adaptive execution", 3, plan.makespan * adaptive, 1.5),
        Layout("hash partitioning", 99, plan.makespan * hashed, 4.0),
    )
    return replace(plan, layouts=(plan.planned, *others))


# ---------------------------------------------------------------------------------------------------- the figures


def test_the_first_line_says_what_is_planned() -> None:
    assert shown(partition_plan([4, 3, 2, 1], 2, rows=1000)).startswith(
        "Partition plan: 4 keys by store, 4,000 rows, in 4 partitions on 2 slots, weighed by n_rows**2\n"
    )
    about = partition_plan([4, 3, 2, 1], 2, keys_exact=False, sampled=0.05, by=tuple("abcdefg"))
    assert "about 4 keys by a, b, c, d, e and 2 more columns, about 4,000 rows" in shown(about)


def test_seconds_are_told_as_seconds() -> None:
    text = shown(partition_plan([10.0, 4, 4, 4], 2, unit="s"))
    assert re.search(r"predicted makespan +12 s +1.09 × the lower bound", text)
    assert re.search(r"lower bound +11 s +an equal share for each slot", text)
    assert re.search(r"planned in +432.1 ms", text)


def test_rows_are_told_as_rows_and_stand_in_one_column() -> None:
    text = shown(partition_plan([5000, 2000, 2000], 2, unit="rows"))
    assert re.search(r"predicted makespan +5,000 rows +1 × the lower bound", text)
    assert re.search(r"^heaviest keys +share +rows +partition$", text, flags=re.MULTILINE)
    assert re.search(r"^s0 +55.6 % +5,000 +0 ", text, flags=re.MULTILINE)
    assert not re.search(r"\d+(\.\d+)? (s|ms)\b", text.replace("432.1 ms", "")), "no times"


def test_what_has_no_unit_is_told_in_relation_to_the_bound() -> None:
    plan = partition_plan([8000.0, 3000, 3000, 3000], 2)
    text = shown(plan)
    assert re.search(r"predicted makespan +1.06 × +the lower bound", text)
    assert re.search(r"lower bound +1 × +a slot's equal share", text)
    assert "9,000" not in text and "8,500" not in text, "no makespan as a number"
    assert re.search(r"^heaviest keys +n_rows\*\*2 +share ", text, flags=re.MULTILINE)
    assert re.search(r"^layout +× the bound +skew +partitions$", text, flags=re.MULTILINE)
    page = partition_plan_html(plan)
    assert "9,000" not in page and "1.06 ×" in page


# ------------------------------------------------------------------------------------------------------ the bound


def test_a_key_that_sets_the_bound_is_named() -> None:
    plan = partition_plan([100.0, *np.ones(20)], 8, names=["big <b>"])
    assert plan.bound_reason == "one key"
    for told in (shown(plan, 300), Elements(partition_plan_html(plan)).text):
        assert "The bound is what one key takes: big <b> alone takes 6.67 × a slot's equal share. " in told
        assert "It is isolated in partition 0, which starts first; only agg with combine= could split it." in told


def test_a_key_that_is_not_alone_is_not_told_to_be() -> None:
    plan = partition_plan([100.0, *np.ones(20)], 8, partitions=1)
    told = shown(plan, 300)
    assert "It shares partition 0 with other keys; only agg with" in told and "isolated" not in told


def test_no_key_is_named_where_none_sets_the_bound() -> None:
    for plan in (partition_plan(np.ones(50), 8), partition_plan([100.0, *np.ones(20)], 8, split=True)):
        assert "The bound is" not in shown(plan) + partition_plan_html(plan)


# ----------------------------------------------------------------------------------------------- what Spark would do


def test_a_gain_is_predicted_and_says_so() -> None:
    plan = with_layouts(partition_plan(zipf(40, 1), 4), 4.04, 2.4)
    said = "4.04 × shorter than adaptive execution, 2.4 × shorter than hash partitioning (predicted)"
    for told in (shown(plan), Elements(partition_plan_html(plan)).text):
        assert said in told and "no gain" not in told


@pytest.mark.parametrize(
    ("adaptive", "hashed", "said"),
    [
        (1.02, 1.04, "no gain expected over adaptive execution (predicted to take 1.02 × as long)"),
        (1.0, 1.0, "no gain expected over adaptive execution (predicted to take as long)"),
        (0.9, 1.0, "no gain expected over adaptive execution (predicted to take 0.9 × as long)"),
        (8.0, 1.03, "no gain expected over hash partitioning (predicted to take 1.03 × as long); "
                    "8 × shorter than adaptive execution (predicted)"),
    ],
)  # fmt: skip
def test_where_no_gain_is_expected_that_is_said(adaptive: float, hashed: float, said: str) -> None:
    plan = with_layouts(partition_plan(zipf(40, 1), 4), adaptive, hashed)
    assert not plan.expects_gain
    assert f"\n{said}\n" in shown(plan)
    assert f"<b>{said}</b>" in partition_plan_html(plan)


def test_nothing_is_said_of_a_gain_where_there_is_nothing_to_compare_with() -> None:
    plan = partition_plan(zipf(40, 1), 4)
    alone = replace(plan, layouts=plan.layouts[:1])
    assert "gain" not in shown(alone) and "shorter" not in shown(alone) and "packs by bytes" not in shown(alone)


def test_layouts_stand_side_by_side() -> None:
    plan = with_layouts(partition_plan([10.0, 10, 10, 10], 4, unit="s"), 4.0, 2.0)
    text = shown(plan)
    lines = [line_of(text, name) for name in ("planned  ", "adaptive execution", "hash partitioning")]
    for line, cells in zip(lines, ["10 s +1 × +1 +4", "40 s +4 × +1.5 +3", "20 s +2 × +4 +99"], strict=True):
        assert re.search(rf" {cells} +│", line)
    full = len(bar_of(lines[1]))
    assert full > 20 and [len(bar_of(line)) / full for line in lines] == pytest.approx([0.25, 1, 0.5], abs=0.03)
    assert "packs by bytes, which are guessed" in text and "what Spark adds to a task is not counted" in text
    page = partition_plan_html(plan)
    widths = re.findall(r'class="(busy|predicted)" x="0.00%" width="([\d.]+)%"', page)[:3]
    assert widths == [("busy", "25.00"), ("predicted", "100.00"), ("predicted", "50.00")]
    assert page.count('class="mark" x1="25.00%"') >= 3, "the bound"


# ----------------------------------------------------------------------------------------------------- the heavy keys


def test_the_heaviest_keys_stand_first_and_the_others_are_counted() -> None:
    plan = partition_plan(np.arange(40.0, 0, -1), 4, names=[f"shop {i}" for i in range(40)])
    text = shown(plan)
    assert re.findall(r"^shop (\d+) ", text, flags=re.MULTILINE) == [str(i) for i in range(12)]
    rest = sum(range(1, 29)) / sum(range(1, 41))
    assert f"… and 28 more keys, {rest * 100:.3g} % of the weight together" in text
    first, last = (bar_of(line_of(text, f"shop {i}  ")) for i in (0, 11))
    assert len(first) / len(last) == pytest.approx(40 / 29, rel=0.2)
    where = plan.heaviest[0].partition
    assert re.search(rf"^shop 0 +40 +4.88 % +1,000 +{where} ", text, flags=re.MULTILINE)
    assert "about 28 more keys" in shown(replace(plan, keys_exact=False))
    assert "more key" not in shown(partition_plan([1, 2, 3]))


def test_pieces_are_shown_where_a_key_was_split() -> None:
    plan = partition_plan([100.0, *np.ones(20)], 4, split=True)
    pieces = plan.heaviest[0].pieces
    assert pieces > 1
    text = shown(plan)
    assert re.search(r"^heaviest keys .* partition +pieces$", text, flags=re.MULTILINE)
    assert re.search(rf"^s0 +100 +83.3 % +1,000 +\d+ +{pieces} ", text, flags=re.MULTILINE)
    assert "pieces" not in shown(partition_plan([100.0, *np.ones(20)], 4))


def test_ticks_stand_at_a_slots_equal_share() -> None:
    page = partition_plan_html(partition_plan([60.0, 20, 20], 2))
    assert page.count('class="mark" x1="83.33%"') == 3, "50 of 60, for each key"


# ------------------------------------------------------------------------------------------------------ the picture


def test_partitions_are_drawn_where_they_are_predicted_to_run() -> None:
    plan = partition_plan([8.0, 4, 4, 3], 2, unit="s", names=["heavy"])
    page = partition_plan_html(plan)
    scale = 960 / (11 * 1.03)
    bars = bars_of(page)
    assert [bar[0] / scale for bar in bars] == pytest.approx([0, 8, 0, 4], abs=0.02)
    assert [bar[2] / scale for bar in bars] == pytest.approx([8, 3, 4, 4], abs=0.1)
    assert bars[0][1] == bars[1][1] < bars[2][1] == bars[3][1], "two slots"
    assert bars[0][3] == 1.0 > bars[2][3] > bars[1][3], "the heaviest in the strongest colour"
    assert ">heavy</text>" in page
    assert "<title>partition 0: heavy, 42.1 % of the weight, 1,000 rows; predicted 0 s to 8 s</title>" in page
    assert ">10 s</text>" in page and ">0.2 ×</text>" not in page


def test_the_axis_of_what_is_no_time_counts_in_bounds() -> None:
    page = partition_plan_html(partition_plan([8.0, 4, 4, 3], 2))
    assert ">0.2 ×</text>" in page and ">10 s</text>" not in page and "axis: times the lower bound" in page
    assert "predicted 0 s" not in page


def test_fast_slots_are_drawn_to_do_more() -> None:
    plan = replace(partition_plan([4.0, 4, 4], 2), speeds=np.array([2.0, 1.0]))
    widths = [bar[2] for bar in bars_of(partition_plan_html(plan))]
    assert len(widths) == 3 and widths[2] == pytest.approx(2 * widths[0], rel=0.02)


@pytest.mark.parametrize(("keys", "slots"), [(20_000, 1_000), (3_000, 64), (500, 500), (10, 200)])
def test_a_picture_stays_small(keys: int, slots: int) -> None:
    plan = partition_plan(zipf(keys, 0.7), slots)
    page = partition_plan_html(plan)
    bars = bars_of(page)
    assert len({y for _, y, _, _ in bars}) <= 64 and 1 <= len(bars) <= 1_200 and len(page) < 250_000
    assert max(x + wide for x, _, wide, _ in bars) == pytest.approx(960 / 1.03, abs=2), "the last to end is drawn"
    assert ("64 of" in page) == (slots > 64)


def test_merged_bars_cover_what_they_stand_for() -> None:
    plan = partition_plan(np.ones(8_000), 4, partitions=4_000)
    bars = bars_of(partition_plan_html(plan))
    assert len(bars) <= 1_000 and "partitions from" in partition_plan_html(plan)
    for row in {y for _, y, _, _ in bars}:
        assert sum(wide + 0.8 for _, y, wide, _ in bars if y == row) == pytest.approx(960 / 1.03, rel=0.02)


# --------------------------------------------------------------------------------------------------------- all plans


ODD: list[tuple[Any, dict[str, Any]]] = [
    ([], {}),
    ([0.0, 0.0], {}),
    ([0.0, 0.0], {"unit": "s"}),
    ([1e-12], {}),
    ([1e300, 1.0], {}),
    ([3.0], {"slots": 1, "unit": "rows"}),
    (np.ones(3), {"slots": 300}),
    ([5.0, 1.0], {"layouts": (Layout("planned", 2, 5.0, 1.7),)}),
]


@pytest.mark.parametrize(("weights", "more"), ODD)
def test_odd_plans_are_plans_too(weights: Any, more: dict[str, Any]) -> None:
    plan = partition_plan(weights, **({"slots": 4} | more))
    page, text = Elements(partition_plan_html(plan)), shown(plan)
    assert f"{len(weights)} key" in text and "nan" not in text + page.text
    assert "inf" not in text and "\n\n\n" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 132])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(width: int, unicode: bool) -> None:
    names = [f"{'schlüssel 日本' if unicode else 'key'} {'x' * i}" for i in range(30)]
    changes: dict[str, Any] = {"names": names, "notes": ("word " * 60,), "by": ("a" * 90, "b" * 90)}
    text = partition_plan_text(partition_plan(zipf(90, 1.5), 8, **changes), width=width, unicode=unicode)
    assert max(map(columns_of, text.splitlines())) <= width + (0 if unicode else 2)
    assert unicode or text.isascii()
    assert "note: word word" in text and "and 78 more keys" in text


def test_what_comes_from_outside_is_shown_and_not_obeyed() -> None:
    long = ["x" * 10_000, "שלום " * 50, "日本" * 3_000, "\u202eevil", ""]

    def page_of(texts: list[str]) -> Elements:
        columns = (texts[0], texts[3])
        plan = partition_plan(zipf(12, 2), 3, names=texts, by=columns, notes=(texts[1],), weight=texts[2])
        return Elements(partition_plan_html(plan))

    page, plain = page_of([*MARKUP, *long]), page_of([*"abcdefghij"])
    assert sorted(set(page.tags)) == sorted(set(plain.tags)) and page.text.count(MARKUP[0]) >= 2
    assert {name for name, _ in page.attributes} == {name for name, _ in plain.attributes}
    assert len(page.text) < 20_000 and "(empty)" in page.text
    for unicode in (True, False):
        plan = partition_plan(zipf(12, 2), 3, names=[*MARKUP, *long], by=(MARKUP[3],), notes=(MARKUP[3],))
        text = partition_plan_text(plan, unicode=unicode)
        assert not set(text) & {"\x1b", "\r", "\x07", "\x00", "\u202e"}
        assert len(text) < 10_000


def test_a_fragment_brings_its_style_and_no_colour_of_text_or_page() -> None:
    page = partition_plan_html(partition_plan(zipf(50, 1.5), 8))
    assert page.startswith('<div class="planner-view"><style>') and "color: inherit" in page
    assert "<script" not in page and "http" not in page
    assert set(re.findall(r'fill="(#[0-9a-f]+)"', page)) == {BLUE, "#8b93a7", "#fff"}
