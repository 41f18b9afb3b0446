"""*loadbalance* - varies the order of the records in replies.

Description

Most clients use the first address of a reply. With *loadbalance* the A and AAAA records of a name take turns
at being first, as do MX records, and SRV records if they all have one priority (not in CoreDNS). CNAME
records stay before the addresses that they lead to. Taking turns costs nothing: a reply that is kept ready
goes out with its records begun at the next one each time.

With `prefer`, addresses in the first network come first, then those in the second, and so on; those in none
come last. Within a network the order is drawn for each reply.

With `weighted`, the address that comes first is drawn for each reply, by the weights in a file:

~~~
# Lines that begin with # mean nothing.
www.example.com
100.64.1.1 3
100.64.1.2 1
~~~

A name stands on a line of its own, and below it each address with its weight, 1 to 255. An address that is
not listed has weight 1; the addresses of a name that is not listed take turns. Replies whose order is drawn
are made anew each time.

Syntax

~~~
loadbalance [round_robin] {
    prefer CIDR...
}
loadbalance weighted FILE {
    reload DURATION
}
~~~

* `reload`: look for changes of FILE this often; 30s unless said, `0s` for never. A file that is not there at
  start is waited for, unless it is never looked for again. A change that cannot be read is logged, and the
  weights stay as they were.

Where *loadbalance* stands several times the last counts.

Examples

~~~ corefile
. {
    loadbalance
    whoami
}
~~~

Addresses of the same site first:

~~~ corefile
. {
    loadbalance round_robin {
        prefer 10.9.20.0/24 192.168.1.0/24
    }
    whoami
}
~~~

~~~ corefile
example.com {
    loadbalance weighted /etc/kdns/weights {
        reload 10s
    }
    whoami
}
~~~

See also

CoreDNS's *loadbalance*, whose options and file these are. It shuffles; kdns takes turns where it can.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from random import Random
from typing import ClassVar

from kdns.chain import Handler, Plugin, Query, Response, Scope
from kdns.corefile.block import Directive
from kdns.corefile.near import near
from kdns.corefile.values import Network, Reader, cidrs, duration, each, read_options
from kdns.errors import CorefileError, CorefileErrors, NameSyntaxError
from kdns.log import logger
from kdns.proto.name import Name, fold, from_text
from kdns.proto.record import RRset
from kdns.proto.reverse import Address, pack
from kdns.proto.types import RCode, RRType
from kdns.site import Site
from kdns.straight import Up

REPEATABLE = True

_log = logger("loadbalance")
_RELOAD = 30.0
"""Seconds (CoreDNS, plugin/loadbalance/setup.go)."""
_HEAVIEST = 255
_POLICIES = ("round_robin", "weighted")
_ADDRESSES = frozenset({RRType.A, RRType.AAAA})
_TURNING = _ADDRESSES | {RRType.MX, RRType.SRV}
_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})

Draw = Callable[[RRset], RRset]
"""Gives an RRset of several addresses in a drawn order, or itself where its records may take turns."""
Table = Mapping[Name, Mapping[Address, int]]
"""The weights of addresses by owner, folded."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Reads the policy; a weight file is read now, and again while the server runs."""
    *_, last = [_policy(line, site) for line in directive.every]
    if isinstance(last, Weights):
        site.build.parts.append(last)
        return partial(LoadBalance, draw=last.draw, depends_on=frozenset({last.key}))
    return partial(LoadBalance, draw=last)


def _policy(line: Directive, site: Site) -> Draw | Weights:
    policy = line.args[0] if line.args else "round_robin"
    if policy not in _POLICIES:
        hint = near(policy, _POLICIES)
        raise line.error(f"'loadbalance' takes round_robin or weighted, not '{policy}'{hint}", 0)
    if policy == "weighted":
        return _weighted(line, site)
    line.arguments(0, 1, "loadbalance round_robin")
    given = read_options(line, {"prefer": each(cidrs), "reload": _goes_with("weighted FILE")})
    networks = tuple(chain.from_iterable(given.get("prefer", ())))
    return partial(preferred, networks, Random()) if networks else _as_it_is


def _weighted(line: Directive, site: Site) -> Weights:
    file = site.rooted(line.arguments(2, 2, "loadbalance weighted FILE")[1])
    given = read_options(line, {"reload": duration, "prefer": _goes_with("round_robin")})
    weights = Weights(file, Random(), given.get("reload", _RELOAD), site.build.changes.publish)
    try:
        weights.read()
    except OSError as error:
        text = f"the weights in '{file}' cannot be read: {error.strerror or error}"
        if not weights.every:
            raise line.error(text, 1) from None
        _log.warning("%s; will try again in %gs", text, weights.every)
    return weights


def _goes_with(policy: str) -> Reader[None]:
    def refuse(line: Directive) -> None:
        raise line.error(f"'{line.name}' goes with 'loadbalance {policy}'")

    return refuse


def _as_it_is(rrset: RRset) -> RRset:
    return rrset


@dataclass(frozen=True, slots=True)
class LoadBalance:
    """Draws the order of addresses where `draw` has a say, and lets other records take turns.

    `depends_on` are the keys of what `draw` goes by.
    """

    next: Handler
    draw: Draw = _as_it_is
    depends_on: frozenset[Hashable] = frozenset()
    catches: ClassVar[bool] = False

    @property
    def same_for_all_names(self) -> bool:
        """Whether it draws nothing."""
        return self.draw is _as_it_is

    async def __call__(self, query: Query) -> Response:
        return self._seen(query, await self.next(query))

    def down(self, query: Query) -> Up:  # noqa: ARG002
        """See `straight.Passing`."""
        return self._seen

    def _seen(self, query: Query, response: Response) -> Response:
        if response.rcode != RCode.NOERROR or not response.answer or query.question.type in _TRANSFERS:
            return response
        if len(response.answer) == 1 and all(len(each.rdatas) == 1 for each in response.answer + response.additional):
            return response
        return self._varied(response)

    def _varied(self, response: Response) -> Response:
        before = _aliases_first(response.answer)
        answer, additional, drawn = before, response.additional, [False] * len(before)
        if self.draw is not _as_it_is:
            answer = tuple(map(self._drawn, before))
            additional = tuple(map(self._drawn, response.additional))
            old = (*before, *response.additional)
            drawn = [new is not rrset for new, rrset in zip(answer + additional, old, strict=True)]
        turns = [place for place, rrset in enumerate(answer) if not drawn[place] and _can_turn(rrset)]
        scope = Scope.NOBODY if any(drawn) else Scope.EVERYBODY
        keep = response.keep.narrowed(scope=scope, depends_on=self.depends_on)
        turn = turns[-1] if turns else None
        return replace(response, answer=answer, additional=additional, turn=turn, keep=keep)

    def _drawn(self, rrset: RRset) -> RRset:
        return self.draw(rrset) if rrset.type in _ADDRESSES and len(rrset.rdatas) > 1 else rrset


def _aliases_first(answer: tuple[RRset, ...]) -> tuple[RRset, ...]:
    """Stub resolvers such as glibc's want a CNAME before the addresses it leads to."""
    if any(rrset.type == RRType.CNAME for rrset in answer):
        return tuple(sorted(answer, key=lambda rrset: rrset.type in _TURNING))
    return answer


def _can_turn(rrset: RRset) -> bool:
    if len(rrset.rdatas) < 2 or rrset.type not in _TURNING:
        return False
    # Clients sort SRV records by priority anyway (RFC 2782); where it says something, leave it in order.
    return rrset.type != RRType.SRV or len({rdata[:2] for rdata in rrset.rdatas}) == 1


def preferred(networks: Sequence[Network], random: Random, rrset: RRset) -> RRset:
    """The addresses by the first network they are in, each group in a drawn order; itself if there is one."""
    group_of = {rdata: _group(networks, rdata) for rdata in rrset.rdatas}
    if len(set(group_of.values())) == 1:
        return rrset
    shuffled = random.sample(rrset.rdatas, len(rrset.rdatas))
    return rrset._replace(rdatas=tuple(sorted(shuffled, key=group_of.__getitem__)))


def _group(networks: Sequence[Network], rdata: bytes) -> int:
    address = ipaddress.ip_address(rdata)
    return next((place for place, network in enumerate(networks) if address in network), len(networks))


class Weights:
    """The weights in a file, looked at again every so many seconds (0: never). A Part.

    `publish` is told `key` when other weights are in force.
    """

    def __init__(
        self,
        file: str,
        random: Random,
        every: float,
        publish: Callable[[Iterable[Hashable]], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.every = every
        self.key = ("weights", file)
        self._publish = publish
        self._file = file
        self._random = random
        self._sleep = sleep
        self._table: Table = {}
        self._seen: bytes | None = None
        self._complaint = ""
        self._task: asyncio.Task[None] | None = None

    def draw(self, rrset: RRset) -> RRset:
        """The RRset with a drawn address first; itself where the file does not know the owner."""
        table = self._table.get(fold(rrset.owner))
        if table is None:
            return rrset
        rdatas = list(rrset.rdatas)
        weights = [table.get(rdata, 1) for rdata in rdatas]
        top = self._random.choices(range(len(rdatas)), weights)[0]
        rdatas[0], rdatas[top] = rdatas[top], rdatas[0]
        return rrset._replace(rdatas=tuple(rdatas))

    def read(self) -> bool:
        """Read the file; whether it is new. Raises OSError, and CorefileErrors with the file's own lines."""
        content = Path(self._file).read_bytes()
        if content == self._seen:
            return False
        self._seen = content
        self._table = parse_weights(content, self._file)
        return True

    def look(self) -> None:
        """Read the file again; log what is wrong with it, once."""
        complaint = ""
        try:
            if self.read():
                _log.info("read the weights of %d names in %s", len(self._table), self._file)
                self._publish([self.key])
        except OSError as error:
            complaint = f"the weights in '{self._file}' cannot be read: {error.strerror or error}"
        except CorefileErrors as errors:
            complaint = str(errors)
        if complaint and complaint != self._complaint:
            _log.error("%s; the weights stay as they were", complaint)
        self._complaint = complaint

    async def start(self) -> None:
        """Begin to look."""
        if self.every:
            self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _watch(self) -> None:
        while True:
            await self._sleep(self.every)
            self.look()


def parse_weights(content: bytes, file: str) -> Table:
    """Read a weight file. Raises CorefileErrors, with the file's own lines."""
    table: dict[Name, dict[Address, int]] = {}
    mistakes: list[CorefileError] = []
    below: dict[Address, int] | None = None
    for number, line in enumerate(content.splitlines(), start=1):
        words = line.decode(errors="replace").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if len(words) == 1:
                below = {}  # for what stands below a name that is none
                below = table.setdefault(_owner(words[0]), below)
            else:
                _add(below, words)
        except ValueError as error:
            mistakes.append(CorefileError(file, number, str(error)))
    if mistakes:
        raise CorefileErrors(mistakes)
    return table


def _add(below: dict[Address, int] | None, words: Sequence[str]) -> None:
    if below is None:
        raise ValueError(f"'{words[0]}' has no name above it: a name stands on a line of its own")
    address, weight = _weight(words)
    below[address] = weight


def _owner(text: str) -> Name:
    if _is_address(text):
        raise ValueError(f"the weight of '{text}' is missing: '{text} 1'")
    try:
        return fold(from_text(text))
    except NameSyntaxError as error:
        raise ValueError(str(error)) from None


def _weight(words: Sequence[str]) -> tuple[Address, int]:
    if len(words) > 2:
        raise ValueError(f"a line has an address and its weight, not {len(words)} words")
    address, weight = words
    if not _is_address(address):
        raise ValueError(f"'{address}' is no address")
    if not (weight.isascii() and weight.isdigit() and len(weight) <= 3 and 1 <= int(weight) <= _HEAVIEST):
        raise ValueError(f"a weight is a number from 1 to {_HEAVIEST}, not '{weight}'")
    return pack(address), int(weight)


def _is_address(text: str) -> bool:
    try:
        pack(text)
    except ValueError:
        return False
    return True
