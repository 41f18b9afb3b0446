"""A CA of our own, and what servers and clients make of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; `file` is its own, for those who shall believe them."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str, clients: bool = False) -> ssl.SSLContext:
        """For a server of these names; with `clients` only those who show a certificate of ours get in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        context.set_alpn_protocols(["dot"])
        return context

    def client(self) -> ssl.SSLContext:
        """For one who believes us."""
        context = ssl.create_default_context(cafile=str(self.file))
        context.set_alpn_protocols(["dot"])
        return context

    def pair(self, name: str) -> tuple[Path, Path]:
        """Files of a certificate and its key."""
        issued, cert, key = self._ca.issue_cert(name), self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        return cert, key
