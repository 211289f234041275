"""The page of a comparison in a real browser: its charts are drawn, its console is silent, it loads nothing."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from report_samples import layered
from shown import BLUE, EVIL, HOST, WORSE, Shown

from planner import Cluster, Graph, compare, curve
from planner.report import write_comparison

GREEN, VIOLET = (0x3C, 0xA9, 0x51), (0xA4, 0x63, 0xF2)


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Shown:
    """Show the plans of a graph whose ids are markup, by several methods."""
    graph = layered(300, ids=[EVIL, WORSE, *(f"task-{i}" for i in range(2, 300))]).graph
    found = compare(graph, Cluster.uniform(8), methods=["heft", "cpop", "round_robin", "fastest_executor"])
    return Shown(found.report(tmp_path_factory.mktemp("browser") / "compare.html"))


def test_the_charts_are_drawn_in_the_colours_of_the_kinds(compared):
    for colour in (BLUE, GREEN, VIOLET):
        assert compared.count(colour) > 3_000
    assert compared.count((0xFC, 0xFC, 0xFB)) > 200_000, "the page behind them"


def test_the_console_is_silent_and_nothing_is_asked_of_the_network(compared):
    assert compared.console == []
    assert html.escape(EVIL, quote=False) in compared.dom and "<img" not in compared.dom
    assert HOST not in compared.log


def test_what_a_page_may_not_load_would_be_seen(tmp_path):
    page = write_comparison([layered(20)], tmp_path / "compare.html")
    text = page.read_text(encoding="utf-8").replace("</main>", f'<img src="http://{HOST}/x.png"></main>')
    page.write_text(text, encoding="utf-8")
    assert any("Content Security Policy" in line for line in Shown(page).console)


def test_thousands_of_tasks_are_drawn_dark_on_a_dark_page(tmp_path):
    plan = layered(5000, slots=64)
    plans = [replace(plan, settings={"method": f"method{i}"}) for i in range(20)]
    shown = Shown(write_comparison(plans, tmp_path / "compare.html"), "--blink-settings=preferredColorScheme=0")
    assert shown.console == []
    assert shown.count((0x14, 0x17, 0x1D)) > 200_000
    assert shown.count((0x6B, 0x8F, 0xF0)) > 1_000


def test_a_curve_is_drawn_with_its_knee_as_a_page_and_as_a_picture(tmp_path):
    line = curve(Graph.from_arrays(work=[1.0] * 64), range(1, 33))
    for name in ("curve.html", "curve.svg"):
        shown = Shown(line.report(tmp_path / name))
        assert shown.console == [] and shown.count(BLUE) > 300 and shown.count((0xEF, 0xB1, 0x18)) > 300
        assert f"knee: {line.knee} executors" in shown.dom
