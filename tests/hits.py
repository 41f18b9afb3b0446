"""What a listener sends without the chain, for tests that have no socket."""

from __future__ import annotations

from kdns.chain import Transport
from kdns.serve.responder import Responder


def hit(responder: Responder, wire: bytes, transport: Transport = Transport.udp, *, six: bool = False) -> bytes | None:
    """The reply, told of at once, if it can be had without asking the chain. `six` is a client over IPv6."""
    lying = responder.lying(wire[2:], transport)
    if lying is None:
        return None
    responder.gave([lying.counts_as or lying], transport, 2 if six else 1, 0.0)
    responder.settle()
    return wire[:2] + lying.body
