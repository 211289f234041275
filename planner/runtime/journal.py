"""The journal of a run: one JSON line for everything that happens, as it happens."""

from __future__ import annotations

import fcntl
import json
import threading
from pathlib import Path
from typing import Any, TextIO

from planner.errors import Fault, InputError

__all__ = ["Journal"]


class Journal:
    """Appends events to ``journal.jsonl``; a line is whole or absent, so a killed driver leaves it readable.

    Parameters
    ----------
    path : Path or None
        None keeps no journal.

    Raises
    ------
    InputError
        If another run is writing it.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        if path is not None:
            path.touch(mode=0o600)  # for its owner alone
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path is not None else None
        if self._file is not None:
            self._lock_file(self._file, path)

    def write(self, at_us: int, *events: dict[str, Any]) -> None:
        """Append events that happened at `at_us`, microseconds on the coordinator's clock."""
        if self._file is None or not events:
            return
        text = "".join(json.dumps({"at_us": at_us, **event}) + "\n" for event in events)
        with self._lock:
            if not self._file.closed:
                self._file.write(text)
                self._file.flush()

    @staticmethod
    def _lock_file(file: TextIO, path: Path | None) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise InputError(
                [Fault(str(path), "a run is going on in this folder; expected one that has ended")]
            ) from error
        except OSError:
            return  # a file system that knows no locks

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with self._lock:
                self._file.close()
