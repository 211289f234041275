"""A small graph in a file, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from planner.cli import main

TASKS = [
    {"id": "load", "run": "math:sqrt", "args": [16], "work": 1, "output": "1MB"},
    {"id": "left", "run": "operator:neg", "after": ["load"], "work": 3},
    {"id": "right", "run": "operator:abs", "after": ["load"], "work": 2},
    {"id": "join", "run": "operator:add", "after": ["left", "right"], "work": 1},
]


class Said(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON that has no NaN in it."""

        def refuse(name: str) -> Any:
            raise AssertionError(f"{name} in JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def graph(tmp_path: Path) -> str:
    """Give a file with a graph of four tasks, whose critical path takes 5 s."""
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"format": "planner.graph/1", "tasks": TASKS}))
    return str(file)


@pytest.fixture
def planner(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give the command line."""

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return call
