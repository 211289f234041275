"""The shell of every page: one HTML file that opens without a network, and a policy that keeps it so."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from planner.errors import Fault, InputError
from planner.report.markup import escape

__all__ = ["page", "write_text"]

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
{scripts}</body>
</html>
"""

_DATA = """<div id="tip" role="status" hidden></div>
<script type="application/json" id="data">{data}</script>
"""


def page(title: str, body: str, *, style: str, script: str = "", data: str = "") -> str:
    """Make a page that holds its style, its script and its data, and whose policy forbids everything else.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML already.
    style, script : str
        CSS and JavaScript; a page without a script may run none.
    data : str
        JSON for the script, made fit to stand inside a script element; nothing, if the script needs none.
    """
    scripts = _DATA.format(data=data) if data else ""
    scripts += f'<script type="module">{script}</script>\n' if script else ""
    return _SHELL.format(policy=_policy(style, script), title=escape(title), style=style, body=body, scripts=scripts)


def write_text(text: str, path: str | Path) -> Path:
    """Write a page or a picture; a file that exists is replaced.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"cannot be written ({error.strerror}); expected a file in a folder that exists"
        raise InputError([Fault(str(path) or "an empty name", problem)]) from error
    return target


def _policy(style: str, script: str) -> str:
    """Allow this style and this script, and nothing else: no network, no other script, no form, no frame."""
    only = f"style-src {_hash(style)}; script-src {_hash(script) if script else repr('none')}; img-src data:"
    return f"default-src 'none'; {only}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
