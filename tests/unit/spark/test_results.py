"""What a run writes as it goes is its owner's alone, whatever others' files allow."""

from __future__ import annotations

import json
import os
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from planner.runtime.journal import Journal
from planner.spark.run import _result_writer


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_results_are_for_their_owner_alone(tmp_path: Path) -> None:
    write = _result_writer(tmp_path / "results", ["a table", "json", "../escape", "nan"])
    for task, value in enumerate([pa.table({"x": [1]}), {"a": [1, None]}, {1, 2}, float("nan")]):
        write(task, value)
    results = sorted((tmp_path / "results").iterdir())
    assert [path.name for path in results] == ["0-a_table.arrow", "1-json.json", "2-.._escape.pickle", "3-nan.pickle"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in results} == {0o600}
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == 0o700
    assert pa.ipc.open_file(results[0]).read_all().equals(pa.table({"x": [1]}))
    assert json.loads(results[1].read_text()) == {"a": [1, None]}
    assert pickle.loads(results[2].read_bytes()) == {1, 2}


def test_a_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(1, {"event": "hello"})
    journal.close()
    assert stat.S_IMODE((tmp_path / "journal.jsonl").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "journal.jsonl").read_text()) == {"at_us": 1, "event": "hello"}
