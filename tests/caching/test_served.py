"""Corefiles with *cache* and *forward*: a scripted upstream over real sockets, and the cluster beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import dns.message

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Namespace, Port, Service
from kdns.plan import plan
from kdns.proto.reverse import pack
from tests.asking import Asked, Clock, Told, ede, lines, rcode
from tests.upstream.scripted import Script, Scripted, Seen, Sent, good, reply, scripted, silent
from tests.upstream.served import counted
from tests.warp import warp

LABELS = {"server": "dns://:53", "zones": ".", "view": ""}
HTTP = (Port("http", 80),)


class Kdns(Asked):
    """With the cluster's store, if there is a cluster, and the upstream."""

    upstream: Scripted

    async def ask_in(self, seconds: float, name: str = "www.test.", type: str = "A") -> dns.message.Message:
        """A question after so many seconds."""
        await asyncio.sleep(seconds)
        return await self.ask(name, type)

    def add(self, *services: Service) -> None:
        """To the cluster."""
        (cluster,) = (part for part in self.plan.build.parts if isinstance(part, Cluster))
        cluster.store.update([Namespace("shop"), *services])

    @property
    def asked(self) -> int:
        return len(self.upstream.seen)


@asynccontextmanager
async def served(corefile: str, script: Script = good) -> AsyncIterator[Kdns]:
    """The Corefile's UPSTREAM is scripted."""
    async with scripted(script) as upstream:
        text = corefile.replace("UPSTREAM", upstream.text)
        planned = plan(parse(text, "Corefile", environ={}, disk=Local()), warp().time, Clock())
        for part in planned.build.parts:
            if isinstance(part, Cluster):
                part.source = Told()
        app = App(planned)
        await app.load()
        try:
            kdns = Kdns(planned, Clock())
            kdns.upstream = upstream
            yield kdns
        finally:
            await app.unload()


STALE = """. {
    forward . UPSTREAM
    cache {
        serve_stale 1h verify 1800ms 30s 30s
    }
}"""
KUBEADM = """.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests none
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    forward . UPSTREAM {
        max_concurrent 1000
    }
    cache 30
    loadbalance
}"""


async def test_what_was_forwarded_is_asked_for_once_until_its_time_is_over() -> None:
    async with served(KUBEADM) as kdns:
        assert lines((await kdns.ask("www.test.")).answer) == ["www.test. 30 IN A 192.0.2.1"]
        for _ in range(5):
            await kdns.ask_in(4.0)
        assert lines((await kdns.ask("www.test.")).answer) == ["www.test. 10 IN A 192.0.2.1"]
        assert kdns.asked == 1
        assert lines((await kdns.ask_in(10.0)).answer) == ["www.test. 30 IN A 192.0.2.1"]
        assert kdns.asked == 2
        assert counted(kdns, "coredns_cache_hits_total", type="success", **LABELS) == 6


async def test_what_the_cluster_answers_is_not_counted() -> None:
    async with served(KUBEADM) as kdns:
        for name in ("www.test.", "gone.shop.svc.cluster.local.", "www.test."):
            await kdns.ask(name)
        numbers = [counted(kdns, f"coredns_cache_{what}_total", **LABELS) for what in ("requests", "misses")]
        assert numbers == [2, 1]


async def test_a_new_service_is_there_at_once() -> None:
    async with served(KUBEADM) as kdns:
        name = "web.shop.svc.cluster.local."
        for _ in range(3):
            assert rcode(await kdns.ask(name)) == "NXDOMAIN"
        kdns.add(Service("shop", "web", (pack("10.96.0.7"),), HTTP))
        assert lines((await kdns.ask(name)).answer) == [f"{name} 30 IN A 10.96.0.7"]
        kdns.add(Service("shop", "web", (pack("10.96.0.8"),), HTTP))
        assert lines((await kdns.ask(name)).answer) == [f"{name} 30 IN A 10.96.0.8"]
        assert kdns.asked == 0


def pointer(seen: Seen) -> Sequence[Sent]:
    return [reply(seen, f"{seen.name} 60 IN PTR host.example.org.")]


async def test_a_forwarded_reverse_name_is_the_cluster_s_once_that_has_the_address() -> None:
    async with served(KUBEADM, pointer) as kdns:
        name = "7.0.96.10.in-addr.arpa."
        for _ in range(4):
            assert lines((await kdns.ask(name, "PTR")).answer) == [f"{name} 30 IN PTR host.example.org."]
        assert kdns.asked == 1
        kdns.add(Service("shop", "web", (pack("10.96.0.7"),), HTTP))
        assert lines((await kdns.ask(name, "PTR")).answer) == [f"{name} 30 IN PTR web.shop.svc.cluster.local."]


async def test_with_cache_own_a_new_service_waits_as_in_coredns() -> None:
    async with served(KUBEADM.replace("cache 30", "cache 30 {\ncache_own\n}")) as kdns:
        name = "web.shop.svc.cluster.local."
        for _ in range(3):
            assert rcode(await kdns.ask(name)) == "NXDOMAIN"
        kdns.add(Service("shop", "web", (pack("10.96.0.7"),), HTTP))
        assert rcode(await kdns.ask_in(29.0, name)) == "NXDOMAIN"
        assert rcode(await kdns.ask_in(1.0, name)) == "NOERROR"


async def test_an_upstream_that_is_silent_costs_clients_less_than_two_seconds_once() -> None:
    async with served(STALE) as kdns:
        assert lines((await kdns.ask("www.test.")).answer) == ["www.test. 60 IN A 192.0.2.1"]
        kdns.upstream.script = silent
        await asyncio.sleep(70)
        waits = []
        for pause in (0.0, 0.1, 4.0, 1.0, 20.0):
            await asyncio.sleep(pause)
            begun = warp().time()
            stale = await kdns.ask("www.test.")
            waits.append(round(warp().time() - begun, 1))
            assert lines(stale.answer) == ["www.test. 30 IN A 192.0.2.1"]
            assert ede(stale).startswith("its time was over ")
        assert waits == [1.8, 0.0, 0.0, 0.0, 0.0]
        kdns.upstream.script = good
        assert lines((await kdns.ask_in(30.0)).answer) == ["www.test. 60 IN A 192.0.2.1"]


async def test_a_slow_upstream_is_heard_though_its_client_got_the_stale_answer() -> None:
    late: list[Seen] = []

    def slow(seen: Seen) -> Sequence[Sent]:
        late.append(seen)
        return []

    async with served(STALE.replace("1800ms", "100ms")) as kdns:
        await kdns.ask("www.test.")
        kdns.upstream.script = slow
        stale = await kdns.ask_in(61.0)
        assert lines(stale.answer) == ["www.test. 30 IN A 192.0.2.1"]
        kdns.upstream.script = lambda seen: [reply(seen, f"{seen.name} 60 IN A 192.0.2.2")]
        await asyncio.sleep(5.0)  # forward asks again when the first question has had no reply
        assert lines((await kdns.ask("www.test.")).answer) == ["www.test. 57 IN A 192.0.2.2"]
        assert late


async def test_a_failure_of_the_upstream_is_remembered_for_five_seconds() -> None:
    async with served(KUBEADM, lambda seen: [reply(seen, rcode="SERVFAIL")]) as kdns:
        codes = [rcode(await kdns.ask_in(pause)) for pause in (0.0, 1.0, 3.0)]
        assert (codes, kdns.asked) == (["SERVFAIL"] * 3, 1)
        kdns.upstream.script = good
        assert rcode(await kdns.ask_in(1.0)) == "NOERROR"


async def test_a_flood_of_forwarded_names_leaves_ready_answers_alone() -> None:
    many = 500
    async with served(KUBEADM) as kdns:
        kdns.add(Service("shop", "web", (pack("10.96.0.7"),), HTTP))
        (memo, held) = kdns.responder.memo, "web.shop.svc.cluster.local."
        for _ in range(2):
            await kdns.ask(held)
        before = len(memo)
        for number in range(many):
            assert rcode(await kdns.ask(f"n{number}.test.")) == "NOERROR"
        assert len(memo) == before
        assert kdns.asked == many
