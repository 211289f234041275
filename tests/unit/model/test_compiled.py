"""Loops: compiled when they are first called, kept where that is possible, or run as they are written."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from planner.model import compiled as door

LOOPS = """
from planner.model.compiled import bare, inlined

@inlined
def one_more(x):
    return x + 1

@bare
def count(numbers):
    total = 0
    for number in numbers:
        total = one_more(total)
    return total
"""


@pytest.fixture
def loops(tmp_path: Path) -> Path:
    """Give a module of loops in a folder of its own."""
    file = tmp_path / "loops.py"
    file.write_text(LOOPS)
    return file


def load(file: Path) -> ModuleType:
    """Import a file, as a process does that has not yet compiled anything of it."""
    spec = importlib.util.spec_from_file_location(f"loops_{len(door._loops)}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hits(loop: Any) -> tuple[int, int]:
    """How often machine code was found, and how often not."""
    stats = loop.machine.stats
    return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())


def test_machine_code_is_kept_beside_the_source(loops: Path) -> None:
    first = load(loops).count
    assert first((5, 6, 7)) == 3 and hits(first) == (0, 1)
    again = load(loops).count
    assert again((5, 6, 7)) == 3 and hits(again) == (1, 0)
    assert [file.parent for file in again.files] == [loops.parent / "__pycache__"]


def test_a_change_to_a_file_beside_is_a_change(loops: Path) -> None:
    beside = loops.with_name("other.py")
    beside.write_text("")
    assert load(loops).count((1,)) == 1
    os.utime(beside, (2**31, 2**31))
    door._last_change.cache_clear()
    again = load(loops).count
    assert again((1,)) == 1 and hits(again) == (0, 1)


def test_where_nothing_can_be_written_machine_code_is_read(loops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(loops).count((1, 2))
    kept = sorted(path.name for path in (loops.parent / "__pycache__").iterdir())
    monkeypatch.setattr(door, "_sealed", lambda: True)
    again = load(loops).count
    assert again((1, 2)) == 2 and hits(again) == (1, 0)
    assert again((1, 2, 3)) == 3 and hits(again) == (1, 1)  # what is not there is compiled, and not kept
    assert sorted(path.name for path in (loops.parent / "__pycache__").iterdir()) == kept


def test_loops_as_they_are_written_load_no_compiler() -> None:
    code = """
import sys
from planner import Cluster, Graph, plan
from planner.model.compiled import interpreted
graph = Graph.from_arrays(work=[3, 2, 2, 1], source=[0, 1], target=[3, 3], output=[10**6] * 4)
with interpreted():
    planned = plan(graph, Cluster.uniform(2))
assert planned.makespan == 4.0, planned
print([name for name in ("numba", "llvmlite") if name in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_an_error_ends_it() -> None:
    with pytest.raises(KeyError), door.interpreted():
        raise KeyError
    assert door.slowness() == 1
