"""A notebook's kernel in a process of its own: runs cells, and can be interrupted while it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

__all__ = ["Kernel", "kernel"]

Message = dict[str, Any]


class Kernel:
    """A kernel that has started.

    Parameters
    ----------
    manager : KernelManager
    client : BlockingKernelClient
    """

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager, self._client = manager, client

    def run(self, code: str, interrupt: Callable[[Message], bool] | None = None, timeout: float = 120) -> list[Message]:
        """Run a cell and give what it shows; interrupt it once, as a person does, at the message that asks for it."""
        sent, shown = self._client.execute(code, allow_stdin=False), []
        until = time.monotonic() + timeout
        while True:
            message = self._client.get_iopub_msg(timeout=max(until - time.monotonic(), 0.1))
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return shown
            shown.append(message)
            if interrupt is not None and interrupt(message):
                interrupt = None
                self._manager.interrupt_kernel()

    def value(self, code: str) -> str:
        """Run a cell that has to succeed, and give what its last line shows as text."""
        shown = self.run(code)
        wrong = [message["content"]["traceback"] for message in shown if message["msg_type"] == "error"]
        assert not wrong, "\n".join(wrong[0])
        return next(m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] == "execute_result")


@contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    """Start a kernel in a folder, and end it with all that it has started."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)
