"""A log–log line as a static picture, in a file of its own; readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, BELOW, ABOVE, RIGHT = 500, 300, 64, 44, 34, 40


def log_log(path: Path, title: str, across: str, up: str, points: Sequence[tuple[float, float]]) -> None:
    """Draw points joined by a line, with a grid line for every power of ten and each value at its point."""
    xs, ys = ([math.log10(value) for value in column] for column in zip(*points, strict=True))
    low, high = math.floor(min(ys)), math.ceil(max(ys))
    first, last = math.floor(min(xs)), math.ceil(max(xs))

    def place(x: float, y: float) -> tuple[float, float]:
        right = LEFT + (x - first) / max(1, last - first) * (WIDTH - LEFT - RIGHT)
        return right, HEIGHT - BELOW - (y - low) / max(1, high - low) * (HEIGHT - ABOVE - BELOW)

    parts = [f'<text x="{LEFT}" y="18" class="title">{title}</text>']
    for power in range(low, high + 1):
        y = place(first, power)[1]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for power in range(first, last + 1):
        x = place(power, low)[0]
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ABOVE}" y2="{HEIGHT - BELOW}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BELOW + 16}" text-anchor="middle">{10**power:,}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, xs, ys))
    parts.append(f'<polyline points="{line}" class="line"/>')
    for (x, y), (_, value) in zip(map(place, xs, ys), points, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="dot"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{value:.3g}</text>')
    middle = (HEIGHT - BELOW + ABOVE) / 2
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
    parts.append(f'<text transform="translate(14,{middle}) rotate(-90)" text-anchor="middle">{up}</text>')
    style = (
        "text{font:12px sans-serif;fill:#57606a}.title{font-weight:600}.grid{stroke:#8b949e;stroke-opacity:.3}"
        ".line{fill:none;stroke:#1f77b4;stroke-width:2}.dot{fill:#1f77b4}"
        "@media(prefers-color-scheme:dark){text{fill:#adbac7}.line{stroke:#6cb6ff}.dot{fill:#6cb6ff}}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
    path.write_text(f"{head}<style>{style}</style>{''.join(parts)}</svg>\n")
