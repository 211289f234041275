"""Charts of ever more executors: which there are, which are seen without scripts, and what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from pages import MARKUP, Elements

from planner import Cluster, Graph, Network, compare, curve
from planner.pipeline import Curve
from planner.report import steps
from planner.report.markup import COLOURS, PALETTE, asset

GRAPH = Graph.from_arrays(
    [MARKUP[0], MARKUP[1], *(f"t{i}" for i in range(38))], work=[1.0] * 40, kind=[MARKUP[2], "fit"] * 20
)


def figures(fragment: str) -> list[tuple[str, bool]]:
    """Give of each chart how many executors it says it has, and whether it is seen without scripts."""
    return [
        (told, not rest)
        for told, rest in re.findall(r'<figure data-told="([^"]+)" data-x="[\d.]+"( hidden)?>', fragment)
    ]


def drawn(counts: Sequence[int], graph: Graph = GRAPH) -> tuple[Curve, str]:
    line = curve(graph, counts, method="heft")
    return line, line._repr_html_()


def test_every_number_of_executors_has_its_chart_and_six_of_them_are_seen_without_scripts() -> None:
    line, fragment = drawn(range(2, 65))
    assert line.knee is not None
    told = figures(fragment)
    assert [name for name, _ in told] == [f"{n} executors" for n in range(2, 65)]
    seen = [int(name.split()[0]) for name, still in told if still]
    assert len(seen) == 6 and {2, 64, line.knee} <= set(seen)
    assert f'max="62" value="{line.executors.index(line.knee)}"' in fragment, "the slider begins at the knee"
    assert fragment.count("<script") == 1 and "innerHTML" not in fragment
    assert "http" not in fragment.replace("http://www.w3.org", "")


def test_what_ids_say_is_shown_and_not_obeyed() -> None:
    elements = Elements(drawn([1, 2, 4])[1])
    assert MARKUP[0] in elements.text and MARKUP[2] in elements.text, "in titles, and in the legend"
    assert "img" not in elements.tags and elements.tags.count("script") == 1


@pytest.mark.parametrize(("counts", "charts", "still"), [([3], 1, {1}), ([1, 2], 2, {2}), (range(1, 301), 64, {5, 6})])
def test_few_and_very_many_points(counts: Sequence[int], charts: int, still: set[int]) -> None:
    fragment = drawn(counts)[1]
    Elements(fragment)
    told = figures(fragment)
    assert len(told) == charts and sum(seen for _, seen in told) in still
    assert told[0][0].startswith(f"{counts[0]} executor") and told[-1][0].startswith(f"{counts[-1]} executor")


def test_the_fragment_stays_small() -> None:
    line, fragment = drawn(range(2, 65), Graph.from_arrays(work=[1.0] * 3000))
    assert len(line.plans) == 63 and len(fragment) < 900_000
    assert "drawn as one bar" in fragment


def test_of_large_graphs_there_are_fewer_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_MOST_TASKS", 400)
    told = [name for name, _ in figures(drawn(range(2, 65))[1])]
    assert len(told) == 10 and (told[0], told[-1]) == ("2 executors", "64 executors")


def test_nothing_to_do_is_drawn_too() -> None:
    Elements(drawn([1, 2], Graph.from_arrays(work=[]))[1])
    Elements(drawn([1, 2], Graph.from_arrays(work=[0.0]))[1])


def test_a_comparison_unfolds_its_charts_without_scripts() -> None:
    fragment = compare(GRAPH, Cluster.uniform(4, network=Network(1000)), methods=["heft", "round_robin"])._repr_html_()
    elements = Elements(fragment)
    assert elements.tags.count("figure") == 2 and "script" not in elements.tags and "details" in elements.tags


def test_every_colour_has_a_brighter_one_for_dark_pages() -> None:
    style = asset("fragment.css")
    for colour in {*COLOURS.values(), *PALETTE}:
        assert f"[fill='{colour}'] {{ fill: light-dark({colour}, " in style, colour


def test_the_style_of_the_charts_reaches_nothing_else() -> None:
    rules = re.findall(r"([^{}]+)\{", asset("charts.css"))
    assert rules and all("planner-" in one for rule in rules for one in rule.split(",") if "%" not in one)


def test_the_script_makes_no_html_of_text() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|fetch|import", asset("steps.js"))
