from __future__ import annotations

import numpy as np
import pytest
from report_samples import layered, load_of, plan_of

from planner.errors import InputError
from planner.report.measures import executor_load, furthest, knee
from planner.report.timeline import DONE, FAILED, NOT_RUN, Figures, Timeline, busy_share


def test_the_timeline_joins_a_shuffled_load_report_by_the_tasks_ids():
    plan = layered(80)
    load = load_of(plan, failed=(0,))
    order = np.random.default_rng(3).permutation(plan.graph.n)
    straight, shuffled = Timeline.of(plan, load), Timeline.of(plan, _with_tasks(load, load.tasks.take(order)))
    for name in ("measured_lane", "measured_start_us", "measured_finish_us", "status"):
        np.testing.assert_array_equal(getattr(straight, name), getattr(shuffled, name))
    starts = load.tasks["start_us"].to_pylist()
    assert straight.measured_start_us.tolist() == [start or 0 for start in starts]
    assert straight.status[0] == FAILED
    assert set(straight.status.tolist()) == {DONE, FAILED, NOT_RUN}


def test_a_task_that_the_report_leaves_out_counts_as_not_run():
    plan = layered(40)
    load = load_of(plan)
    lines = Timeline.of(plan, _with_tasks(load, load.tasks.slice(1)))
    assert lines.status[0] == NOT_RUN
    assert not lines.ran[0] and lines.ran[1:].all()


def test_a_slot_that_the_plan_does_not_know_gets_its_own_row():
    plan = layered(40, slots=2)
    load = load_of(plan)
    executors = ["stranger", *load.tasks["executor"].to_pylist()[1:]]
    tasks = load.tasks.set_column(load.tasks.schema.get_field_index("executor"), "executor", [executors])
    lines = Timeline.of(plan, _with_tasks(load, tasks))
    assert lines.lanes[-1][0] == "stranger"
    assert lines.measured_lane[0] == 2


def test_a_load_report_of_another_plan_is_refused_with_its_tasks():
    with pytest.raises(InputError, match="'b'"):
        Timeline.of(plan_of([1.0], ids=["a"]), load_of(plan_of([1.0], ids=["b"])))


def test_an_emulated_run_scales_the_prediction_and_the_bound():
    plan = plan_of([1.0, 3.0], slots=1)
    figures = Figures.of(plan, load_of(plan, scale=0.5, noise=0))
    assert (figures.predicted_us, figures.bound_us, figures.measured_us) == (2_000_000, 2_000_000, 2_000_000)
    assert Timeline.of(plan, load_of(plan, scale=0.5)).planned_finish_us.tolist() == [500_000, 2_000_000]


def test_busy_shares_add_up_to_the_busy_time():
    plan = layered(200, slots=8)
    schedule = plan.schedule
    edges = np.linspace(0, plan.makespan_us, 38)
    share = busy_share(schedule.slot, schedule.start_us, schedule.finish_us, 8, edges)
    assert share.min() >= 0 and share.max() <= 1 + 1e-9
    np.testing.assert_allclose((share * np.diff(edges)).sum(axis=1), plan.busy_us)


def test_the_furthest_tasks_come_first_and_exact_ones_not_at_all():
    plan = plan_of([1.0] * 4, slots=1)
    load = load_of(plan, noise=0)
    assert len(furthest(plan, Timeline.of(plan, load))) == 0
    finish = [1_000_000, 2_500_000, 3_000_000, 3_200_000]
    tasks = load.tasks.set_column(load.tasks.schema.get_field_index("finish_us"), "finish_us", [finish])
    far = furthest(plan, Timeline.of(plan, _with_tasks(load, tasks)))
    assert far["id"].tolist() == ["3", "1"]
    assert far["difference_us"].tolist() == [-800_000, 500_000]


def test_executors_stand_in_the_plans_order():
    plan = layered(60, slots=12)
    table = executor_load(plan, load_of(plan))
    assert table["executor"].tolist() == [str(i) for i in range(12)]
    assert table["planned_tasks"].sum() == table["tasks"].sum() == 60


@pytest.mark.parametrize("makespan", [[5], [5, 4], [3, 3, 3], [1, 2, 3], [30, 20, 10], [9, float("nan"), 1]])
def test_a_curve_without_a_knee_has_none(makespan):
    assert knee(range(1, len(makespan) + 1), makespan) is None


def _with_tasks(load, tasks):
    return type(load)(
        tasks, load.slots, load.status, load.predicted_makespan_us, load.measured_makespan_us, load.elapsed_us
    )
