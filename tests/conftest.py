"""What all tests share: marks by folder, and where the published instances lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["PLANNER_COMPILE"] = "now"  # no test leaves a process behind that compiles

ROOT = Path(__file__).resolve().parent.parent
MARKED_FOLDERS = {"spark": pytest.mark.spark, "browser": pytest.mark.browser}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/spark and tests/browser, and let Spark's own libraries warn without failing a test."""
    for item in items:
        for folder, mark in MARKED_FOLDERS.items():
            if Path(__file__).parent / folder in item.path.parents:
                item.add_marker(mark)
        if item.get_closest_marker("spark"):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Give the folder of published instances, or skip where there is none."""
    folder = Path(os.environ.get("PLANNER_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no published instances at {folder}; PLANNER_REFERENCE_DATA names the folder")
    return folder
