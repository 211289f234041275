"""What the benchmark of streams holds runs against is what its text says."""

from __future__ import annotations

import pytest

from benchmarks.streaming import BATCHES, CASES, Case


def test_the_bound_is_the_slowest_stage_for_all_batches_and_the_others_once() -> None:
    assert Case("", (1.0, 3.0, 2.0), (1, 1, 1)).bound == pytest.approx(3.0 * BATCHES + 3.0)
    assert Case("", (1.0, 4.0), (1, 2)).bound == pytest.approx(2.0 * BATCHES + 1.0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases_fit_the_cluster(case: Case) -> None:
    assert sum(case.replicas) <= 4 and len(case.replicas) == len(case.seconds)
