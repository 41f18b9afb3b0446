"""*erratic* - answers late, cut or not at all, to see what clients make of it.

Description

Every question for A is answered 192.0.2.53, every one for AAAA 2001:db8::53, with a TTL of 0; AXFR with a
small zone of the name that was asked. Anything else is SERVFAIL. Of these replies some are dropped, some
late, some have TC set, counted from the first question on: with `drop 3` the first, the fourth and so on are
dropped. A zone transfer that would have TC set lacks its last record instead.

To *ready* of the same server block it is ready while it has seen three or four questions, to show the change.

Syntax

~~~
erratic {
    drop [AMOUNT]
    truncate [AMOUNT]
    delay [AMOUNT [DURATION]]
    large
}
~~~

* `drop`: one in AMOUNT questions is not answered.
* `truncate`: one in AMOUNT replies has TC set.
* `delay`: one in AMOUNT replies comes DURATION later, 100ms unless given.
* `large`: thirty addresses for A, more than fits into 512 bytes uncompressed.

AMOUNT is 2 unless given; 0 is never. Without any of the first three every other question is dropped, with
`truncate` or `delay` alone none.

Examples

~~~ corefile
example.org {
    erratic {
        drop 3
    }
}
~~~

One in three 50 ms later, one in five cut:

~~~ corefile
example.org {
    erratic {
        delay 3 50ms
        truncate 5
    }
}
~~~

See also

RFC 5737 and RFC 3849, the addresses; CoreDNS's *erratic*, whose syntax and behaviour these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.corefile.values import Reader, duration_text, flag, read_options
from kdns.proto.message import Ede
from kdns.proto.name import MAX_NAME, Name, from_text
from kdns.proto.record import RRset, Soa, addresses, soa
from kdns.proto.reverse import pack
from kdns.proto.types import EDE, RCode, RRType
from kdns.site import Site

REPEATABLE = True
"""Lines add up (as in CoreDNS)."""

_AMOUNT = 2
_LATE = 0.1
_MOST = 2**31 - 1
_LARGE = 30
_READY = range(3, 5)
_FOUR, _SIX = pack("192.0.2.53"), pack("2001:db8::53")


class Every(NamedTuple):
    """One in so many questions, none where it is 0. `seconds` is for delays."""

    amount: int = 0
    seconds: float = _LATE

    def has(self, number: int) -> bool:
        """Whether the question of this number, counted from 0, is one of these."""
        return self.amount > 0 and number % self.amount == 0


_NONE = Every()


@dataclass(slots=True)
class Habits:
    """What is done to which questions, and how many there were."""

    drop: Every = _NONE
    truncate: Every = _NONE
    delay: Every = _NONE
    large: bool = False
    seen: int = field(default=0, init=False)


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes what to do to replies. It is the end of the chain: no later plugin is asked."""
    given: dict[str, Any] = {}
    for line in directive.every:
        line.no_arguments()
        given |= read_options(line, _OPTIONS)
    if not given.keys() & {"drop", "truncate", "delay"}:
        given["drop"] = Every(_AMOUNT)
    habits = Habits(**given)
    if site.uses("ready"):
        _add_readiness(habits, site)

    def compose(next: Handler) -> Handler:
        return Erratic(habits)

    return compose


def _add_readiness(habits: Habits, site: Site) -> None:
    """One entry for the plugin, whatever the number of its server blocks."""
    every: list[Habits] = site.build.shared("erratic", list)
    every.append(habits)
    site.build.readiness["erratic"] = lambda: "; ".join(
        f"{each.seen} questions seen" for each in every if each.seen not in _READY
    )


def _every(most: int) -> Reader[Every]:
    def read(line: Directive) -> Every:
        amount, *late = line.arguments(0, most) or (str(_AMOUNT),)
        if not (amount.isdecimal() and amount.isascii() and int(amount[:11]) <= _MOST):
            raise line.error(f"'{line.name}' takes one in how many, as '2' or '10', not '{amount}'", 0)
        try:
            return Every(int(amount), *map(duration_text, late))
        except ValueError as error:
            raise line.error(f"'{line.name}' takes a duration: {error}", 1) from None

    return read


_OPTIONS: dict[str, Reader[object]] = {"drop": _every(1), "truncate": _every(1), "delay": _every(2), "large": flag}


@dataclass(frozen=True, slots=True)
class Erratic:
    """Answers everything. `sleep` takes seconds."""

    habits: Habits
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def __call__(self, query: Query) -> Response:
        habits = self.habits
        number, habits.seen = habits.seen, habits.seen + 1
        if habits.drop.has(number):
            return Response(silent=True, by="erratic")
        if habits.delay.has(number):
            await self.sleep(habits.delay.seconds)
        return _reply(query, cut=habits.truncate.has(number), large=habits.large)


def _reply(query: Query, *, cut: bool, large: bool) -> Response:
    name, type = query.question.name, query.question.type
    if type == RRType.AXFR:
        return Response(answer=tuple(_zone(name, whole=not cut)), authoritative=True, by="erratic")
    if type not in {RRType.A, RRType.AAAA}:
        ede = Ede(EDE.OTHER, "erratic answers A, AAAA and AXFR only")
        return Response(rcode=RCode.SERVFAIL, ede=ede, by="erratic")
    first = _FOUR if type == RRType.A else _SIX
    count = _LARGE if large and type == RRType.A else 1
    ips = [first[:-1] + bytes((first[-1] + place,)) for place in range(count)]
    return Response(answer=(addresses(name, 0, ips),), authoritative=True, truncated=cut, by="erratic")


def _zone(name: Name, *, whole: bool) -> Iterator[RRset]:
    """The records of a transfer in their order; the SOA at its end is what says that there is no more."""
    start = Soa(from_text("sns.dns.icann.org"), from_text("noc.dns.icann.org"), 2018050825, 7200, 3600, 1209600, 3600)
    apex = RRset(name, RRType.SOA, 0, (soa(start),))
    yield apex
    if len(name) + 2 <= MAX_NAME:
        a, b = (bytes((1,)) + letter + name for letter in (b"a", b"b"))
        yield RRset(name, RRType.NS, 0, (b, a))
        yield addresses(a, 0, [pack("2001:bd8::53")])
        yield addresses(b, 0, [pack("2001:500::54")])
    if whole:
        yield apex
