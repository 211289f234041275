from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import MARKUP, Elements
from report_samples import layered, load_of, plan_of

import planner
from planner import Cluster, Executor
from planner.errors import InputError
from planner.report import comparison_html, curve_html, load_html, load_text, plan_html, write_report


def everything(ids=None, n=60, **how):
    plan = layered(n, ids=ids, notes=(MARKUP[1],), settings={MARKUP[0]: {MARKUP[1]: MARKUP}})
    return plan, load_of(plan, **how)


@pytest.mark.parametrize("with_load", [True, False])
def test_markup_in_ids_is_text(tmp_path, with_load):
    ids = [f"{MARKUP[i % 5]}{i}" for i in range(60)]
    plan, load = everything(ids, failed=(0,))
    text = write_report(plan, load if with_load else None, tmp_path / "report.html").read_text(encoding="utf-8")
    fragment = load_html(plan, load) if with_load else plan_html(plan)
    for page, scripts in ((text, 2), (fragment, 0)):
        elements = Elements(page)
        assert elements.tags.count("script") == scripts
        assert "img" not in elements.tags
        assert not [name for name, _ in elements.attributes if name.startswith("on")]
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert MARKUP[1] in Elements(text).text


def test_the_page_can_load_nothing(tmp_path):
    text = write_report(*everything(), tmp_path / "report.html").read_text(encoding="utf-8")
    elements = Elements(text)
    assert [value for name, value in elements.attributes if name in ("src", "href", "action", "srcset")] == ["data:,"]
    policy = next(value for _, value in elements.attributes if value and value.startswith("default-src 'none'"))
    assert "unsafe" not in policy and "http" not in policy
    assert "url(" not in text.partition("</style>")[0]


def test_the_data_comes_back_from_the_page(tmp_path):
    plan, load = everything(failed=(3,))
    data = embedded(write_report(plan, load, tmp_path / "report.html"))
    assert data["ids"] == plan.graph.names
    np.testing.assert_array_equal(decoded(data, "planned_start"), plan.schedule.start_us)
    order, ptr = decoded(data, "planned_order"), decoded(data, "planned_ptr")
    for lane in range(8):
        mine = order[ptr[lane] : ptr[lane + 1]]
        assert (plan.schedule.slot[mine] == lane).all()
        assert (np.diff(plan.schedule.start_us[mine]) >= 0).all()
    assert data["errors"] == {"3": "ValueError: <b>no float</b>"}
    assert data["measured"] == load.measured_makespan_us


@pytest.mark.parametrize("works", [[], [1.0], [0.0, 0.0, 0.0], [1.0, 0.0]])
def test_small_plans_make_whole_pages(tmp_path, works):
    plan = plan_of(works)
    for load in (None, load_of(plan)):
        Elements(write_report(plan, load, tmp_path / "report.html").read_text(encoding="utf-8"))
    Elements(plan_html(plan))
    Elements(load_html(plan, load_of(plan)))


def test_predicted_and_measured_are_named(tmp_path):
    plan, load = everything()
    head = Elements(write_report(plan, load, tmp_path / "report.html").read_text(encoding="utf-8")).text.partition(
        "Timeline"
    )[0]
    for name in ("Predicted makespan", "Measured makespan", "Elapsed", "Lower bound", "Gap"):
        assert name in head
    assert "against the predicted one" in head
    broken = load_of(plan, failed=(0,))
    head = Elements(write_report(plan, broken, tmp_path / "report.html").read_text(encoding="utf-8")).text.partition(
        "Timeline"
    )[0]
    assert "not to be held against the prediction" in head and "against the predicted one" not in head
    assert "run failed" in head and "1 task failed" in head


def test_slots_that_ran_elsewhere_are_named(tmp_path):
    plan = layered(60)
    text = write_report(plan, load_of(plan, ran_executor={"1": "9"}), tmp_path / "report.html").read_text(
        encoding="utf-8"
    )
    assert "7 of 8 slots ran on the executor they were planned for" in text
    assert text.count(">elsewhere<") == 1


def test_the_same_input_gives_the_same_bytes(tmp_path):
    one, two = (write_report(*everything(), tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert one == two


def test_a_file_that_cannot_be_written_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_report(plan_of([1.0]), None, tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize(("n", "slots"), [(300, 8), (3000, 8), (2500, 150), (2600, 64)])
def test_a_notebook_fragment_stays_small(n, slots):
    plan = plan_of(np.random.default_rng(0).lognormal(0, 1, n), slots)
    fragment = load_html(plan, load_of(plan))
    chart = fragment.partition('aria-label="Gantt chart"')[2].partition("</svg>")[0]
    assert chart.count("<rect") <= 2000 + 2 * 60
    assert len(fragment) < 400_000
    assert "<script" not in fragment
    paler = "neighbouring tasks are drawn as one bar" in fragment
    assert paler == (n > 1000)


def test_an_exact_gantt_chart_has_a_bar_a_task():
    plan = plan_of([1.0] * 7, slots=2)
    bands = 2
    chart = plan_html(plan).partition('aria-label="Gantt chart"')[2].partition("</svg>")[0]
    assert chart.count("<rect") == 7 + bands
    assert chart.count("<title>") == 7


def test_every_rule_of_a_fragments_style_is_scoped():
    style = re.search("<style>(.*?)</style>", plan_html(plan_of([1.0])), re.DOTALL)[1]
    selectors = [one.strip() for rule in re.findall(r"([^{}]+)\{", style) for one in rule.split(",")]
    assert selectors and all(".planner-view" in one for one in selectors)


def test_a_load_report_alone_is_a_table_of_its_executors():
    plan = plan_of([1.0, 2.0, 3.0], 2, cluster=Cluster((Executor(MARKUP[0]), Executor("b"))))
    load = load_of(plan)
    elements = Elements(load._repr_html_())
    assert elements.tags.count("tr") == 3 and MARKUP[0] in elements.text and "img" not in elements.tags
    assert "LoadReport(3 tasks, done, " in elements.text


def test_moves_are_told_where_there_were_some():
    plan = layered(20)
    load = load_of(plan)
    assert "moves" not in load_html(plan, load) and "moves" not in load_text(load, plan)
    moved = replace(load, settings={"moves": 1200})
    assert "<span>moves</span><b>1,200</b>" in load_html(plan, moved)
    assert re.search(r"moves +1,200  of tasks to other slots", load_text(moved, plan))


def test_the_comparison_marks_the_best_and_shows_what_failed():
    rows = [
        {"method": "<i>", "makespan": 3.0, "gap": 0.5, "seconds": 0.1},
        {"method": "heft", "makespan": 2.0, "gap": 0.0},
    ]
    fragment = comparison_html([*rows, {"method": "none", "makespan": None}])
    Elements(fragment)
    best = re.findall('<tr class="best">(.*?)</tr>', fragment)
    assert len(best) == 1 and "heft" in best[0]
    assert "&lt;i&gt;" in fragment and "50 %" in fragment
    assert fragment == comparison_html(pd.DataFrame([*rows, {"method": "none", "makespan": None}]))


def test_the_curve_marks_its_knee():
    executors = [1, 2, 4, 8, 16]
    fragment = curve_html(
        pd.DataFrame({"executors": executors, "makespan": [100, 52, 30, 28, 27], "lower_bound": [9] * 5})
    )
    Elements(fragment)
    assert "knee: 4 executors, 30 s" in fragment
    flat = curve_html(pd.DataFrame({"executors": [1, 2, 3], "makespan": [1.0, 1.0, 1.0]}))
    assert "knee" not in flat
    Elements(curve_html(pd.DataFrame({"executors": [4], "makespan": [0.0]})))
    Elements(curve_html(pd.DataFrame({"executors": [], "makespan": []})))


def test_the_pages_script_is_found_in_a_zip(tmp_path):
    package = Path(planner.__file__).parent
    with zipfile.ZipFile(tmp_path / "planner.zip", "w") as archive:
        for path in package.rglob("*"):
            if path.suffix in (".py", ".js", ".css"):
                archive.write(path, path.relative_to(package.parent))
    code = "from planner.report.markup import asset; import planner; print(planner.__file__, len(asset('report.js')))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'planner.zip')!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        env={"NUMBA_CACHE_DIR": str(tmp_path)},
    )
    where, length = done.stdout.split()
    assert "planner.zip" in where and int(length) > 1000


def embedded(path: Path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search('<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def decoded(data, name):
    kind, text = data["columns"][name]
    return np.frombuffer(base64.b64decode(text), dtype=f"<{kind}")
