"""Sphinx's settings for the site. Its source is the checkout, so that README, changes and benchmarks are pages of it.

`make docs` builds it into dist/site, where every warning is an error, and has docs/check.py look at what was built.
"""

from __future__ import annotations

import os
import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from planner.cli.parser import build_parser

project = "planner"
html_title = "planner"
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "benchmarks/README.md", "docs/**"]
exclude_patterns = [".venv", "build", "dist", "runs"]  # is not even walked through
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4

# What docstrings put into single quotes is linked where it is on a page, and code where it is not.
default_role = "py:obj"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # docstrings tell types in words
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
add_module_names = False

html_theme = "furo"  # its fonts are those of the system
html_extra_path = ["home"]  # index.html, which leads to the first page
html_copy_source = False
html_show_sphinx = False


def sidebar(app: Any, page: str, source: list[str]) -> None:
    """Make the sidebar from the lists of the first page: a heading there is one here, a link is an entry."""
    if page != root_doc:
        return
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        caption, _, rest = section.partition("\n")
        links = re.findall(r"^- \[([^\]]*)\]\(([^)]+)\.(?:md|rst)\)", rest, re.MULTILINE)
        entries = [f"{text} <{path}>" for text, path in links]
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""])


class CommandLine(Directive):
    """What ``--help`` says of the command and of each of its commands."""

    def run(self) -> list[nodes.Node]:
        """Give a section for each."""
        os.environ["COLUMNS"] = "88"  # argparse makes its help as wide as the terminal
        whole = build_parser()
        made: list[nodes.Node] = [nodes.literal_block(text=whole.format_help(), language="text")]
        for name, parser in whole.commands.items():
            section = nodes.section(ids=[name], names=[name])
            section += nodes.title(text=parser.prog)
            section += nodes.literal_block(text=parser.format_help(), language="text")
            made.append(section)
        return made


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of both."""
    app.connect("source-read", sidebar)
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
