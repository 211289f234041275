"""The line of a run: Arrow Flight between those who know its token, in clear or under TLS.

The token itself is never sent. A call shows what is derived from it, before anything of the call is read; and every
message bears a seal, made with another key that is derived from it, which is checked before the message is unpickled,
so that whoever answers at a peer's address without knowing the token is not believed either.
"""

from __future__ import annotations

import hmac
import pickle
import secrets
import socket
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow.flight as flight

from planner.runtime.certificates import Certificates

__all__ = ["Line", "local_address", "new_token"]

_SEAL_BYTES = 32


def new_token() -> str:
    """Make a token for one run: 256 random bits."""
    return secrets.token_hex(32)


@dataclass(frozen=True)
class Line:
    """How the processes of one run speak to one another.

    Attributes
    ----------
    token : str
        The run's secret; shown nowhere.
    tls : Certificates or None
        None speaks in clear.
    """

    token: str = field(repr=False)
    tls: Certificates | None = None

    def address(self, host: str, port: int) -> str:
        """Give the URI at which a server of this run is reached, or with port 0 where it may listen."""
        bare = host.strip("[]")
        return f"grpc{'+tls' if self.tls else ''}://{f'[{bare}]' if ':' in bare else bare}:{port}"

    def client(self, address: str) -> flight.FlightClient:
        """Open a client; under TLS, the server has to bear its address, or the name of all certificates."""
        if self.tls is None:
            return flight.FlightClient(address)
        certificate, key, ca = self.tls.pem
        name = self.tls.name or None
        return flight.FlightClient(
            address, tls_root_certs=ca, cert_chain=certificate, private_key=key, override_hostname=name
        )

    def options(self, timeout: float | None = None) -> flight.FlightCallOptions:
        """Give the options of a call that shows the token; `timeout` in seconds."""
        return flight.FlightCallOptions(timeout=timeout, headers=[(b"authorization", self._shown)])

    def server(self, host: str) -> dict[str, Any]:
        """Give the arguments of a Flight server that listens on one address, for those who show the token."""
        served: dict[str, Any] = {
            "location": self.address(host, 0),
            "middleware": {"token": _TokenCheck(self._shown)},
        }
        if self.tls is not None:
            certificate, key, ca = self.tls.pem
            served |= {"tls_certificates": [(certificate, key)], "verify_client": True, "root_certificates": ca}
        return served

    def encode(self, message: Any) -> bytes:
        """Pickle and seal a message."""
        return self.seal(pickle.dumps(message, protocol=5))

    def seal(self, body: bytes) -> bytes:
        """Seal what is pickled already."""
        return hmac.digest(self._key, body, "sha256") + body

    def decode(self, body: Any) -> Any:
        """Unpickle a message that bears the seal.

        Raises
        ------
        pyarrow.flight.FlightUnauthenticatedError
            If it does not; nothing of it has been unpickled then.
        """
        view = memoryview(body)
        seal, pickled = view[:_SEAL_BYTES], view[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, hmac.digest(self._key, pickled, "sha256")):
            raise flight.FlightUnauthenticatedError("what came does not bear the seal of the run")
        return pickle.loads(pickled)  # noqa: S301

    def mark(self, ticket: bytes) -> bytes:
        """Give the mark that the answer to a ticket bears."""
        return hmac.digest(self._derived(b"marks answers"), ticket, "sha256")

    def _derived(self, purpose: bytes) -> bytes:  # one key for each, so that a mark can never pass for a seal
        return hmac.digest(self.token.encode(), purpose, "sha256")

    @cached_property
    def _shown(self) -> bytes:
        return f"Bearer {self._derived(b'shown by callers').hex()}".encode()

    @cached_property
    def _key(self) -> bytes:
        return self._derived(b"seals messages")

    def __getstate__(self) -> dict[str, Any]:
        return {"token": self.token, "tls": self.tls}


class _TokenCheck(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, expected: bytes) -> None:
        super().__init__()
        self._expected = expected

    def start_call(self, info: flight.CallInfo, headers: dict[str, list[Any]]) -> None:
        for shown in headers.get("authorization", []):
            if hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, self._expected):
                return
        raise flight.FlightUnauthenticatedError("this call does not show the token of the run")


def local_address(host: str, port: int) -> str:
    """Find the address of this machine from which `host` is reached: the one to bind to, and not all of them."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family[0], socket.SOCK_DGRAM) as probe:
        probe.connect(family[4])
        return str(probe.getsockname()[0])
