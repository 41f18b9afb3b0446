"""Questions that are forwarded without a task get the same bytes, and count the same, as those that the chain is
awaited for: whatever servers answer, and whoever asks in whatever way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kdns.app import App, responder_at
from kdns.chain import Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.metrics import Metrics
from kdns.plan import plan
from kdns.serve.responder import Responder
from kdns.serve.router import Router
from tests.asking import CLIENT, LOCAL, Clock
from tests.hits import answer, hit
from tests.upstream.scripted import End, Seen, Sent, altered, reply, rrset, scripted
from tests.warp import WarpLoop, warp

COREFILE = """\
.:53 {{
    errors
    kubernetes cluster.local in-addr.arpa {{
        manifests {manifests}
        fallthrough in-addr.arpa
    }}
    prometheus localhost:0
    forward . {server} {{
        policy sequential
        {options}
    }}
    {cache}
    loop
    loadbalance
}}
"""
CLUSTER = Path(__file__).parents[1] / "spec" / "cluster.yaml"
_BESIDES = ("coredns_proxy_conn", "coredns_proxy_healthcheck", "coredns_forward_healthcheck", "process_", "python_")
"""Metrics of probes, which come when they come."""
_GRACE = 0.01
_MEMO = ("kdns_memo_",)
"""Of what was asked for at the same time the memo may have the second, or the cache."""
SOA = "test. 60 IN SOA ns.test. host.test. 1 2 3 4 5"


def script(seen: Seen) -> Sequence[Sent]:
    """The first label says what is wrong."""
    name, tcp = seen.name, seen.tcp
    a = f"{name} 60 IN A 192.0.2.1"
    match name.lower().partition(".")[0]:
        case "silent":
            return []
        case "several":
            return [reply(seen, *(f"{name} {60 + n} IN A 192.0.2.{n}" for n in range(1, 4)))]
        case "alias":
            return [reply(seen, f"{name} 60 IN CNAME www.Test.", "www.test. 30 IN A 192.0.2.1")]
        case "nosuch" | "nodata" as what:
            return [_with(seen, "NXDOMAIN" if what == "nosuch" else "NOERROR", authority=[SOA])]
        case "empty":
            return [reply(seen)]
        case "servfail" | "refused" | "notimp" | "yxdomain" as rcode:
            return [reply(seen, rcode=rcode.upper())]
        case "plain":
            return [reply(seen, rcode="FORMERR", edns=False)] if seen.message.edns >= 0 else [reply(seen, a)]
        case "cut":
            return [reply(seen, a)] if tcp else [reply(seen, flags="TC RA")]
        case "lame":
            return [End()] if tcp else [reply(seen, a, flags="TC RA")]
        case "stray":
            return [*([] if tcp else [altered(seen, id=seen.id ^ 1)]), reply(seen, a)]
        case "besieged":
            return [reply(seen, a)] if tcp else [altered(seen, id=seen.id ^ 1)] * 16
        case "clutter":
            return [_with(seen, answer=[a, "x.test. 1 IN A 192.0.2.9"], authority=["o.test. 5 IN NS ns.o.test."])]
        case "large":
            return [reply(seen, *(f"{name} 60 IN TXT {chr(97 + n) * 200}" for n in range(9)))]
        case "bare":
            return [reply(seen, a, edns=False)]
        case "why":
            return [
                _with(
                    seen,
                    "NXDOMAIN",
                    authority=[SOA],
                    options=[dns.edns.EDEOption(dns.edns.EDECode.PROHIBITED, "because")],
                )
            ]
        case "zero":
            return [reply(seen, f"{name} 0 IN A 192.0.2.1", flags="RA AD AA")]
        case "pointer":
            return [reply(seen, f"{name} 60 IN PTR www.test.")]
    return [reply(seen, a)]


def _with(
    seen: Seen,
    rcode: str = "NOERROR",
    answer: Sequence[str] = (),
    authority: Sequence[str] = (),
    options: Sequence[dns.edns.Option] = (),
) -> bytes:
    message = dns.message.from_wire(reply(seen, *answer, rcode=rcode))
    message.authority += [rrset(line) for line in authority]
    if options and message.edns >= 0:
        message.use_edns(0, payload=1232, options=list(options))
    return message.to_wire(max_size=65535)


class Step(NamedTuple):
    """A question, and how many seconds pass after it; with `now` the next is asked at the same time."""

    name: str
    type: str = "A"
    flags: int = dns.flags.RD
    payload: int = 0
    do: bool = False
    options: tuple[int, ...] = ()
    transport: Transport = Transport.udp
    now: bool = False
    pause: float = 0.0

    @property
    def takes_turns(self) -> bool:
        """Whether its reply depends on how many others there were before: then nothing else is asked meanwhile."""
        return self.name.startswith("several")

    def wire(self, number: int) -> bytes:
        query = dns.message.make_query(self.name, self.type, flags=self.flags)
        query.id = number
        if self.payload:
            options: list[dns.edns.Option] = [
                dns.edns.GenericOption(dns.edns.OptionType.make(code), b"\1\2\3\4\5\6\7\x08") for code in self.options
            ]
            query.use_edns(0, dns.flags.DO if self.do else 0, payload=self.payload, options=options)
        return query.to_wire()


class Outcome(NamedTuple):
    replies: list[bytes | None]
    counts: dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def asked(steps: Sequence[Step], *, straight: bool, cache: str, options: str) -> Outcome:
    async with scripted(script) as upstream:
        corefile = COREFILE.format(manifests=CLUSTER, server=upstream.text, options=options, cache=cache)
        planned = plan(parse(corefile, "Corefile", environ={}, disk=Local()), warp().time, Clock())
        (place,) = planned.routers
        router = planned.routers[place]
        assert all(served.way is not None for served in router.zones.values())
        if not straight:
            planned.routers[place] = Router({zone: replace(each, way=None) for zone, each in router.zones.items()})
        app = App(planned)
        await app.load()
        try:
            replies = await _asked(responder_at(planned, place), steps)
            counts = _counts(planned.build.metrics, upstream.text)
        finally:
            await app.unload()
        return Outcome([_without_port(wire, upstream.text) for wire in replies], counts)


async def _asked(responder: Responder, steps: Sequence[Step]) -> list[bytes | None]:
    replies: list[bytes | None] = []
    together: list[asyncio.Future[bytes | None]] = []
    for number, step in enumerate(steps):
        if step.takes_turns:
            replies += await asyncio.gather(*together)
            together = []
        wire = step.wire(number)
        found = hit(responder, wire, step.transport)
        coming = _known(found) if found else answer(responder, wire, CLIENT, LOCAL, step.transport)
        together.append(asyncio.ensure_future(coming))
        if not step.now or step.takes_turns or step is steps[-1]:
            replies += await asyncio.gather(*together)
            together = []
            await asyncio.sleep(step.pause)
    return replies


async def _known(wire: bytes) -> bytes:
    return wire


def _without_port(wire: bytes | None, text: str) -> bytes | None:
    """Errors name the server, whose port is another each time; it may have a digit less."""
    return wire and wire.replace(text.encode(), b"SERVER")


def _counts(metrics: Metrics, text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted((key, value.replace(text, "SERVER")) for key, value in sample.labels.items()))): (
            sample.value
        )
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith(("_sum", "_bucket")) and not sample.name.startswith(_BESIDES + _MEMO)
    }


def both(steps: Sequence[Step], *, cache: str = "cache 30", options: str = "") -> tuple[Outcome, Outcome]:
    found = []
    for straight in (True, False):
        with asyncio.Runner(loop_factory=partial(WarpLoop, grace=_GRACE)) as runner:
            found.append(runner.run(asked(steps, straight=straight, cache=cache, options=options)))
    return found[0], found[1]


LABELS = """www silent several alias nosuch nodata empty servfail refused notimp yxdomain plain cut lame stray besieged
    clutter large bare why zero pointer""".split()
NAMES = [f"{label}.test." for label in LABELS]
STEPS = st.builds(
    Step,
    name=st.sampled_from([*NAMES, "WWW.test.", "ALIAS.Test.", "1.2.0.192.in-addr.arpa.", "x.cluster.local."]),
    type=st.sampled_from(["A", "A", "A", "AAAA", "TXT", "PTR", "ANY", "HINFO", "AXFR"]),
    flags=st.sampled_from([0, 0x100, 0x100, 0x120, 0x110, 0x130]),
    payload=st.sampled_from([0, 512, 1232, 4096]),
    do=st.booleans(),
    options=st.sampled_from([(), (10,), (3,)]),
    transport=st.sampled_from([Transport.udp, Transport.udp, Transport.udp, Transport.tcp]),
    now=st.booleans(),
    pause=st.sampled_from([0.0, 0.0, 1.0, 6.0, 31.0]),
)


@settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(STEPS, min_size=1, max_size=12),
    st.sampled_from(["cache 30", "cache 30", "", "cache 30 {\n serve_stale\n prefetch 1 1m\n }"]),
    st.sampled_from(["", "", "max_fails 0", "max_concurrent 1", "force_tcp", "failover NXDOMAIN", "except x.test"]),
)
def test_any_questions_get_the_same_replies_and_counts(steps: list[Step], cache: str, options: str) -> None:
    straight, awaited = both(steps, cache=cache, options=options)
    assert straight.replies == awaited.replies
    assert straight.counts == awaited.counts


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("payload", [0, 1232], ids=["without EDNS", "with EDNS"])
def test_each_kind_of_reply_is_the_same(label: str, payload: int) -> None:
    step = Step(f"{label}.test.", "TXT" if label == "large" else "A", payload=payload)
    straight, awaited = both([step, step, step._replace(pause=2.0), step])
    assert straight.replies == awaited.replies
    assert straight.counts == awaited.counts
