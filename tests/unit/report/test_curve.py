"""Time and cost over executors: as text for terminals, as a page, as a picture."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from pages import MARKUP, Elements

from planner.errors import InputError
from planner.report import curve_text, write_curve
from planner.report.terminal import columns_of


def falling(counts, flat_from=10**9):
    counts = list(counts)
    makespan = [960 / min(n, flat_from) for n in counts]
    return pd.DataFrame(
        {
            "executors": counts,
            "makespan": makespan,
            "lower_bound": makespan,
            "speedup": [makespan[0] / value for value in makespan],
            "cost": [n * value for n, value in zip(counts, makespan, strict=True)],
        }
    )


def parts(text: str) -> tuple[list[str], list[str], list[str], str]:
    """Give the rows of the table, of both plots, and the axis."""
    table, time, cost = text.split("\n\n")[:3]
    *cost_rows, axis = cost.splitlines()
    return table.splitlines(), time.splitlines()[1:], cost_rows[1:], axis


@pytest.mark.parametrize("width", [50, 80, 100, 200])
@pytest.mark.parametrize("counts", [range(1, 4), range(2, 65), range(1, 1001), [1, 2, 4, 8, 16]])
@pytest.mark.parametrize("unicode", [True, False])
def test_text_fits_the_terminal_and_at_most_a_hundred_columns(width, counts, unicode):
    text = curve_text(falling(counts, 12), width=width, unicode=unicode)
    assert max(map(columns_of, text.splitlines())) <= min(width, 100) + (0 if unicode else 2)
    assert unicode or text.isascii()


def test_bars_are_as_high_as_their_values():
    text = curve_text(falling(range(1, 9)), width=100, unicode=True)
    _, time, cost, _ = parts(text)
    left = time[0].index("┤") + 1
    assert time[0].startswith(f"{'16 min':>9} ┤") and cost[0].startswith(f"{'960':>9} ┤")
    full, half, eighth = (
        sum(" ▁▂▃▄▅▆▇█".index(row[column]) if column < len(row) else 0 for row in time[:-1])
        for column in (left, left + 6, left + 42)
    )
    assert (full, half, eighth) == (80, 40, 10)
    assert all(row.count("█") == 8 * 5 for row in cost[:-1]), "the cost is the same everywhere"


def test_the_knee_is_marked_in_the_table_the_plots_and_on_the_axis():
    text = curve_text(falling(range(2, 65), 12), width=100, unicode=True)
    table, time, cost, axis = parts(text)
    [row] = [row for row in table if row.endswith("◀ knee")]
    at = int(row.split()[0])
    column = axis.index("▲")
    assert f"▲ {at}" in axis
    assert time[0][column] == cost[0][column] == "┊" and time[-2][column] == "█"
    assert text.splitlines()[-1].startswith(f"knee at {at} executors: ")
    assert column - time[0].index("┤") - 1 == at - 2, "a column for each number of executors"


def test_a_long_table_is_thinned_and_says_so():
    table, *_ = parts(curve_text(falling(range(1, 1001), 12), width=100, unicode=True))
    shown = [int(row.split()[0].replace(",", "")) for row in table[1:-1]]
    assert shown[0] == 1 and shown[-1] == 1000 and len(shown) <= 16 and shown == sorted(shown)
    assert shown[1] - shown[0] < 5 and shown[-1] - shown[-2] > 200, "ever wider apart"
    assert table[-1] == f"{1000 - len(shown)} more numbers of executors are left out here; --json tells all"
    table, *_ = parts(curve_text(falling(range(1, 17), 12), width=100, unicode=True))
    assert len(table) == 17 and "left out" not in table[-1]


@pytest.mark.parametrize(("flat_from", "first"), [(500, 1), (12, 12)])
def test_the_axis_names_the_knee_the_ends_and_what_lies_between_where_there_is_room(flat_from, first):
    *_, axis = parts(curve_text(falling(range(1, 501), flat_from), width=90, unicode=True))
    numbers = [int(word) for word in axis.replace("▲", "").split()[1:]]
    assert numbers[0] == first and numbers[-1] == 500 and numbers == sorted(numbers) and len(numbers) >= 8


@pytest.mark.parametrize(
    ("makespan", "words"), [([4.0, 4.0, 4.0], "more executors bring nothing"), ([4.0, 3.0, 2.0], "falls in a line")]
)
def test_a_curve_without_a_knee_says_why(makespan, words):
    frame = falling([1, 2, 3]).assign(makespan=makespan)
    text = curve_text(frame, width=100, unicode=True)
    assert "no knee: " in text and words in text and "▲" not in text and "┊" not in text


@pytest.mark.parametrize("makespan", [[0.0], [0.0, 0.0, 0.0], [3.0], [3.0, 2.0]])
def test_short_and_empty_curves_are_tables(makespan):
    frame = falling(range(1, len(makespan) + 1)).assign(makespan=makespan, speedup=float("nan"))
    text = curve_text(frame, width=100)
    assert "┤" not in text and len(text.splitlines()) == 1 + len(makespan) and "–" in text


def test_the_page_shows_the_plot_and_every_number(tmp_path):
    path = write_curve(falling(range(2, 65), 12), tmp_path / "curve.html", f"about {MARKUP[0]}")
    page = path.read_text(encoding="utf-8")
    elements = Elements(page)
    assert not {"script", "img"} & set(elements.tags) and MARKUP[0] in elements.text
    assert elements.tags.count("circle") >= 2 * 63 and "knee: " in elements.text
    assert len(re.findall("<tr", page)) == 64 and page.count('<tr class="knee">') == 1
    policy = next(value for _, value in elements.attributes if value and value.startswith("default-src 'none'"))
    assert "script-src 'none'" in policy and "unsafe" not in policy


def test_the_picture_is_svg_that_stands_alone(tmp_path):
    root = ET.parse(write_curve(falling(range(2, 65), 12), tmp_path / "curve.svg")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme:dark" in "".join(root.itertext()) and "knee: " in "".join(root.itertext())
    labels = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "2" in labels and "64" in labels and "62" not in labels


def test_names_that_promise_something_else_are_refused(tmp_path):
    for name in ("curve.png", "curve"):
        with pytest.raises(InputError, match=r"expected \.html or \.svg"):
            write_curve(falling([1, 2, 3]), tmp_path / name)
    with pytest.raises(InputError, match="cannot be written"):
        write_curve(falling([1, 2, 3]), tmp_path / "nowhere" / "curve.svg")


def test_what_was_measured_is_drawn_beside_what_was_predicted(tmp_path):
    plain = write_curve(falling(range(1, 5)), tmp_path / "plain.svg").read_text(encoding="utf-8")
    assert "measured makespan" not in plain
    measured = falling(range(1, 5)).assign(measured=[2000.0, 1000.0, 800.0, 700.0])
    drawn = ET.fromstring(write_curve(measured, tmp_path / "both.svg").read_text(encoding="utf-8"))
    told = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert next(text for text in told if "measured" in text) == "1 executors: measured makespan 33 min 20 s"
    heights = [float(circle.get("cy")) for circle in drawn.iter("{http://www.w3.org/2000/svg}circle") if len(circle)]
    assert min(heights) > 20, "the picture is high enough for what was measured"
