"""Lines for terminals and logs: columns, bars, and a width that is kept.

Lines fit the width of the terminal. Where the output cannot show block characters, everything falls back to ASCII.
Control characters in ids are shown, not sent to the terminal.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

from planner.report.markup import visible

__all__ = ["aligned", "columns_of", "finish", "shortened", "terminal_width", "with_bars", "wrapped"]

_ASCII = str.maketrans(
    {
        **{"█": "#", "▒": "~", "·": ".", "│": "|", "−": "-", "–": "-", "…": "...", "×": "x", "÷": "/", "±": "+-"},
        **{"∞": "inf", "┤": "|", "└": "+", "─": "-", "┊": ":", "▲": "^", "◀": "<", "→": "->"},
        **dict(zip("▁▂▃▄▅▆▇", "__..::#", strict=True)),
    }
)


def terminal_width(width: int | None = None) -> int:
    """Give the columns of the terminal, or those that were asked for."""
    return shutil.get_terminal_size((100, 24)).columns if width is None else width


def columns_of(text: str) -> int:
    """Give the columns that a text takes in a terminal: wide characters take two, combining ones none.

    Examples
    --------
    >>> columns_of("id"), columns_of("日本")
    (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, most: int = 48) -> str:
    """Leave out the middle of a long text.

    Examples
    --------
    >>> shortened("abcdefghij", 6)
    'ab…hij'
    """
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"


def wrapped(text: str, width: int | None = None, indent: int = 6) -> list[str]:
    """Break a long line between words; what follows the first line is indented."""
    return textwrap.wrap(text, terminal_width(width), subsequent_indent=" " * indent, break_on_hyphens=False)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    """Lay rows out in columns under their titles; those that `left` names on the left, the others on the right."""
    cells = [[shortened(visible(value)) for value in row] for row in [head, *rows]]
    wide = [max(columns_of(row[i]) for row in cells) for i in range(len(head))]

    def padded(i: int, value: str) -> str:
        space = " " * (wide[i] - columns_of(value))
        return value + space if i in left else space + value

    return ["  ".join(padded(i, value) for i, value in enumerate(row)).rstrip() for row in cells]


def with_bars(
    head: Sequence[str], cells: Sequence[Sequence[str]], shares: Sequence[Sequence[tuple[str, float]]], width: int
) -> list[str]:
    """Lay rows out in columns, and a bar behind each.

    Parameters
    ----------
    head : sequence of str
        Titles of the columns.
    cells : sequence of sequence of str
    shares : sequence of sequence of (str, float)
        The parts of each row's bar: the character they are drawn with, and their share of the whole.
    width : int
        Columns that there are.
    """
    lines = aligned(head, cells)
    while len(head) > 2 and max(map(columns_of, lines)) > width:  # a narrow terminal keeps the first columns whole
        head, cells = head[:-1], [row[:-1] for row in cells]
        lines = aligned(head, cells)
    room = min(width - max(map(columns_of, lines)) - 3, 48)
    if room < 8:
        return lines
    bars = [""]
    for parts in shares:
        drawn, upto = "", 0.0
        for mark, share in parts:
            upto += share
            drawn += mark * (min(round(upto * room), room) - len(drawn))
        bars.append(f"  │{drawn}")
    wide = max(map(columns_of, lines))
    return [(line + " " * (wide - columns_of(line)) + bar).rstrip() for line, bar in zip(lines, bars, strict=True)]


def finish(lines: Sequence[str], width: int | None, unicode: bool | None) -> str:
    """Cut lines to the width and join them, in ASCII where the output can show no more."""
    most = terminal_width(width)
    text = "\n".join(line if columns_of(line) <= most else _cut(line, most) for line in map(visible, lines))
    if unicode is None:
        unicode = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")
    return text if unicode else text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _cut(line: str, width: int) -> str:
    while columns_of(line) >= width and line:
        line = line[: -max(1, (columns_of(line) - width) // 2)]
    return f"{line}…"
