"""What notebooks show, in a real browser: a slider that changes the chart, light and dark, pictures without scripts."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from report_samples import layered, load_of
from shown import BLUE, EVIL, HOST, WORSE, Shown

from planner import Cluster, Graph, compare, curve
from planner.report import load_html, plan_html
from planner.report.markup import asset

LIGHT, DARK, MARK = BLUE, (0x6B, 0x8F, 0xF0), (0xE0, 0x44, 0x2E)
BLOCKED = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
# As front ends say it that are light and dark whatever the system wants, and a page that goes with the system.
FRONT_ENDS = {
    "jupyter light": ('<body data-jp-theme-light="true">', LIGHT, LIGHT),
    "jupyter dark": ('<body data-jp-theme-light="false" style="background:#111;color:#ddd">', DARK, DARK),
    "vscode dark": ('<body class="vscode-dark" style="background:#1e1e1e;color:#ccc">', DARK, DARK),
    "plain": ("<body>", LIGHT, LIGHT),
    "with the system": ('<meta name="color-scheme" content="light dark"><body>', LIGHT, DARK),
}


def show(fragment: str, folder: Path, *options: str, body: str = "<body>", head: str = "", script: str = "") -> Shown:
    page = folder / "cell.html"
    text = f"<!doctype html><html><meta charset=utf-8>{head}{body}{fragment}"
    page.write_text(text + (f"<script>{script}</script>" if script else ""), encoding="utf-8")
    return Shown(page, *options)


def charts(shown: Shown) -> list[str]:
    """Give how many executors the charts have that are seen."""
    return re.findall(r'<figure data-told="(\d+) executors?" data-x="[\d.]+">', shown.dom)


@pytest.fixture(scope="module")
def fragment() -> str:
    """Show a curve whose ids are markup."""
    ids = [EVIL, WORSE, *(f"task-{i}" for i in range(2, 80))]
    return curve(layered(80, ids=ids).graph, range(2, 17), method="heft")._repr_html_()


def test_a_slider_shows_one_chart_and_dragging_it_another(fragment: str, tmp_path: Path) -> None:
    shown = show(fragment, tmp_path)
    assert len(charts(shown)) == 1 and shown.count(LIGHT) > 5_000 and shown.console == []
    drag = """
      const slider = document.querySelector(".planner-steps input");
      slider.value = 14;
      slider.dispatchEvent(new Event("input"));
      document.documentElement.dataset.said = document.querySelector(".planner-steps output").textContent;
      document.documentElement.dataset.here = document.querySelector(".planner-here").getAttribute("transform");
    """
    dragged = show(fragment, tmp_path, script=drag)
    assert charts(dragged) == ["16"] and dragged.data["said"] == "16 executors"
    assert dragged.data["here"] == "translate(700.0)", "the line in the plot stands at the right end"


def test_where_scripts_are_blocked_six_charts_stand_side_by_side(fragment: str, tmp_path: Path) -> None:
    shown = show(fragment, tmp_path, head=BLOCKED)
    seen = charts(shown)
    assert len(seen) == 6 and {"2", "16"} <= set(seen) and shown.count(LIGHT) > 10_000
    assert re.search("<label hidden", shown.dom), "a slider that does nothing is not shown"


def test_a_script_that_runs_before_its_charts_are_in_the_page_finds_them_later(fragment: str, tmp_path: Path) -> None:
    """As in front ends that take the scripts out of an output and run them first, here with an output shown twice."""
    act = """
      const made = document.querySelector("template").content, script = document.createElement("script");
      script.text = made.querySelector("script").text;
      made.querySelector("script").remove();
      document.head.append(script);
      document.body.append(made.cloneNode(true), made);
    """
    shown = show(f"<template>{fragment}</template>", tmp_path, script=act)
    assert len(charts(shown)) == 2 and shown.console == []


def test_a_page_that_is_still_being_read_loses_no_charts(fragment: str, tmp_path: Path) -> None:
    before, last, after = fragment.rpartition("<figure ")
    again = asset("steps.js")  # as that of a cell above, which looks once more a little later
    shown = show(f"{before}<script>{again}</script>{last}{after}", tmp_path)
    assert len(charts(shown)) == 1 and shown.console == []


@pytest.mark.parametrize(("sandbox", "runs"), [("allow-scripts", True), ("", False)])
def test_in_a_frame_of_its_own_it_works_as_far_as_the_frame_allows(
    fragment: str, sandbox: str, runs: bool, tmp_path: Path
) -> None:
    """As in front ends that show every output in a frame; the red line in the plot is the script's."""
    inner = html.escape(fragment)
    shown = show(f'<iframe sandbox="{sandbox}" srcdoc="{inner}" width="1000" height="1300"></iframe>', tmp_path)
    assert shown.count(LIGHT) > 5_000 and (shown.count(MARK) > 200) == runs


def test_it_works_where_text_may_not_become_html(fragment: str, tmp_path: Path) -> None:
    trusted = '<meta http-equiv="Content-Security-Policy" content="require-trusted-types-for \'script\'">'
    shown = show(fragment, tmp_path, head=trusted)
    assert len(charts(shown)) == 1 and shown.console == []


def test_ids_are_not_run_and_nothing_is_asked_of_the_network(fragment: str, tmp_path: Path) -> None:
    shown = show(fragment, tmp_path)
    assert "pwned" not in shown.data and "<img" not in shown.dom and HOST not in shown.log
    assert html.escape(EVIL, quote=False) in shown.dom


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_bars_are_brighter_on_what_is_dark(name: str, tmp_path: Path) -> None:
    body, light, dark = FRONT_ENDS[name]
    plan = layered(60)
    for system, colour in (("1", light), ("0", dark)):
        views = load_html(plan, load_of(plan)) + compare(plan.graph, Cluster.uniform(2), methods=["heft"])._repr_html_()
        views = views.replace("<details>", "<details open>")
        shown = show(views, tmp_path, f"--blink-settings=preferredColorScheme={system}", body=body)
        other = LIGHT if colour == DARK else DARK
        assert shown.count(colour) > 10_000 > 100 > shown.count(other), (name, system)


def test_the_page_of_a_curve_has_the_slider_too_and_its_policy_lets_nothing_else_run(tmp_path: Path) -> None:
    line = curve(Graph.from_arrays([EVIL, *(f"t{i}" for i in range(31))], work=[1.0] * 32), range(1, 17))
    shown = Shown(line.report(tmp_path / "curve.html"))
    assert shown.console == [] and len(charts(shown)) == 1 and shown.count(LIGHT) > 5_000
    assert "unsafe" not in re.search("default-src[^>]*", shown.dom)[0]
    assert "pwned" not in shown.data and HOST not in shown.log


def test_a_plan_is_a_picture_without_scripts_or_style(tmp_path: Path) -> None:
    bare = re.sub("<style>.*?</style>", "", plan_html(layered(60)), flags=re.DOTALL)
    assert show(bare, tmp_path, head=BLOCKED).count(LIGHT) > 3_000
