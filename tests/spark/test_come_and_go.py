"""Executors that Spark takes away, or adds, while a plan runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.timeout(280)]


def driven(what: str, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Let a driver of its own run a plan; give what it said, and the journal."""
    script = Path(__file__).with_name("come_and_go.py")
    ended = subprocess.run(
        [sys.executable, str(script), what, str(folder)], capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return json.loads(ended.stdout.splitlines()[-1]), lines


def test_an_executor_that_is_decommissioned_gets_no_more_work_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    said, lines = driven("go", tmp_path / "run")
    assert said["sum"] == 61
    events = [line["event"] for line in lines]
    assert events.count("leaving") == 1 and events.count("regrouped") == 1 and "lost" not in events
    finished = [line["task"] for line in lines if line["event"] == "finished"]
    assert sorted(finished) == sorted(set(finished)), "nothing is made again"
    (leaving,) = [line for line in lines if line["event"] == "leaving"]
    (regrouped,) = [line for line in lines if line["event"] == "regrouped"]
    began = [line["start_us"] for line in lines if line["event"] == "finished" and line["slot"] == leaving["slot"]]
    assert max(began) < regrouped["at_us"]


def test_executors_that_dynamic_allocation_adds_get_work(tmp_path: Path) -> None:
    said, lines = driven("come", tmp_path / "run")
    assert said["sum"] == 121 and said["slots"] == 3 and said["warnings"] == []
    assert len(said["ran"]) >= 2, "later executors ran some of it"
    events = [line["event"] for line in lines]
    assert events.count("hello") >= 2 and "regrouped" not in events and "lost" not in events
    assert sum(line["event"] == "move" for line in lines) > 0
