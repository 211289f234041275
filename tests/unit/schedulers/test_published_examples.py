"""The figures that the papers give for their own examples."""

from __future__ import annotations

import pytest

from planner.schedulers import get
from planner.schedulers.peft import optimistic_cost
from tests.published import S, arabnejad, topcuoglu


@pytest.mark.parametrize(("method", "makespan"), [("heft", 80), ("cpop", 86), ("dls", 91)])
def test_the_ten_tasks_of_topcuoglu(method: str, makespan: int) -> None:
    assert get(method).schedule(topcuoglu(), 0).makespan_us == makespan * S


@pytest.mark.parametrize(("method", "makespan"), [("peft", 122), ("heft", 133)])
def test_the_ten_tasks_of_arabnejad(method: str, makespan: int) -> None:
    assert get(method).schedule(arabnejad(), 0).makespan_us == makespan * S


def test_the_optimistic_costs_of_arabnejad() -> None:
    problem = arabnejad()
    cost = optimistic_cost(problem)[:, problem.executor_class] / S
    assert cost[0] == pytest.approx([64, 68, 86])
    assert cost[9].tolist() == [0, 0, 0]
    assert cost[7] == pytest.approx([13, 16, 33])
