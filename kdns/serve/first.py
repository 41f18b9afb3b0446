"""What is answered without an entry of its own: names that do not exist, and first questions for those that do.

Both are looked for in one walk over a name, label by label, which begins without knowing whether it is a name at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from kdns.chain import Transport
from kdns.proto.glance import Bare
from kdns.proto.name import MAX_LABEL
from kdns.serve.denials import Denials, Denied
from kdns.serve.entry import Lying, Whole
from kdns.serve.holdings import Asking, Holdings
from kdns.serve.lately import Lately

Later = Callable[[], Whole | None]


class Known(Protocol):
    """What a listener has of other names than those with entries."""

    denials: Denials
    holdings: Holdings
    lately: Lately


def first(known: Known, asked: Bare, size: int, transport: Transport) -> Lying | Later | None:
    """The reply to a query of `size` bytes; how it can be kept, if it came lately: from an entry it costs a tenth. None
    where the chain has to be asked.

    What is not the bytes of a query is never answered: behind labels of a right length its rest is all known.
    """
    key = asked[0]
    found = _closest(known, key)
    if found is None:
        return None
    held, left = found
    if known.lately.again(key):
        return partial(held.whole, left, asked, transport)
    return held.at_once(left, asked, size, transport)


def _closest(known: Known, key: bytes) -> tuple[Denied | Asking, list[bytes]] | None:
    """What answers a question: a denial that is held of the closest encloser, or what is held of the zone; and the
    labels of the name before that.
    """
    denied: dict[bytes, Denied] | None = known.denials.held
    held = known.holdings.held
    left: list[bytes] = []
    at, length, last = 0, key[0], len(key) - 1
    while 0 < length <= MAX_LABEL and at + length < last:
        start, at = at + 1, at + 1 + length
        left.append(key[start:at])
        rest = key[at:]
        if denied and (denial := denied.get(rest)) is not None:
            if denial.absent(left[-1]):
                return denial, left
            denied = None  # it exists, so those above it have nothing to say
        asking = held.get(rest)
        if asking is not None:
            return asking, left
        length = key[at]
    return None
