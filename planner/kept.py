"""Whether the machine code of all loops is kept on this machine, so that nothing is left to compile.

Numba keeps it in the folder that NUMBA_CACHE_DIR names; else beside the source, or where that cannot be written, in the
user's home. A note in the same place says when all of it is there, and for which processor and versions.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

__all__ = ["busy", "compiling", "complete", "place", "sealed"]

PACKAGE = Path(__file__).parent
_BESIDE = PACKAGE / "__pycache__"
_TELLING = ("model name", "flags", "Features", "CPU implementer", "CPU variant", "CPU part")


def complete() -> bool:
    """Tell whether all is compiled, for this processor and these versions, since the last change to the source."""
    return any(_is_true(folder / _name()) for folder in _places())


def sealed() -> bool:
    """Tell whether all is compiled beside the source, where this user may read it and not write, as in an image."""
    return not os.environ.get("NUMBA_CACHE_DIR") and not os.access(_BESIDE, os.W_OK) and _is_true(_BESIDE / _name())


def place() -> Path | None:
    """Give the folder where a note can be written; None, if machine code cannot be kept anywhere."""
    for folder in _places():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return None


def busy(folder: Path) -> bool:
    """Tell whether a process is `compiling` everything now."""
    with compiling(folder, wait=False) as note:
        return note is None and not complete()


@contextmanager
def compiling(folder: Path, *, wait: bool = True) -> Iterator[Callable[[Iterable[Path], Iterable[Path]], None] | None]:
    """Be the only process on this machine that compiles everything.

    Parameters
    ----------
    folder : Path
        The `place` of the note, which is also the lock: the end of the block, or of the process, opens it.
    wait : bool
        Whether to wait for another process that is at it.

    Yields
    ------
    callable or None
        Notes that these files are kept, and from which sources. None, if another process is at it or has done it.
    """
    with (folder / _name()).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
            return

        def note(kept: Iterable[Path], sources: Iterable[Path]) -> None:
            folders = sorted({str(source.parent) for source in sources})
            file.truncate(0)
            json.dump({"for": _world(), "folders": folders, "kept": sorted(map(str, kept))}, file)

        yield None if complete() else note


def _places() -> Iterator[Path]:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given)
        return
    yield _BESIDE
    with suppress(RuntimeError):  # there may be no home
        yield Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "numba"


def _name() -> str:
    return f"planner-{hashlib.sha256(str(PACKAGE).encode()).hexdigest()[:12]}.{sys.implementation.cache_tag}.json"


def _is_true(note: Path) -> bool:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        same, unchanged = said["for"] == _world(), note.stat().st_mtime >= _last_change(said["folders"])
        return same and unchanged and all(map(os.path.exists, said["kept"]))
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or another version's
        return False


def _last_change(folders: Iterable[str]) -> float:
    sources = [source for folder in folders for source in Path(folder).glob("*.py")]
    zipped = [parent for parent in PACKAGE.parents if parent.is_file()]
    return max((path.stat().st_mtime for path in [*sources, *zipped]), default=0.0)


def _world() -> list[str]:
    """Name what machine code depends on, without the seconds that asking the compiler takes."""
    numba = find_spec("numba")
    versions = "" if numba is None or numba.origin is None else Path(numba.origin).with_name("_version.py").read_text()
    return [sys.version, hashlib.sha256(versions.encode()).hexdigest(), platform.machine(), _processor()]


def _processor() -> str:
    with suppress(OSError):
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        return hashlib.sha256("".join(x for x in first.splitlines() if x.startswith(_TELLING)).encode()).hexdigest()
    return platform.processor()
