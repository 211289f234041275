"""The page of a comparison: a table, and small charts of all plans on one axis."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from pages import MARKUP, Elements
from report_samples import layered, plan_of

from planner.errors import InputError
from planner.model import Bound, Cluster, Executor, Plan, Schedule
from planner.report import write_comparison
from planner.report.multiples import LEFT, MOST_KINDS, RIGHT, WIDE, Axis, colours_of, small_gantt

S = 10**6


def shown(plans, tmp_path, about=None):
    return write_comparison(plans, tmp_path / "compare.html", about).read_text(encoding="utf-8")


def later(plan: Plan, factor: float, method: str) -> Plan:
    """Give the same plan with every time multiplied."""
    times = (np.rint(us * factor).astype(np.int64) for us in (plan.schedule.start_us, plan.schedule.finish_us))
    return replace(plan, schedule=Schedule(plan.schedule.slot, *times), method=method, settings={"method": method})


def charts(page: str) -> list[str]:
    return re.findall(r"<figure.*?</figure>", page, re.DOTALL)


def strokes(chart: str) -> list[tuple[str, float, float, float]]:
    """Give colour, left end, height, and length of every bar."""
    found = []
    for of, paths in re.findall(r'<(?:path|g) class="(k\d)"[^>]*?(d="[^"]*"|>.*?</g>)', chart, re.DOTALL):
        found += [(of, *map(float, bar)) for bar in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", paths)]
    return found


def test_every_method_has_a_row_and_a_chart_and_says_what_it_is(tmp_path):
    best = replace(layered(40), settings={"method": "auto"}, bound=Bound(123 * S // 100, "the work fills all slots"))
    plans = [best, later(best, 1.2, "cpop")]
    page = shown(plans, tmp_path, {"auto": ("The best of all", ""), "cpop": ("Keep the path on one slot", "doi:1")})
    text = Elements(page).text
    assert "2 methods compared: 40 tasks on 8 slots" in text and "the work fills all slots" in text
    rows = re.findall("<tr.*?</tr>", page)[1:]
    assert len(rows) == 2 and 'class="best"' in rows[0] and 'class="best"' not in rows[1]
    for part in ("+20.0 %", "1.23 s"):
        assert part in rows[1]
    first, second = charts(page)
    assert "auto" in first and "found by heft" in first and "The best of all." in first and "<cite>" not in first
    assert "cpop" in second and "Keep the path on one slot. <cite>doi:1</cite>" in second and "found by" not in second
    assert 'href="#plan-1"' in rows[1] and 'id="plan-1"' in second


def test_a_chart_has_a_bar_a_task_where_it_runs_and_in_the_colour_of_its_kind():
    plan = plan_of([4.0, 1.0, 2.0], slots=2, kinds=["a", "b", "b"])
    axis = Axis(8 * S, 0)
    svg = small_gantt(plan, axis, colours_of(plan)[0], most=10, titled=False)
    a, b, c = sorted(strokes(svg), key=lambda bar: (bar[2], bar[1]))
    second = (WIDE - LEFT - RIGHT) / 8
    assert [bar[0] for bar in (a, b, c)] == ["k0", "k1", "k1"]
    assert [bar[1] for bar in (a, b, c)] == pytest.approx([LEFT, LEFT, LEFT + second], abs=0.1)
    assert [bar[3] for bar in (a, b, c)] == pytest.approx([4 * second, second, 2 * second], abs=0.7)
    assert a[2] < b[2] == c[2]
    assert "<title>" not in svg
    assert small_gantt(plan, axis, colours_of(plan)[0], most=10, titled=True).count("<title>") == 3


@pytest.mark.parametrize(("n", "slots"), [(5000, 64), (3000, 150)])
def test_merged_charts_are_as_full_as_their_slots(n, slots):
    plan = layered(n, slots=slots)
    axis = Axis(2 * plan.makespan_us, 0)
    svg = small_gantt(plan, axis, colours_of(plan)[0], most=3000, titled=False)
    rows = -(-slots // -(-slots // 64))
    filled = np.zeros(4)
    for kind, opacity, d in re.findall(r'<path class="k(\d)"(?: stroke-opacity="([\d.]+)")? d="([^"]*)"', svg):
        filled[int(kind)] += float(opacity or 1) * sum(int(long) for long in re.findall(r"h(\d+)", d))
    full, spans = filled.sum(), plan.schedule.finish_us - plan.schedule.start_us
    by_kind = np.bincount(plan.graph.kind, weights=spans)
    np.testing.assert_allclose(filled / full, by_kind / by_kind.sum(), atol=0.03)
    bins = 636 / float(re.search(r"scale\(([\d.]+) ", svg)[1])
    busy = plan.busy_us.sum() / (plan.makespan_us * slots) / 2
    # Levels are rounded up to the next quarter, so a chart is never emptier than its slots, and little fuller.
    assert busy <= full / (bins * rows) + 0.002 <= busy + 0.13
    assert svg.count("h") <= 3000 + rows + 60


def test_a_page_of_many_methods_and_tasks_stays_small(tmp_path):
    plan = layered(5000, slots=64)
    page = shown([later(plan, 1 + i / 40, f"method{i}") for i in range(24)], tmp_path)
    assert len(page) < 1_000_000 and page.count("<figure") == 24
    assert "Neighbouring tasks are drawn as one bar" in page
    assert "Neighbouring" not in shown([layered(50)], tmp_path)


def test_all_charts_share_an_axis_and_what_ends_far_behind_is_cut_off_and_says_so(tmp_path):
    plan = plan_of([1.0, 1.0], slots=2)
    page = shown([plan, later(plan, 1.5, "slow"), later(plan, 40, "slowest")], tmp_path)
    first, second, third = charts(page)
    ends = [[bar[1] + bar[3] for bar in strokes(chart)] for chart in (first, second, third)]
    second_px = (WIDE - LEFT - RIGHT) / (1.5 * 1.03)
    assert ends[0] == pytest.approx([LEFT + second_px] * 2, abs=0.8)
    assert ends[1] == pytest.approx([LEFT + 1.5 * second_px] * 2, abs=0.8)
    assert ends[2] == pytest.approx([WIDE - RIGHT] * 2, abs=0.8)
    assert "goes on to 40 s, beyond this axis" in third and "→" in third and "→" not in second
    assert len(set(re.findall(r'class="tick-lines" d="[^"]*"', page))) == 1


def test_the_lower_bound_stands_in_every_chart():
    plan = replace(plan_of([2.0, 2.0], slots=1), bound=Bound(3 * S, "why"))
    axis = Axis.of([plan, later(plan, 1.1, "other")])
    assert axis.bound_us == 3 * S
    at = re.search(r'class="bound" d="M([\d.]+)', small_gantt(plan, axis, colours_of(plan)[0], most=9, titled=False))
    assert float(at[1]) == pytest.approx(axis.x(3 * S), abs=0.06)


def test_of_many_kinds_those_with_the_most_work_have_colours_of_their_own(tmp_path):
    kinds = [f"kind{i}" for i in range(20)]
    plan = plan_of([*([1.0] * 10), *([9.0] * 8), 1.0, 1.0], kinds=kinds)
    colour, named = colours_of(plan)
    assert named == kinds[10:18]
    assert colour.tolist() == [MOST_KINDS] * 10 + list(range(8)) + [MOST_KINDS] * 2
    page = shown([plan], tmp_path)
    assert "12 other kinds" in Elements(page).text and 'class="k8"' in page


def test_markup_in_ids_kinds_and_names_is_text(tmp_path):
    cluster = Cluster(tuple(Executor(f"<i>{i}</i>") for i in range(5)))
    plan = replace(plan_of([1.0] * 5, 5, ids=MARKUP, kinds=MARKUP, cluster=cluster), bound=Bound(0, MARKUP[0]))
    page = shown([replace(plan, method=MARKUP[1], settings={"method": MARKUP[0]})], tmp_path, {MARKUP[0]: MARKUP[:2]})
    elements = Elements(page)
    assert not {"img", "script"} & set(elements.tags)
    assert elements.tags.count("i") == 2, "the lines of the legend"
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert MARKUP[0] in elements.text


def test_the_page_can_load_and_run_nothing(tmp_path):
    elements = Elements(shown([layered(60)], tmp_path))
    loaded = [value for name, value in elements.attributes if name in ("src", "href", "action", "srcset")]
    assert loaded == ["data:,", "#plan-0"]
    policy = next(value for _, value in elements.attributes if value and value.startswith("default-src 'none'"))
    assert "script-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize("works", [[], [1.0], [0.0, 0.0]])
def test_small_plans_make_whole_pages(tmp_path, works):
    plan = plan_of(works)
    page = shown([plan, plan], tmp_path)
    Elements(page)
    assert "Longest makespan" not in page


def test_a_page_that_cannot_be_written_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*cannot be written"):
        write_comparison([plan_of([1.0])], tmp_path / "nowhere" / "page.html")
