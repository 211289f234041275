"""The report in a real browser: it draws, it runs nothing that an id says, it asks the network for nothing."""

from __future__ import annotations

import html
import json
import re

import pytest
from report_samples import layered, load_of, plan_of
from shown import BLUE, EVIL, HOST, RED, WORSE, Shown

from planner.report import load_html, write_report


@pytest.fixture(scope="module")
def failed_run(tmp_path_factory) -> Shown:
    """Show the report of a run with failures and with ids, kinds and settings that are markup."""
    ids = [EVIL, WORSE, *(f"task-{i}" for i in range(2, 300))]
    plan = layered(300, ids=ids, notes=(EVIL, WORSE), settings={"name": WORSE})
    load = load_of(plan, failed=(20, 60))
    return Shown(write_report(plan, load, tmp_path_factory.mktemp("browser") / "report.html"))


def test_the_timeline_is_drawn(failed_run):
    assert failed_run.data["ready"] == "yes" and failed_run.data["tasks"] == "300"
    assert int(failed_run.data["boxes"]) >= 300
    assert failed_run.count(BLUE) > 10_000, "tasks of the first kind"
    assert failed_run.count(RED) > 50, "failed tasks"
    assert failed_run.count((0xFC, 0xFC, 0xFB)) > 200_000, "the page behind them"


def test_markup_in_ids_is_shown_and_not_run(failed_run):
    assert "pwned" not in failed_run.data
    assert not re.search("<img", failed_run.dom)
    assert len(re.findall("<script", failed_run.dom)) == 2
    assert html.escape(EVIL, quote=False) in failed_run.dom


def test_no_script_fails_and_nothing_is_asked_of_the_network(failed_run):
    assert json.loads(failed_run.data["errors"]) == []
    # The address does occur in the page, so that it would be asked for if anything in it were loaded.
    assert HOST in failed_run.dom
    assert HOST not in failed_run.log


def test_the_errors_of_a_page_would_be_seen(tmp_path):
    page = write_report(plan_of([1.0]), None, tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", f'<img src="http://{HOST}/x.png"></body>'), encoding="utf-8")
    shown = Shown(page)
    assert any("refused: img-src" in error for error in json.loads(shown.data["errors"]))
    assert HOST not in shown.log


@pytest.mark.parametrize("works", [[], [1.0], [0.0, 0.0]])
def test_small_plans_are_drawn_without_a_run(tmp_path, works):
    shown = Shown(write_report(plan_of(works), None, tmp_path / "report.html"))
    assert (shown.data["ready"], shown.data["errors"], shown.data["tasks"]) == ("yes", "[]", str(len(works)))
    assert (shown.count(BLUE) > 1_000) == (sum(works) > 0)


def test_a_dark_page_is_dark(tmp_path):
    plan = layered(100)
    page = write_report(plan, load_of(plan), tmp_path / "report.html")
    shown = Shown(page, "--blink-settings=preferredColorScheme=0")
    assert shown.data["errors"] == "[]"
    assert shown.count((0x14, 0x17, 0x1D)) > 200_000
    assert shown.count((0x6B, 0x8F, 0xF0)) > 1_000


def test_zooming_and_pointing_at_a_task(tmp_path):
    plan = layered(100)
    page = write_report(plan, load_of(plan), tmp_path / "report.html")
    act = """
      const { canvas, show } = plannerReport, root = document.documentElement;
      show(0, 400000);
      canvas.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, deltaY: -50, clientX: 300, clientY: 10 }));
      root.dataset.zoomed = plannerReport.view.to - plannerReport.view.from;
      show(plannerReport.full.from, plannerReport.full.to);
      const box = canvas.getBoundingClientRect();
      for (let y = 0; y < box.height && !(root.dataset.hovered >= 0); y += 5)
        canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 200, clientY: box.top + y }));
    """
    text = re.sub('<meta http-equiv="Content-Security-Policy".*?>', "", page.read_text(encoding="utf-8"))
    page.write_text(text.replace("</body>", f'<script type="module">{act}</script></body>'), encoding="utf-8")
    shown = Shown(page)
    assert shown.data["errors"] == "[]"
    assert 0 < float(shown.data["zoomed"]) < 400_000
    tip = re.search('<div id="tip"[^>]*>(.*?)</table>', shown.dom, re.DOTALL)
    assert plan.graph.names[int(shown.data["hovered"])] in tip[1]
    assert "predicted" in tip[1] and "measured" in tip[1]


def test_a_notebook_fragment_is_drawn_without_scripts(tmp_path):
    plan = layered(300)
    page = tmp_path / "fragment.html"
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    page.write_text(f"<html><meta charset=utf-8>{policy}<body>{load_html(plan, load_of(plan))}", encoding="utf-8")
    assert Shown(page).count(BLUE) > 5_000
