"""Arrow Flight with the run's token: every call must show it before anything of it is read."""

from __future__ import annotations

import hmac
import pickle
import secrets
import socket
from typing import Any

import pyarrow.flight as flight

__all__ = ["decode", "encode", "local_address", "new_token", "token_check", "token_options"]


def new_token() -> str:
    """Make a token for one run: 256 random bits."""
    return secrets.token_hex(32)


def token_options(token: str, timeout: float | None = None) -> flight.FlightCallOptions:
    """Give the call options that show the token; `timeout` in seconds."""
    return flight.FlightCallOptions(timeout=timeout, headers=[(b"authorization", f"Bearer {token}".encode())])


class _TokenCheck(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, token: str) -> None:
        super().__init__()
        self._expected = f"Bearer {token}".encode()

    def start_call(self, info: flight.CallInfo, headers: dict[str, list[Any]]) -> None:
        for shown in headers.get("authorization", []):
            if hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, self._expected):
                return
        raise flight.FlightUnauthenticatedError("this call does not show the token of the run")


def token_check(token: str) -> dict[str, flight.ServerMiddlewareFactory]:
    """Give the middleware that refuses every call without the token."""
    return {"token": _TokenCheck(token)}


def encode(message: Any) -> bytes:
    """Encode a message between the coordinator and a slot."""
    return pickle.dumps(message, protocol=5)


def decode(body: Any) -> Any:
    """Decode a message of a peer that has shown the token."""
    return pickle.loads(body)  # noqa: S301


def local_address(host: str, port: int) -> str:
    """Find the address of this machine from which `host` is reached: the one to bind to, and not all of them."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family[0], socket.SOCK_DGRAM) as probe:
        probe.connect(family[4])
        return str(probe.getsockname()[0])
