"""Reports: an HTML file, fragments for notebooks, text for terminals."""

from planner.report.comparison import write_comparison
from planner.report.curve import curve_html, write_curve
from planner.report.curve_text import curve_text
from planner.report.file_parts import files_html, files_text
from planner.report.key_load import key_load_html, key_load_text
from planner.report.notebook import comparison_html, load_html, plan_html
from planner.report.page import write_report
from planner.report.partition_plan import partition_plan_html, partition_plan_text
from planner.report.profile import profile_text
from planner.report.ranges import ranges_html, ranges_text
from planner.report.redundancy import Redundancy
from planner.report.stages import stages_html, stages_text, write_stages
from planner.report.text import comparison_text, load_text, plan_text, prose, table

__all__ = [
    "Redundancy",
    "comparison_html",
    "comparison_text",
    "curve_html",
    "curve_text",
    "files_html",
    "files_text",
    "key_load_html",
    "key_load_text",
    "load_html",
    "load_text",
    "partition_plan_html",
    "partition_plan_text",
    "plan_html",
    "plan_text",
    "profile_text",
    "prose",
    "ranges_html",
    "ranges_text",
    "stages_html",
    "stages_text",
    "table",
    "write_comparison",
    "write_curve",
    "write_report",
    "write_stages",
]
