"""A script run in the process of the tests: what ``python script.py`` does, without a new Python and its imports."""

from __future__ import annotations

import contextlib
import io
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["scripted"]


def scripted(script: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with its words in a folder, where no Java is to be found, and give how it ended and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
        patch.setenv("PATH", "/nowhere")
        patch.setenv("JAVA_HOME", "/nowhere")
        patch.setattr(sys, "argv", [str(script), *words])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
    return subprocess.CompletedProcess(sys.argv, ended.value.code or 0, out.getvalue(), err.getvalue())  # type: ignore[arg-type]
