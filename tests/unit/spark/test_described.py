"""What the Spark UI says of a run, where there is much to say."""

from __future__ import annotations

from report_samples import plan_of

from planner.spark.described import job_description


def test_of_many_slots_and_long_queues_the_beginning_is_told() -> None:
    said = job_description(plan_of([1.0] * 200, slots=40)).split(" · ")
    assert said[0] == "planner: 200 tasks on 40 slots" and len(said) == 34
    assert said[1] == "index 0 is executor 0 slot 0: 0, 40, 80 and 2 more" and said[-1] == "and 8 more slots"


def test_names_stay_short_and_on_one_line() -> None:
    said = job_description(plan_of([1.0, 1.0, 1.0], slots=4, ids=["x" * 1000, "two\nlines", "<b>&"]))
    assert len(said) < 400 and "\n" not in said
    assert r"'two\nlines'" in said and "<b>&" in said and said.endswith("index 3 is executor 3 slot 0: nothing")
