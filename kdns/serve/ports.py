"""Bound sockets for datagrams, of the kind that this system has."""

from __future__ import annotations

import socket

from kdns.serve import batch
from kdns.serve.batch import Batch
from kdns.serve.datagram import Port, Single
from kdns.serve.listen import bind


def ports(host: str, port: int, shared: bool = False, ours: bool = False, *, batched: bool | None = None) -> list[Port]:
    """Bound sockets for an address, or for all where `host` is empty; `shared`, `ours` as in `bind`.

    They take many datagrams at once where that is possible, unless `batched` says which. Raises StartError.
    """
    kind: type[Batch | Single] = Batch if (batch.AVAILABLE if batched is None else batched) else Single
    return [kind(sock) for sock in bind(host, port, socket.SOCK_DGRAM, shared=shared, ours=ours)]
