"""What a slot asks of its Python process and of this machine."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

__all__ = ["boot_id", "core_wait_ns", "cores_here", "error_text", "give_back", "imported", "responsive"]


def boot_id() -> str:
    """Tell whether two processes share one monotonic clock: the identity of this boot of this machine."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else f"pid {os.getpid()}"


def imported(run: str) -> Callable[..., Any]:
    """Import what ``package.module:function`` names."""
    module, _, name = run.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def error_text(error: BaseException) -> str:
    """Give the text of an error, even where its class is the user's and broken."""
    try:
        return str(error)
    except Exception:
        return "(its text cannot be made)"


def cores_here() -> float:
    """Give the processors that this process may use, at most what its container's quota is."""
    allowed = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(os.cpu_count() or 1)
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        allowed = min(allowed, float(quota) / float(period))
    return allowed


def core_wait_ns() -> int:
    """Tell how long this thread has been ready to run while others had the cores; 0 where that is not known.

    Linux counts it; see its documentation of ``schedstat``.
    """
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    return 0


def give_back() -> None:
    """Give the system the memory back that is free in this process, where the C library can: glibc keeps it."""
    pa.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def responsive() -> Iterator[None]:
    """Let the threads that move values take turns with the running task every 0.5 ms instead of 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
