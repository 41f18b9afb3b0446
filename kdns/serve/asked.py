"""A question on its way to the chain, and who waits for the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple

from kdns.chain import Peer, Query
from kdns.serve.router import Served

Send = Callable[[bytes | None], None]
"""Takes a reply; None where silence is the answer."""
Rest = Callable[[], Awaitable[bytes | None]]
"""Makes a reply, however long that takes."""


class Asked(NamedTuple):
    """A question for the chain of who is `served`. Its reply may have `limit` bytes; `wire` is as it came."""

    query: Query
    served: Served
    wire: bytes
    limit: int

    def reply(self, body: bytes | None) -> bytes | None:
        """A reply to it, of what lies behind the id."""
        return self.wire[:2] + body if body is not None else None


@lru_cache(maxsize=256)
def here(ip: str, port: int) -> Peer:
    """An address that is asked, of which there are few."""
    return Peer(ip, port)
