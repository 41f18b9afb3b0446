"""What a listener sends without the chain, for tests that have no socket."""

from __future__ import annotations

import asyncio

from kdns.chain import Transport
from kdns.serve.responder import Address, Responder


def hit(responder: Responder, wire: bytes, transport: Transport = Transport.udp, *, six: bool = False) -> bytes | None:
    """The reply, told of at once, if it can be had without asking the chain. `six` is a client over IPv6."""
    lying = responder.lying(wire[2:], transport)
    if lying is None:
        return None
    responder.gave([lying.counts_as or lying], transport, 2 if six else 1, 0.0)
    responder.settle()
    return wire[:2] + lying.body


async def answer(
    responder: Responder, wire: bytes, client: Address, local: Address, transport: Transport
) -> bytes | None:
    """The reply to a message that misses, as a listener has it made: a datagram without a task where that can be."""
    if transport is not Transport.udp:
        return await responder.respond(wire, client, local, transport)
    told: list[bytes | None] = []
    later: list[asyncio.Future[bytes | None]] = []
    rest = responder.begin(
        wire, client, local, lambda reply: later[0].set_result(reply) if later else told.append(reply)
    )
    if rest is not None:
        return await rest()
    if not told:
        later.append(asyncio.get_running_loop().create_future())
        return await later[0]
    return told[0]
