"""What is learnt from measured runs, against truths that were planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_load_samples import history, one_run

from planner.io.key_history import HISTORY_SCHEMA
from planner.partitioners import Experience, learn
from planner.partitioners.power_law import power_law

N = 200


def some_rows(rng: np.random.Generator, n: int = N) -> np.ndarray:
    return np.exp(rng.normal(6, 1.5, n)).astype(np.int64) + 1


def unrelated(rng: np.random.Generator, n: int = N) -> np.ndarray:
    return np.exp(rng.normal(0, 1.5, n))


def noise(rng: np.random.Generator, n: int = N) -> np.ndarray:
    return np.exp(rng.normal(0, 0.1, n))


def away(found: Any, true: Any) -> float:
    """Give the mean distance, relative."""
    return float(np.mean(np.abs(np.log(np.asarray(found) / np.asarray(true)))))


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.5, 2.5])
def test_a_power_law_is_found(slope: float) -> None:
    rows = some_rows(np.random.default_rng(1))
    seconds = 1e-3 * (rows / 10) ** slope
    found = learn(one_run(np.arange(N)[::-1] * 11, rows, seconds))
    assert found.slope == pytest.approx(slope, abs=0.01)
    assert found.key_hash.tolist() == sorted(np.arange(N) * 11) and found.key_hash.dtype == np.int64
    np.testing.assert_allclose(found.rows, rows[::-1])
    np.testing.assert_allclose(found.seconds, np.maximum(seconds[::-1], 1e-6), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.guess([10, 1000]), [1e-3, 1e-3 * 100**slope], rtol=0.05)
    seen, new = found.expected([0, 1], [2 * rows[-1], 1000])
    assert seen == pytest.approx(2**slope * seconds[-1], rel=0.01) and new == found.guess(1000)


def test_costs_that_rows_do_not_explain_are_not_explained_by_rows() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows, seconds = some_rows(rng), unrelated(rng)
        found = learn(one_run(np.arange(N), rows, seconds))
        assert found.slope == 0
        assert found.guess([1, 10**9]) == pytest.approx([np.median(seconds)] * 2, rel=0.01)
        np.testing.assert_allclose(found.expected(np.arange(N), rows * 50), seconds, atol=1e-6)


def test_of_few_keys_no_law_is_believed_that_may_be_chance() -> None:
    found = [learn(one_run(np.arange(8), 2 ** np.arange(8), unrelated(np.random.default_rng(i), 8))) for i in range(40)]
    assert sum(one.slope > 0 for one in found) <= 3


def test_a_law_that_is_certain_but_explains_next_to_nothing_is_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(8, 1, 1400)
    assert power_law(x, 0.15 * x + rng.normal(0, 1, 1400), np.ones(1400))[0] == 0
    assert power_law(x, 0.6 * x + rng.normal(0, 1, 1400), np.ones(1400))[0] == pytest.approx(0.6, abs=0.1)


def test_keys_of_nearly_equal_rows_do_not_blur_the_law() -> None:
    slopes = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = np.append(rng.normal(5, 0.1, 400), rng.uniform(5, 9, 20))
        slopes.append(power_law(x, 1.2 * x - 3 + rng.normal(0, 0.3, 420), np.ones(420))[0])
    assert np.sqrt(np.mean(np.square(np.array(slopes) - 1.2))) < 0.04  # all pairs alike: 0.05


def test_costs_that_fall_with_rows_and_costs_of_equal_rows_have_no_slope() -> None:
    rows = some_rows(np.random.default_rng(0))
    assert learn(one_run(np.arange(N), rows, 100 / rows)).slope == 0
    assert learn(one_run(np.arange(N), 7, unrelated(np.random.default_rng(0)))).slope == 0
    assert learn(one_run(np.arange(N), rows, (rows / 1e3) ** 5)).slope == 3


def test_a_few_absurd_measurements_move_nothing() -> None:
    rng = np.random.default_rng(3)
    rows = some_rows(rng)
    seconds = 1e-3 * rows**1.5 * noise(rng)
    seconds[:20], seconds[20:30] = 1e5, 0
    found = learn(one_run(np.arange(N), rows, seconds, executor=[str(i % 4) for i in range(N)]))
    assert found.slope == pytest.approx(1.5, abs=0.05) and set(found.speeds.values()) == {1.0}
    assert found.guess(400) == pytest.approx(8.0, rel=0.1)
    assert found.seconds[20:30] == pytest.approx([1e-6] * 10)


@pytest.mark.parametrize("runs", [2, 3])
def test_a_slow_executor_is_told_from_large_keys_by_what_rows_explain(runs: int) -> None:
    rng = np.random.default_rng(0)
    rows = some_rows(rng)
    true = 1e-3 * rows**1.5
    tables = []
    for run in range(runs):
        executor = rng.integers(0, 4, N)
        seconds = true * noise(rng) * np.where(executor == 2, 3, 1)
        tables.append(one_run(np.arange(N), rows, seconds, executor.astype(str), run=run))
    found = learn(history(*tables))
    assert found.speeds["app", "2"] == pytest.approx(1 / 3, rel=0.1)
    assert [found.speeds["app", name] for name in "013"] == [1, 1, 1]
    assert found.slope == pytest.approx(1.5, abs=0.05) and away(found.seconds, true) < 0.1


@pytest.mark.parametrize(("slow", "believed"), [([True], False), ([True, False], False), ([True, False, True], True)])
def test_an_executor_that_was_slow_once_is_not_slow(slow: list[bool], believed: bool) -> None:
    rng = np.random.default_rng(0)
    rows = some_rows(rng)
    true, tables = 1e-3 * rows**1.5, []
    for run, then in enumerate(slow):  # in its first run it had everything to import
        executor = rng.integers(0, 4, N)
        seconds = true * noise(rng) * np.where((executor == 2) & then, 3, 1)
        tables.append(one_run(np.arange(N), rows, seconds, executor.astype(str), run=run))
    speed = learn(history(*tables)).speeds["app", "2"]
    assert speed < 0.5 if believed else speed == 1


def test_a_slow_executor_is_found_where_rows_explain_nothing_once_keys_ran_elsewhere_too() -> None:
    rng = np.random.default_rng(5)
    true, tables = unrelated(rng), []
    for run in range(2):
        executor = rng.integers(0, 4, N)
        seconds = true * noise(rng) * np.where(executor == 0, 3, 1)
        tables.append(one_run(np.arange(N), 1, seconds, executor.astype(str), run=run))
    found = learn(history(*tables))
    assert found.speeds["app", "0"] == pytest.approx(1 / 3, rel=0.1)
    assert [found.speeds["app", name] for name in "123"] == [1, 1, 1]
    assert away(found.seconds, true) < 0.1


def test_of_two_executors_the_faster_is_the_measure() -> None:
    rng = np.random.default_rng(2)
    true, executor = unrelated(rng), rng.integers(0, 2, N)
    tables = [
        one_run(np.arange(N), 1, true * np.where(where == 1, 3, 1), where.astype(str), run=run)
        for run, where in enumerate((executor, rng.permutation(executor)))
    ]
    found = learn(history(*tables))
    assert found.speeds == {("app", "0"): 1.0, ("app", "1"): pytest.approx(1 / 3, rel=0.01)}
    assert away(found.seconds, true) < 0.01


@pytest.mark.parametrize("kind", ["power law", "line with an overhead", "no law"])
def test_an_executor_with_the_large_keys_is_not_slow(kind: str) -> None:
    rng = np.random.default_rng(4)
    rows = np.sort(some_rows(rng))
    true = {
        "power law": 1e-3 * rows**1.2 * noise(rng),
        "line with an overhead": 2 + 1e-3 * rows,
        "no law": np.where(np.arange(N) < N // 4 * 3, 1.0, 50.0),
    }[kind]
    rows = np.ones(N) if kind == "no law" else rows
    executor = (np.arange(N) * 4 // N).astype(str)  # the largest quarter all on one
    tables = [one_run(np.arange(N), rows, true * noise(rng), executor, run=run) for run in range(3)]
    assert set(learn(history(*tables)).speeds.values()) == {1.0}


def test_executors_are_compared_inside_their_application() -> None:
    rng = np.random.default_rng(1)
    true, tables = unrelated(rng), []
    for run, (name, executors) in enumerate((("many", 6), ("two", 2), ("many", 6))):
        where = rng.integers(0, executors, N)
        seconds = true * noise(rng) * np.where((where == 1) & (name == "two"), 3, 1)
        tables.append(one_run(np.arange(N), 1, seconds, where.astype(str), run=run, application=name))
    speeds = dict(learn(history(*tables)).speeds)
    assert speeds.pop(("two", "1")) == pytest.approx(1 / 3, rel=0.1)
    assert set(speeds.values()) == {1.0}


def test_the_pieces_of_split_keys_say_nothing_of_executors() -> None:
    large, small = (
        [one_run(np.arange(50), share, share * np.ones(50), name, run=run) for run in range(2)]
        for share, name in ((30, "large pieces"), (10, "small pieces"))
    )
    assert set(learn(history(*large, *small)).speeds.values()) == {1.0}


def test_a_difference_that_is_certain_but_small_is_none() -> None:
    rng = np.random.default_rng(0)
    true, executor = unrelated(rng), rng.integers(0, 4, N)
    tables = [
        one_run(np.arange(N), 1, true * np.where(where == 1, 1.1, 1), where.astype(str), run=run)
        for run, where in enumerate((executor, rng.permutation(executor), rng.permutation(executor)))
    ]
    assert set(learn(history(*tables)).speeds.values()) == {1.0}


def test_equal_executors_are_equal_whatever_they_got() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        true, rows = unrelated(rng), some_rows(rng)
        tables = [
            one_run(np.arange(N), rows, true * noise(rng), rng.integers(0, 8, N).astype(str), run=run)
            for run in range(1 + seed % 3)
        ]
        assert set(learn(history(*tables)).speeds.values()) == {1.0}


def test_of_few_keys_no_speed_is_believed() -> None:
    def slow_one(keys: int) -> float:
        true = np.linspace(1, 2, 100)
        slow = [set(range(keys)), set(range(50, 50 + keys))]
        tables = [
            one_run(
                np.arange(100),
                1,
                [3 * value if key in slow[run] else value for key, value in enumerate(true)],
                ["slow" if key in slow[run] else str(key % 2) for key in range(100)],
                run=run,
            )
            for run in range(2)
        ]
        return learn(history(*tables)).speeds["app", "slow"]

    assert slow_one(4) == 1 and slow_one(20) == pytest.approx(1 / 3, rel=0.05)


def test_where_only_the_slowest_keys_were_reported_executors_are_not_compared_by_rows() -> None:
    rng = np.random.default_rng(0)
    executor, shown, others = np.arange(2000) % 2, [], []
    for run in range(2):
        seconds, key = unrelated(rng, 2000), np.arange(2000) + 2000 * run
        kept = (executor == 0) | (seconds > 5)  # of the second executor, what is above 5 s
        light, many, on = float(seconds[~kept].sum()), int((~kept).sum()), executor[kept]
        shown.append(one_run(key[kept], 1, seconds[kept], on.astype(str), partition=on, run=run))
        others.append(one_run([None], [many], [light], "1", partition=1, keys=many, run=run))
    assert set(learn(history(*shown, *others)).speeds.values()) == {1.0}
    assert learn(history(*shown)).speeds["app", "1"] < 1, "this test shows nothing"


def test_a_run_in_which_all_was_slow_is_no_slow_executor() -> None:
    rng = np.random.default_rng(0)
    true = unrelated(rng)
    tables = []
    for run, cold in enumerate((4.0, 1.0, 1.0)):
        where = np.where(rng.random(N) < (0.8 if run == 0 else 0.2), 1, 0)  # the second had most of the first run
        tables.append(one_run(np.arange(N), 1, cold * true * noise(rng), where.astype(str), run=run))
    found = learn(history(*tables))
    assert set(found.speeds.values()) == {1.0}
    assert away(found.seconds, true) < 0.15


def test_hosts_keep_their_speed_when_applications_come_and_go() -> None:
    rng = np.random.default_rng(0)
    true, tables = unrelated(rng), []
    for run in range(4):
        executor = rng.integers(0, 40, N)  # few keys each
        host = np.where(executor < 10, "old", np.where(executor < 25, "new", "newer"))
        seconds = true * noise(rng) * np.where(host == "old", 2.5, 1)
        table = one_run(np.arange(N), 1, seconds, executor.astype(str), host=host, run=run, application=f"app-{run}")
        tables.append(table)
    found = learn(history(*tables))
    assert found.host_speeds == {"new": 1.0, "newer": 1.0, "old": pytest.approx(1 / 2.5, rel=0.1)}
    assert found.speeds["app-3", "3"] == found.host_speeds["old"] and found.speeds["app-3", "30"] == 1
    assert away(found.seconds, true) < 0.1


def over_time(*seconds: float) -> float:
    """Learn what a key costs that took so long, the newest run last; others stay as they are."""
    runs = [one_run([1, 2, 3], [5, 5, 5], [value, 1, 1], run=run) for run, value in enumerate(seconds)]
    return float(learn(history(*runs[::2], *runs[1::2])).seconds[0])


def test_one_bad_run_moves_nothing() -> None:
    for place in range(3):
        seconds = [4.0] * 3
        seconds[place] = 4000.0
        assert over_time(*seconds) == pytest.approx(4)
    assert over_time(4, 4, 4000, 4, 0.001) == pytest.approx(4)


def test_what_has_drifted_is_followed() -> None:
    assert over_time(1, 1, 1, 1, 1, 1, 9, 9, 9) == pytest.approx(9)
    assert over_time(9, 9, 9, 9, 3, 3, 3) == pytest.approx(3)
    assert over_time(1, 2, 3, 4, 5, 6, 7, 8) == pytest.approx(7)
    assert over_time(*[1.0] * 30, *[5.0] * 5) == pytest.approx(5)


def test_without_drift_the_last_five_runs_count() -> None:
    assert over_time(90, 80, 70, 5, 9, 6, 8, 7) == pytest.approx(7)
    assert over_time(7, 7, 7, 5, 9, 6, 8, 6) == pytest.approx(6)
    assert over_time(7, 5, 5, 9, 6, 8) == pytest.approx(6)
    assert over_time(2, 8) == pytest.approx(4), "of two, between them"


def test_a_key_that_grew_is_compared_as_if_it_had_not() -> None:
    rng = np.random.default_rng(0)
    rows, tables = some_rows(rng), []
    for run in range(3):
        grown = rows * (1 + run)
        tables.append(one_run(np.arange(N), grown, 1e-2 * grown, run=run))
    found = learn(history(*tables))
    np.testing.assert_allclose(found.rows, 2 * rows)
    np.testing.assert_allclose(found.expected(np.arange(N), 10 * rows), 1e-1 * rows, rtol=1e-3)


def test_the_pieces_of_a_key_are_one_key() -> None:
    pieces = one_run([5, 5, 5, 6], [10, 20, 30, 1], [1, 2, 3, 9], ["0", "1", "2", "0"], partition=[0, 1, 2, 3])
    found = learn(history(pieces, one_run([5, 6], [60, 1], [8.0, 9], run=1)))
    assert found.rows.tolist() == pytest.approx([60, 1])
    assert found.seconds.tolist() == pytest.approx([np.sqrt(6 * 8), 9])


def test_light_keys_taken_together_count_by_their_average_and_their_number() -> None:
    heavy = np.geomspace(1e4, 1e6, 20).astype(np.int64)
    light = one_run([None] * 3, [5000, 5000, 10000], [2.0, 2.0, 4.0], keys=[500, 500, 1000])
    told = one_run(np.arange(20), heavy, heavy * 2e-4)
    assert learn(told).guess(10) == pytest.approx(2e-3, rel=0.01)
    found = learn(history(told, light))
    assert found.guess(10) == pytest.approx(4e-3, rel=0.01), "ten rows each, 4 ms each, and there are many of them"
    assert found.guess(10**5) == pytest.approx(20, rel=0.1)
    only = learn(light)
    assert len(only.key_hash) == 0 and only.guess([1, 10]) == pytest.approx([4e-3, 4e-3])


def test_nothing_teaches_nothing() -> None:
    found = learn(HISTORY_SCHEMA.empty_table())
    assert len(found.key_hash) == len(found.seconds) == len(found.rows) == 0
    assert (found.slope, found.speeds, found.host_speeds) == (0.0, {}, {})
    assert found.expected([1, 2], [3, 4]).tolist() == [1.0, 1.0]


def test_executors_that_nobody_knows_have_no_speed() -> None:
    table = one_run([1, 2, None], [3, 0, 9], [1.0, -2.0, 1.0], [None, None, None], host=[None] * 3, keys=[1, 1, 3])
    found = learn(table)
    assert (found.speeds, found.host_speeds) == ({}, {})
    assert found.seconds.tolist() == pytest.approx([1.0, 1e-6]) and found.rows.tolist() == pytest.approx([3, 1])


MEASURED = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 12),  # key
        st.integers(0, 3),  # run
        st.sampled_from(["0", "1", None]),
        st.integers(-1, 10**7),  # rows
        st.integers(-1, 10**10),  # us
        st.integers(1, 50),
    ),
    max_size=60,
)


def table_of(measured: Any, factor: int = 1) -> pa.Table:
    if not measured:
        return HISTORY_SCHEMA.empty_table()
    key, run, executor, rows, us, keys = map(list, zip(*measured, strict=True))
    keys = [1 if one is not None else many for one, many in zip(key, keys, strict=True)]
    return one_run(key, rows, np.array(us) * factor / 1e6, executor, run=run, keys=keys)


def same(one: Experience, other: Experience, factor: float = 1.0) -> None:
    np.testing.assert_array_equal(one.key_hash, other.key_hash)
    np.testing.assert_allclose(one.seconds * factor, other.seconds, rtol=1e-9)
    np.testing.assert_allclose(one.rows, other.rows, rtol=1e-9)
    np.testing.assert_allclose(one.guess([1, 1000]) * factor, other.guess([1, 1000]), rtol=1e-9)
    assert one.slope == pytest.approx(other.slope)
    assert dict(one.host_speeds) == pytest.approx(dict(other.host_speeds))
    assert dict(one.speeds) == pytest.approx(dict(other.speeds))


@settings(max_examples=25, deadline=None)
@given(measured=MEASURED, order=st.randoms(use_true_random=False))
def test_whatever_was_measured(measured: Any, order: Any) -> None:
    found = learn(table_of(measured))
    assert found.key_hash.tolist() == sorted({key for key, *_ in measured if key is not None})
    assert (found.seconds > 0).all() and np.isfinite(found.seconds).all() and (found.rows >= 1 - 1e-9).all()
    assert 0 <= found.slope <= 3 and np.isfinite(found.guess([0, -1, np.nan, 1e18])).all()
    assert all(0 < speed < np.inf for speed in (*found.speeds.values(), *found.host_speeds.values()))
    np.testing.assert_allclose(found.expected(found.key_hash, found.rows), found.seconds)
    order.shuffle(measured)
    same(found, learn(table_of(measured)))


@settings(max_examples=15, deadline=None)
@given(measured=MEASURED.map(lambda rows: [(*row[:4], max(row[4], 1), row[5]) for row in rows if row[0] is not None]))
def test_the_unit_of_time_does_not_matter(measured: Any) -> None:
    if measured:
        same(learn(table_of(measured)), learn(table_of(measured, factor=1000)), 1000)


@pytest.mark.timeout(100)  # half a second alone; what looks through all keys for each would take an hour
def test_a_great_history_takes_little_time() -> None:
    n, rng = 40_000, np.random.default_rng(0)
    key, rows = rng.integers(-(2**63), 2**63 - 1, n), some_rows(rng, n)
    true, tables = 1e-3 * rows**1.5, []
    for run in range(4):
        executor = rng.integers(0, 16, n)
        seconds = true * noise(rng, n) * np.where(executor == 3, 3, 1)
        tables.append(one_run(key, rows, seconds, executor.astype(str), run=run, application=f"app-{run}"))
    found = learn(history(*tables))
    assert found.slope == pytest.approx(1.5, abs=0.01) and away(found.expected(key, rows), true) < 0.08
    assert found.speeds["app-2", "3"] == pytest.approx(1 / 3, rel=0.02)
