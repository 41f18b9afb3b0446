"""*loop* - finds out whether forwarded questions come back.

Description

A server that forwards to itself, straight or by way of others, is busy with nothing but its own questions from the
first one on. So once the server listens it asks itself, over UDP, for the HINFO of a name that nobody can guess, below
the first zone of the server block, and counts how often the question comes in. It may come twice, since it is sent
twice where there is no answer within a second. When it comes more often somebody sends it back, and the process ends,
with the exit code 3 and the reason as its last line in the log. Where there is no answer at all it tries again, with
another name, for up to 30 seconds. Then, or 2 seconds after an answer, *loop* has done its work, and passes on
everything.

The remedy is to forward to other servers. On a node with systemd-resolved `/etc/resolv.conf` names 127.0.0.53, which
asks the servers of the node, and these may be the cluster's; the file that names the others is
`/run/systemd/resolve/resolv.conf`. It goes in *forward*, or in the kubelet's `resolvConf`, for Pods with
`dnsPolicy: Default`. Where the node's own file names the cluster's DNS, take it out there.

Loops that begin later, that need another type or name, or that a server behind does not take part in at that moment
are not found.

Syntax

~~~
loop {
    when_found exit|servfail
}
~~~

`when_found`, which CoreDNS has not: with `servfail` the process stays. Everything that would go on to the next plugin,
which is what loops, is SERVFAIL then, with the reason; what the plugins before it answer, *hosts* and *kubernetes*
among them, is answered as ever. Every 30 seconds it is tried again, and when the question comes back no more all is
well again.

Examples

~~~ corefile
. {
    loop
    forward . 10.0.0.10
}
~~~

A server that is to answer for the cluster whatever the node's resolv.conf says:

~~~ txt
. {
    kubernetes cluster.local
    loop {
        when_found servfail
    }
    forward . /etc/resolv.conf
}
~~~

See also

*forward*; CoreDNS's *loop*, whose test this is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random, SystemRandom

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.corefile.values import one_of, read_options
from kdns.errors import KdnsError, NameSyntaxError
from kdns.log import logger
from kdns.proto.message import Ede, Question
from kdns.proto.name import Name, from_labels, to_text
from kdns.proto.types import EDE, Class, RCode, RRType
from kdns.site import Build, Site
from kdns.straight import Up, as_it_is
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.udp import ask

_log = logger("loop")
_MOST = 2
_WHILE, _PAUSE = 30.0, 2.0
"""Seconds of trying, and between two tries (CoreDNS: plugin/loop/setup.go)."""
_AGAIN, _PATIENCE = 1.0, 5.0
"""Seconds until a question is sent once more, and for the answer to that: *forward* takes less before it gives up."""
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_REMEDY = (
    "what is forwarded comes back: forward to other servers; where /etc/resolv.conf names this one, or 127.0.0.53, "
    "which asks it, take /run/systemd/resolve/resolv.conf or write the servers ('kdns help loop' says more)"
)
_LOOPS = Response(
    rcode=RCode.SERVFAIL, ede=Ede(EDE.OTHER, "questions that are forwarded come back to this server"), by="loop"
)


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes no arguments; the question is asked once the server listens."""
    directive.no_arguments()
    given = read_options(directive, {"when_found": one_of("exit", "servfail")})
    key = site.keys[0]
    probe = Probe(key.zone, SystemRandom(), stays=given.get("when_found") == "servfail")
    try:
        probe.draw()
    except NameSyntaxError:
        raise directive.error(f"'{key.text}' is too long for names below it, which 'loop' needs") from None
    hosts = site.binds[:1] or ["", *_LOOPBACK]
    site.build.parts.append(Prober(probe, site.build, [(host, key.port) for host in hosts]))
    return partial(Loop, probe=probe)


class Probe:
    """A question that is only asked by this server itself. `random` must be unpredictable.

    `stays`: the process does not end when it comes back; `found` tells whether it did.
    """

    def __init__(self, zone: Name, random: Random, *, stays: bool) -> None:
        self.name: Name | None = None
        self.stays = stays
        self.found = False
        self.seen = 0
        self.tell: Callable[[str], None] = _log.error
        self._zone = zone
        self._random = random

    def draw(self) -> Name:
        """Another name, not seen yet. Raises NameSyntaxError where the zone has no room for it."""
        numbers = [str(self._random.getrandbits(63)).encode() for _ in range(2)]
        self.name, self.seen = from_labels(numbers, self._zone), 0
        return self.name

    def see(self, query: Query) -> bool:
        """Whether a question is the one, and has come too often."""
        if self.name is None or query.question.type != RRType.HINFO or query.question.folded != self.name:
            return False
        self.seen += 1
        if self.seen <= _MOST:
            return False
        if not self.found:
            self.found = True
            path = f"({query.client} -> {query.local})"  # in CoreDNS's words, which logs are searched for
            question = f'"HINFO IN {to_text(self.name)}" came more than twice'
            self.tell(f'Loop {path} detected for zone "{to_text(self._zone)}": {question}, so {_REMEDY}')
        return True


class Loop:
    """Passes questions on, unless they come back."""

    catches = False

    def __init__(self, next: Handler, *, probe: Probe) -> None:
        self._next = next
        self._probe = probe

    async def __call__(self, query: Query) -> Response:
        probe = self._probe
        if probe.see(query) or (probe.found and query.question.folded != probe.name):
            return _LOOPS
        return await self._next(query)

    def down(self, query: Query) -> Up | None:
        """See `straight.Passing`."""
        probe = self._probe
        return None if probe.found or (probe.name is not None and probe.name == query.question.folded) else as_it_is


class Prober:
    """A Part: asks this server the question once it listens at one of `places`, as they were planned."""

    def __init__(
        self,
        probe: Probe,
        build: Build,
        places: list[tuple[str, int]],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._probe = probe
        self._build = build
        self._places = places
        self._sleep = sleep
        self._random = SystemRandom()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to wait for that."""
        self._task = asyncio.create_task(self._run(), name="loop")

    async def stop(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        await self._build.opened.wait()
        if not self._probe.stays:
            self._probe.tell = lambda text: self._build.halt(f"plugin/loop: {text}")
        to = self._address()
        end = self._build.clock() + _WHILE
        while not self._probe.found and self._build.clock() < end:
            answered = await self._try(to)
            await self._sleep(_PAUSE)
            if answered:
                break
        while self._probe.found and self._probe.stays:
            await self._sleep(_WHILE)
            await self._try_again(to)
        if not self._probe.found:
            self._probe.name = None

    async def _try(self, to: Endpoint) -> bool:
        """Ask for a new name, twice at most; whether there was an answer."""
        name = self._probe.draw()
        asking = Asking(Question(name, name, RRType.HINFO, Class.IN))
        for seconds in (_AGAIN, _PATIENCE):
            try:
                async with asyncio.timeout(seconds):
                    await ask(to, asking, edns=True, random=self._random, stray=lambda: None)
            except TimeoutError:
                continue
            except (OSError, KdnsError):
                return False
            return True
        return False

    async def _try_again(self, to: Endpoint) -> None:
        await self._try(to)
        await self._sleep(_PAUSE)
        if self._probe.seen <= _MOST:
            self._probe.found = False
            _log.info("questions that are forwarded come back no more: they are forwarded again")

    def _address(self) -> Endpoint:
        bound = self._build.bound
        ip, port = next(bound[place] for place in self._places if place in bound)
        return Endpoint(_LOOPBACK.get(ip, ip), port)
