"""A page in a real browser: what it shows, what it says on its console, and what it asks the network for."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

__all__ = ["BLUE", "EVIL", "HOST", "RED", "WORSE", "Shown"]

HOST = "planner-report.invalid"
EVIL = f'<img src="http://{HOST}/x.png" onerror="document.documentElement.dataset.pwned=1">'
WORSE = f'</script><script src="http://{HOST}/x.js"></script><script>document.documentElement.dataset.pwned=2</script>'
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    "--window-size=1200,1500",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BLUE, RED = (0x42, 0x69, 0xD0), (0xD9, 0x2F, 0x1C)


class Shown:
    """A page as the browser shows it: its DOM after the scripts, pixels, console, and what it asked of the network."""

    def __init__(self, page: Path, *options: str) -> None:
        browser = os.environ.get("PLANNER_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            pytest.skip(f"none of {', '.join(BROWSERS)} is on the PATH; PLANNER_CHROMIUM can name a browser")
        picture, log, profile = (page.with_suffix(suffix) for suffix in (".png", ".netlog", ".profile"))
        own = (f"--user-data-dir={profile}", f"--log-net-log={log}", "--dump-dom", f"--screenshot={picture}")
        command = [browser, *OPTIONS, *options, *own, page.as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0 and picture.exists(), done.stderr.decode(errors="replace")[-2000:]
        self.dom = done.stdout.decode()
        self.console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        self.pixels = decode_png(picture.read_bytes())
        self.log = log.read_text(encoding="utf-8", errors="replace")
        root = re.search("<(?:html|svg)[^>]*>", self.dom)[0]
        self.data = {name: html.unescape(value) for name, value in re.findall('data-([a-z-]+)="([^"]*)"', root)}

    def count(self, colour: tuple[int, int, int], tolerance: int = 3) -> int:
        """Count the pixels of a colour."""
        return int((np.abs(self.pixels.astype(int) - colour).max(axis=2) <= tolerance).sum())


def decode_png(data: bytes) -> np.ndarray:
    """Decode a PNG of 8-bit RGB or RGBA without interlacing; shape (height, width, 3)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, header = 8, b"", b""
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height = (int.from_bytes(header[i : i + 4], "big") for i in (0, 4))
    channels = {2: 3, 6: 4}[header[9]]
    assert header[8] == 8 and header[12] == 0
    rows = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(height, 1 + width * channels)
    out = np.zeros((height, width, channels), dtype=np.uint8)
    for y in range(height):
        line = rows[y, 1:].reshape(width, channels)
        above = out[y - 1] if y else np.zeros((width, channels), dtype=np.uint8)
        out[y] = _unfilter(int(rows[y, 0]), line, above)
    return out[:, :, :3]


def _unfilter(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    if kind == 0:
        return line
    if kind == 1:
        return np.add.accumulate(line, axis=0, dtype=np.uint8)
    if kind == 2:
        return line + above
    out = np.zeros_like(line)
    for channel in range(line.shape[1]):
        left = corner = 0
        values = []
        for raw, up in zip(line[:, channel].tolist(), above[:, channel].tolist(), strict=True):
            guess = (left + up) // 2
            if kind == 4:
                nearest = [(abs(up - corner), left), (abs(left - corner), up), (abs(left + up - 2 * corner), corner)]
                guess = min(nearest, key=lambda pair: pair[0])[1]
            left = (raw + guess) & 255
            corner = up
            values.append(left)
        out[:, channel] = values
    return out
