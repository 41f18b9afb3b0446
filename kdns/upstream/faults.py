"""What can go wrong between us and another server."""

from __future__ import annotations

import os
import ssl

from kdns.errors import KdnsError
from kdns.proto.types import EDE


class UpstreamError(KdnsError):
    """No answer. `code` is the Extended DNS Error that says so to a client (RFC 8914 §4)."""

    code: EDE = EDE.NETWORK_ERROR


class Silent(UpstreamError):
    """Nothing came in time. Its text ends in `i/o timeout`, as CoreDNS's does: logs are searched for that."""

    code = EDE.NO_REACHABLE_AUTHORITY

    def __init__(self, where: str, seconds: float) -> None:
        super().__init__(f"{where} did not answer within {seconds:g}s: i/o timeout")


class Cut(UpstreamError):
    """A connection ended while questions were open on it."""


class Besieged(UpstreamError):
    """So many replies came that were not to the question that no more of them are believed."""


def reason(error: OSError) -> str:
    """What the operating system or TLS says, in small letters."""
    if isinstance(error, ssl.SSLError):
        text = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    else:
        text = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
