"""The certificates of a run under TLS: where they are, what is in them, and what is wrong with them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["Certificates"]


@dataclass(frozen=True)
class Certificates:
    """What TLS needs, as PEM files on the driver's machine and on every executor's; only their paths travel.

    Attributes
    ----------
    certificate, key : str
        Who this process is: a certificate, or a chain of them, and its private key, which no password protects.
    ca : str
        Who may sign for the others. Both sides of every call show a certificate.
    name : str
        The name that every certificate bears; if empty, each has to bear the address at which its machine is reached.
    beside : str
        Folder of this machine in which what is not in the working directory is looked for. It does not travel.
    """

    certificate: str
    key: str
    ca: str
    name: str = ""
    beside: str = field(default="", compare=False, repr=False)

    @cached_property
    def pem(self) -> tuple[bytes, bytes, bytes]:
        """Certificate, key and CA, read once, so that a task that changes the working directory changes nothing.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        certificate, key, ca = (self._path(given).read_bytes() for given in (self.certificate, self.key, self.ca))
        return certificate, key, ca

    def faults(self, host: str) -> list[tuple[str, str]]:
        """Find what is wrong with the files on this machine, all of it at once.

        Parameters
        ----------
        host : str
            Address at which others reach this machine.

        Returns
        -------
        list of (str, str)
            ``certificate``, ``key``, ``ca`` or ``name``, and what is wrong with it.
        """
        found = []
        for what in ("certificate", "key", "ca"):
            given = getattr(self, what)
            try:
                if not self._path(given).read_bytes().strip():
                    found.append((what, f"{given} is empty; expected a PEM file"))
            except OSError as error:
                found.append((what, f"{given} cannot be read: {error.strerror or error}"))
        return found or self._told(host)

    def _told(self, host: str) -> list[tuple[str, str]]:
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server.verify_mode = ssl.CERT_REQUIRED
        found = []
        try:
            for side in (server, client):
                side.load_cert_chain(self._path(self.certificate), self._path(self.key), password=lambda: b"")
        except (ssl.SSLError, ValueError) as error:
            given, said = f"{self.certificate} and {self.key}", _said(error)
            found.append(("key", f"{given} are no certificate and its private key without a password ({said})"))
        try:
            for side in (server, client):
                side.load_verify_locations(self._path(self.ca))
        except (ssl.SSLError, ValueError) as error:
            found.append(("ca", f"{self.ca} holds no certificate ({_said(error)})"))
        if found:
            return found
        try:
            _shake_hands(server, client, self.name or host)
        except ssl.SSLCertVerificationError as error:
            mend = "" if self.name else "; where machines share it, set name to a name that it bears"
            named = error.verify_code in _MISNAMED
            said = f"{self.certificate}: {error.verify_message.rstrip('.')}{mend if named else ''}"
            return [("name" if self.name and named else "certificate", said)]
        except (ssl.SSLError, ValueError) as error:
            return [("certificate", f"{self.certificate}: {_said(error)}")]
        return []

    def _path(self, given: str) -> Path:
        path, other = Path(given), Path(self.beside, given)
        return other if self.beside and not path.exists() and other.exists() else path

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "pem"} | {"beside": ""}


_MISNAMED = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "cannot be read as PEM").lower().replace("_", " ")
    return str(error)


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Let two sides of this process show one another their certificates, as the peers of a run will."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    ]
    while sides:
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue
