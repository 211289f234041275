"""Range plans and file plans as text and HTML: what they say, how wide, and what they escape."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import Finding
from planner.model.file_plan import ASSIGNMENT_SCHEMA, FilePlan, HeavyPart
from planner.model.partition_plan import Layout
from planner.model.range_plan import RangeLayout, RangePlan
from planner.report.file_parts import files_html, files_text
from planner.report.ranges import ranges_html, ranges_text

EVIL = '<script>alert(1)</script>\x1b[31m"'

FOUND = (Finding("too large " * 30, "make them smaller " * 20),)


def range_plan(n: int = 4, **changes: object) -> RangePlan:
    weight = np.arange(n, dtype=np.float64) + 10
    plan = RangePlan(
        by=("day", "shop"),
        weight="sum of cost",
        n_rows=1_000_000,
        n_values=5_000,
        values_exact=True,
        firsts=tuple(f"2024-01-{k + 1:02}, {EVIL}" for k in range(n)),
        partition_weight=weight,
        partition_rows=np.full(n, 250_000),
        partition_values=np.full(n, 1_250),
        lower_bound=float(weight.max()),
        bound_reason="optimal cuts",
        layouts=(
            RangeLayout("planned", n, float(weight.max()), 1.13),
            RangeLayout("repartitionByRange, sampled", n, 20.0, 1.74),
        ),
        notes=(f"a note {EVIL} " * 20,),
        seconds=0.25,
    )
    return replace(plan, **changes)


def file_plan(**changes: object) -> FilePlan:
    plan = FilePlan(
        location=f"s3://bucket/{EVIL}",
        parquet=True,
        weight="bytes",
        n_files=12,
        n_parts=340,
        total_bytes=9_000_000_000,
        total_rows=123_456_789,
        slots=4,
        partition_weight=np.array([3e9, 2e9, 2e9, 2e9]),
        partition_files=np.array([1, 4, 4, 4]),
        partition_parts=np.array([1, 113, 113, 113]),
        heaviest=(HeavyPart(f"s3://bucket/{EVIL}.parquet", 7, 3e9), HeavyPart("s3://bucket/b.parquet", 0, 1e8)),
        lower_bound=3e9,
        bound_reason="one row group",
        layouts=(
            Layout("planned", 4, 3e9, 1.33),
            Layout("one task a file", 12, 7e9, 5.0),
            Layout("Spark's packing of files", 70, 4.5e9, 3.0),
        ),
        findings=(Finding(f"larger than the fair share: {EVIL} " * 5, "write it with smaller row groups"),),
        notes=(),
        seconds=0.1,
        assignment=ASSIGNMENT_SCHEMA.empty_table(),
    )
    return replace(plan, **changes)


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("width", [60, 100])
def test_lines_fit_the_terminal(width: int) -> None:
    ranges = range_plan(firsts=("日本" * 40, "b", "c", "d"), notes=("word " * 80,))
    heavy = (HeavyPart("日" * 90, 1, 3e9),)
    files = file_plan(location="s3://" + "x" * 200, heaviest=heavy, findings=FOUND)
    for text in (ranges_text(ranges, width=width, unicode=True), files_text(files, width=width, unicode=True)):
        assert max(map(columns, text.splitlines())) <= width
    assert (ranges_text(ranges, unicode=False) + files_text(files, unicode=False)).isascii()


def test_nothing_from_outside_is_html() -> None:
    for page in (ranges_html(range_plan()), files_html(file_plan())):
        assert "<script" not in page and "&lt;script&gt;" in page and "\x1b" not in page
        assert "\x1b" not in ranges_text(range_plan()) + files_text(file_plan())
        assert page.startswith('<div class="planner-view">') and page.endswith("</div>")


def test_a_range_plan_says_how_even_it_is_and_what_spark_would_give() -> None:
    for shown in (ranges_text(range_plan(), width=140, unicode=True), ranges_html(range_plan())):
        assert "Ranges of day, shop: 1,000,000 rows in 4 partitions" in shown
        assert "no cuts make the heaviest partition lighter" in shown and "13 % above an equal share" in shown
        assert "repartitionByRange, sampled" in shown and "1.74" in shown and "5,000 distinct values" in shown
    many = ranges_text(range_plan(40), width=120, unicode=True)
    assert "… and 24 partitions between them" in many and len(many.splitlines()) < 40
    empty = range_plan(1, firsts=(), partition_weight=np.zeros(1), lower_bound=0.0, layouts=())
    assert "0 % above an equal share" in ranges_text(empty, unicode=True) and "<table>" in ranges_html(empty)


def test_a_file_plan_says_what_it_found_and_what_spark_would_give() -> None:
    for shown in (files_text(file_plan(), width=160, unicode=True), files_html(file_plan())):
        assert "340 row groups of 12 files in 4 partitions on 4 slots" in shown
        assert "one row group alone" in shown and "1.5 × as fast as Spark" in shown.replace("&#x27;", "'")
        assert "4.5 GB" in shown and "7 GB" in shown and "to mend it: write it with smaller row groups" in shown
    rows = file_plan(
        parquet=False, weight="rows", total_rows=None, findings=(), heaviest=(HeavyPart("a.csv", None, 9),)
    )
    text = files_text(rows, width=160, unicode=True)
    assert "12 files in 4 partitions" in text and "3,000,000,000 rows" in text and "found" not in text
    even = file_plan(layouts=(Layout("planned", 4, 3e9, 1.0), Layout("Spark's packing of files", 4, 3e9, 1.0)))
    assert "no gain expected" in files_text(even, width=160, unicode=True)
