"""A server that stands in for the API of Kubernetes: it keeps what it is asked to create, and says that it did so."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

__all__ = ["kubernetes_api"]

NOT_FOUND = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


@contextmanager
def kubernetes_api() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the server's address, and what it was asked to create so far."""
    created: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            resource = yaml.safe_load(self.rfile.read(int(self.headers["Content-Length"])))  # JSON is YAML, too
            created.append(resource)
            metadata = {"uid": str(uuid.uuid4()), "resourceVersion": "1"}
            resource = {**resource, "metadata": {**resource.get("metadata", {}), **metadata}}
            self.answer(201 if self.command == "POST" else 200, resource)

        do_PATCH = do_PUT = do_POST

        def do_GET(self) -> None:
            self.answer(404, NOT_FOUND)

        do_DELETE = do_GET

        def answer(self, code: int, resource: dict[str, Any]) -> None:
            body = json.dumps(resource).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", created
        finally:
            server.shutdown()
            thread.join()
