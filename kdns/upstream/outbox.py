"""What is sent in one turn of the loop is sent together, at its end.

To send wakes who is asked, if that is on this machine, and that costs more than all the rest of sending. Of several
that are sent together the first wakes, and the others find it awake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Outbox:
    """Of one event loop."""

    def __init__(self) -> None:
        self._posted: list[Callable[[], None]] = []

    def post(self, send: Callable[[], None]) -> None:
        """Call `send`, which must not raise, in the loop's next turn, with all others that come before that."""
        if not self._posted:
            asyncio.get_running_loop().call_soon(self._send)
        self._posted.append(send)

    def _send(self) -> None:
        posted, self._posted = self._posted, []
        for send in posted:
            send()


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox() -> Outbox:
    """That of the running loop, for as long as that is there."""
    loop = asyncio.get_running_loop()
    found = _outboxes.get(loop)
    if found is None:
        found = _outboxes[loop] = Outbox()
    return found
