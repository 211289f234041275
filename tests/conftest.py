"""What all tests share: marks by folder, and where the published instances lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SPARK_TESTS = Path(__file__).parent / "spark"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/spark, and let Spark's own libraries warn there without failing the test."""
    for item in items:
        if SPARK_TESTS in item.path.parents:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Give the folder of published instances, or skip where there is none."""
    folder = Path(os.environ.get("PLANNER_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no published instances at {folder}; PLANNER_REFERENCE_DATA names the folder")
    return folder
