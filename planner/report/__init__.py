"""Reports: an HTML file, fragments for notebooks, text for terminals."""

from planner.report.page import write_report

__all__ = ["write_report"]
