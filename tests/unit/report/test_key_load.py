"""The load of keyed work, as people see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from key_load_samples import key_load
from pages import MARKUP, Elements

from planner.model.key_load import KeyLoad
from planner.report import key_load_html, key_load_text
from planner.report.terminal import columns_of


def shown(load: KeyLoad) -> str:
    return key_load_text(load, width=160, unicode=True)


def line_of(text: str, begin: str) -> str:
    (line,) = [line for line in text.splitlines() if line.strip().startswith(begin)]
    return line


def bar_of(line: str) -> str:
    return line.partition("│")[2]


def two_executors(**changes: Any) -> KeyLoad:
    """Executor a has two slots, and is busy for 4 s of 2 × 4 s; b one, busy for 4 s, of which 3 in the function."""
    keys = [
        {
            "key_hash": 1,
            "partition": 0,
            "executor": "a",
            "wall_us": 3_000_000,
            "rows": 1234,
            "peak_memory_bytes": 10**9,
        },
        {"key_hash": 2, "partition": 1, "executor": "a", "wall_us": 1_000_000, "cpu_us": 250_000},
        {"key_hash": 3, "partition": 2, "executor": "b", "wall_us": 2_500_000},
        {"keys": 40, "partition": 2, "executor": "b", "wall_us": 500_000},
    ]
    partitions: dict[int, dict[str, Any]] = {
        0: {"start_us": 0, "finish_us": 3_000_000, "planned_weight": 2.0},
        1: {"start_us": 1_000_000, "finish_us": 2_000_000, "planned_weight": 1.5},
        2: {"start_us": 0, "finish_us": 4_000_000, "planned_weight": 4.0},
    }
    return key_load(keys, partitions=partitions, **({"makespan_us": 4_000_000, "slots": 3} | changes))


def test_figures_say_what_was_measured_and_what_was_predicted() -> None:
    text = shown(two_executors(predicted_s=5.0))
    assert text.startswith("Load of 43 keys by store in 3 partitions on 3 slots\n")
    assert re.search(r"measured makespan +4 s +−20.0 % against the predicted one", text)
    assert re.search(r"predicted makespan +5 s", text)
    assert re.search(r"partitions measured +3 +of 3", text)
    assert re.search(r"longest partition +3 s +in the function; partition 0, executor a", text)
    assert re.search(r"skew +1.29 ", text)
    assert re.search(r"in the function +58.3 % +of 3 slots × makespan", text)


def test_nothing_is_predicted_where_weights_were_no_seconds_nor_compared_where_a_part_ran() -> None:
    assert "predicted" not in shown(two_executors())
    part = shown(two_executors(predicted_s=5.0, n_partitions=9))
    assert "against" not in part and re.search(r"partitions measured +3 +of 9", part)


def test_a_bar_shows_how_busy_an_executor_was() -> None:
    text = shown(two_executors())
    first, second = (line_of(text, f"{name}  ") for name in "ab")
    assert "50 %" in first and "75 %" in second
    full = len(bar_of(second))
    assert bar_of(first).count("█") == pytest.approx(full / 2, abs=1) and bar_of(first).count("·") >= full / 2 - 1
    assert bar_of(second).count("█") == pytest.approx(full * 3 / 4, abs=1)
    assert bar_of(second).count("▒") == pytest.approx(full / 4, abs=1)
    page = Elements(key_load_html(two_executors()))
    widths = [value for name, value in page.attributes if name == "width" and value and value.endswith("%")]
    assert widths[:4] == ["50.00%", "50.00%", "75.00%", "25.00%"]


def test_one_partition_after_another_takes_one_slot() -> None:
    keys = [{"key_hash": number, "partition": number, "wall_us": 10} for number in range(3)]
    assert " 100 % " in line_of(shown(key_load(keys)), "0  ")


def test_where_nothing_is_known_of_times_executors_are_compared_with_the_busiest() -> None:
    unknown = {number: {"start_us": None, "finish_us": None, "executor": None, "host": None} for number in range(3)}
    keys = [{"key_hash": number, "partition": number, "wall_us": 10} for number in range(3)]
    text = shown(key_load(keys, partitions=unknown, makespan_us=0))
    assert re.search(r"measured makespan +–", text) and "against the busiest executor" in text
    line = line_of(text, "?")
    assert "–" in line and set(bar_of(line)) == {"█"}
    assert "against the busiest executor" in key_load_html(key_load(keys, partitions=unknown, makespan_us=0))


def test_the_slowest_keys_stand_first_and_the_others_are_counted() -> None:
    keys = [{"key_hash": i, "key": f"shop {i}", "wall_us": 1000 * (i + 1), "partition": i % 3} for i in range(30)]
    text = shown(key_load([*keys, {"keys": 70, "wall_us": 5000}]))
    found = re.findall(r"^shop (\d+) ", text, flags=re.MULTILINE)
    assert found == [str(i) for i in range(29, 14, -1)]
    assert "… and 85 more keys, 125 ms together" in text
    first, last = (bar_of(line_of(text, f"shop {i}")) for i in (29, 15))
    assert len(last) == pytest.approx(len(first) * 16 / 30, abs=1)


def test_the_pieces_of_a_key_are_shown_as_one() -> None:
    keys = [
        {"key_hash": 1, "key": "hot", "wall_us": 4_000_000, "rows": 10, "partition": 3, "executor": "x"},
        {"key_hash": 1, "key": "hot", "wall_us": 2_000_000, "rows": 5, "partition": 1, "executor": "y"},
        {"key_hash": 2, "key": "warm", "wall_us": 5_000_000, "rows": 5, "partition": 2, "executor": "y"},
    ]
    text = shown(key_load(keys))
    assert text.index("hot ") < text.index("warm ")
    assert re.search(r"^hot +6 s +15 +x +3 and 1 more ", text, flags=re.MULTILINE)
    assert "Load of 2 keys" in text and "more keys" not in text


def test_the_heaviest_partitions_are_shown_planned_beside_measured() -> None:
    in_seconds = shown(two_executors(predicted_s=5.0)).split("heaviest partitions")[1].splitlines()
    assert re.match(r"2 +4 s +3 s +−25.0 % +41 ", in_seconds[1])
    assert [line.split()[0] for line in in_seconds[1:]] == ["2", "0", "1"]
    in_rows = shown(two_executors()).split("heaviest partitions")[1].splitlines()
    assert re.match(r"2 +53.3 % +42.9 % +3 s +−19.6 % ", in_rows[1])
    page = key_load_html(two_executors(predicted_s=5.0))
    assert page.count('class="mark"') == 3 and "ticks: planned" in page


def test_partitions_without_keys_or_plan_are_a_load_too() -> None:
    load = key_load([{"keys": 0, "wall_us": 7_000_000}], by=())
    text = shown(load)
    assert text.startswith("Load of 1 partition on 2 slots") and "slowest" not in text and "heaviest" not in text
    nothing = key_load([])
    assert "partitions measured" in shown(nothing) and "partitions measured" in key_load_html(nothing)


@pytest.mark.parametrize("width", [40, 60, 80, 132])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(width: int, unicode: bool) -> None:
    name = "schlüssel 日本" if unicode else "key"
    keys = [
        {"key_hash": i, "key": f"{name} {'x' * i}", "partition": i, "executor": str(i), "wall_us": i * 99_999}
        for i in range(40)
    ]
    weights = {i: {"planned_weight": float(i)} for i in range(40)}
    text = key_load_text(key_load(keys, partitions=weights), width=width, unicode=unicode)
    assert max(map(columns_of, text.splitlines())) <= width + (0 if unicode else 2)
    assert unicode or text.isascii()
    assert "and 16 more executors" in text and "and 25 more keys" in text


def test_what_comes_from_outside_is_shown_and_not_obeyed() -> None:
    def load_of(texts: list[str]) -> KeyLoad:
        keys = [
            {"key_hash": i, "key": text, "executor": text, "host": text, "partition": i} for i, text in enumerate(texts)
        ]
        return key_load(keys, by=(texts[0], texts[3]), partitions={0: {"planned_weight": 1.0}})

    page, plain = (Elements(key_load_html(load_of(texts))) for texts in (MARKUP, list("abcde")))
    assert sorted(page.tags) == sorted(plain.tags) and page.text.count(MARKUP[0]) >= 3
    assert {name for name, _ in page.attributes} == {name for name, _ in plain.attributes}
    for unicode in (True, False):
        text = key_load_text(load_of(MARKUP), unicode=unicode)
        assert not set(text) & {"\x1b", "\r", "\x07", "\x00", "\u202e"}


def test_a_fragment_brings_its_style_and_no_colour_of_text_or_page() -> None:
    page = key_load_html(two_executors(predicted_s=5.0))
    assert page.startswith('<div class="planner-view"><style>') and "color: inherit" in page
    assert set(re.findall(r'fill="(#[0-9a-f]+)"', page)) <= {"#4269d0", "#efb118", "#8b93a7"}
