"""The command line: ``planner methods | plan | compare | simulate | run | report``."""

from planner.cli.app import main

__all__ = ["main"]
