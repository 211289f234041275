"""Small pieces of HTML and SVG. Every value that comes from outside passes through `escape`."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from importlib.resources import files

from planner.model.units import MICROSECONDS, format_seconds

__all__ = [
    "COLOURS",
    "PALETTE",
    "asset",
    "bar",
    "definitions",
    "duration",
    "escape",
    "percent",
    "signed",
    "table",
    "visible",
]

COLOURS = {
    "busy": "#4269d0",
    "wait": "#efb118",
    "idle": "#8b93a7",
    "predicted": "#8b93a7",
    "measured": "#4269d0",
    "bound": "#3ca951",
    "failed": "#e0442e",
}
"""Middle tones, legible on white and on black; the page's style sheet refines them for light and dark."""

PALETTE = ("#4269d0", "#3ca951", "#a463f2", "#ff8ab7", "#43aa9b", "#9c6b4e", "#97bbf5", "#a8a03c")
"""Colours of kinds of task; no red, which is kept for failures."""

_PICTURES = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
_PICTURES_AND_ESCAPES: dict[int, int | str] = {
    **_PICTURES,
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    **{code: f"\\u{code:04x}" for code in (*range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))},
}


def asset(name: str) -> str:
    """Read a file of the package's assets; works from a .zip too."""
    return files("planner.report").joinpath("assets", name).read_text(encoding="utf-8")


def visible(text: object) -> str:
    r"""Show the control and direction characters of a text instead of obeying them.

    Examples
    --------
    >>> visible("a\x1b[31m\n")
    'a␛[31m␊'
    """
    return str(text).translate(_PICTURES_AND_ESCAPES)


def escape(value: object) -> str:
    """Make text fit for HTML, in an element or a quoted attribute.

    Examples
    --------
    >>> escape("<b>&")
    '&lt;b&gt;&amp;'
    """
    return html.escape(visible(value))


def duration(us: float) -> str:
    """Give microseconds as a person reads them, negative ones too; a dash for nothing.

    Examples
    --------
    >>> duration(142_700_000), duration(17_030_000), duration(float("nan"))
    ('2 min 23 s', '17.03 s', '–')
    """
    if math.isnan(us):
        return "–"
    sign, size = "−" if us < 0 else "", abs(us)
    if not 120 * MICROSECONDS <= size < 3600 * MICROSECONDS:
        return sign + format_seconds(size)
    minutes, seconds = divmod(round(size / MICROSECONDS), 60)
    return f"{sign}{minutes} min {seconds} s" if seconds else f"{sign}{minutes} min"


def signed(us: float) -> str:
    """Give a difference in microseconds, with its sign."""
    return ("+" if us > 0 else "") + duration(us)


def percent(share: float) -> str:
    """Give a share as a percentage with at most three digits that count.

    Examples
    --------
    >>> percent(0.0213), percent(1.234), percent(0), percent(float("inf"))
    ('2.13 %', '123 %', '0 %', '∞')
    """
    if math.isinf(share) or math.isnan(share):
        return "∞" if share > 0 else "–"
    return f"{share * 100:.0f} %" if abs(share) >= 1 or share == 0 else f"{share * 100:.3g} %"


def bar(
    parts: Iterable[tuple[str, float]], *, mark: float | None = None, width: int | str = 140, height: int = 10
) -> str:
    """Draw a stacked bar as inline SVG.

    Parameters
    ----------
    parts : iterable of (str, float)
        Name in `COLOURS` and share of the whole width, in order.
    mark : float, optional
        Share at which a tick stands: what was predicted.
    """
    pieces, x = [], 0.0
    for name, share in parts:
        piece = min(max(share, 0.0), 1.0 - x)
        if piece > 0:
            opacity = ' fill-opacity="0.3"' if name == "idle" else ""
            place = f'x="{x:.2%}" width="{piece:.2%}" height="{height}"'
            pieces.append(f'<rect class="{name}" {place} fill="{COLOURS[name]}"{opacity}/>')
        x += piece
    if mark is not None:
        at = f"{min(max(mark, 0.0), 1.0):.2%}"
        pieces.append(
            f'<line class="mark" x1="{at}" x2="{at}" y1="0" y2="{height}" stroke="currentColor" stroke-width="2"/>'
        )
    return f'<svg class="bar" width="{width}" height="{height}" aria-hidden="true">{"".join(pieces)}</svg>'


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: Sequence[int] = (0,),
    attributes: Sequence[str] = (),
) -> str:
    """Lay cells out as a table.

    Parameters
    ----------
    head : sequence of str
        Column titles, plain text.
    rows : iterable of sequence of str
        Cells that are HTML already.
    text_columns : sequence of int
        Columns aligned to the left; numbers stand on the right.
    attributes : sequence of str
        Attributes of each row, HTML already.
    """

    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=text' if i in text_columns else ''}>{value}</{tag}>" for i, value in enumerate(values)
        )

    body = "".join(
        f"<tr{' ' + attributes[i] if i < len(attributes) and attributes[i] else ''}>{cells('td', row)}</tr>"
        for i, row in enumerate(rows)
    )
    return (
        f"<table><thead><tr>{cells('th', [escape(title) for title in head])}</tr></thead><tbody>{body}</tbody></table>"
    )


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """List names and values as a definition list."""
    return (
        "<dl>"
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
        + "</dl>"
    )
