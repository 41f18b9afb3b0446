"""Questions, changes and evictions leave no cycles: full collections are rare, and what is garbage when a list of a
cluster was taken in is left out of all of them (`kdns.kube.calm`).
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from kdns.kube.objects import Endpoint, Namespace, Port, Service, Slice
from kdns.proto.reverse import pack
from tests.desk import KUBEADM, Desk, corefile

HTTP = (Port("http", 80),)
NAMES = [
    ("web.shop.svc.cluster.local", "A"),
    ("WEB.shop.svc.cluster.local", "AAAA"),
    ("_http._tcp.web.shop.svc.cluster.local", "SRV"),
    ("db.shop.svc.cluster.local", "A"),
    ("_http._tcp.db.shop.svc.cluster.local", "SRV"),
    ("1.0.96.10.in-addr.arpa", "PTR"),
    ("gone{}.shop.svc.cluster.local", "A"),
    ("a.gone{}.svc.cluster.local", "A"),
    ("10-0-0-{}.shop.pod.cluster.local", "A"),
    ("{}.db.shop.svc.cluster.local", "TXT"),
    ("inside.shop.svc.cluster.local", "A"),
    ("wrong.shop.svc.cluster.local", "A"),
    ("round.shop.svc.cluster.local", "A"),
    ("outside.shop.svc.cluster.local", "A"),
    ("cluster.local", "NS"),
]


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def change(own: Desk, number: int) -> None:
    ready = [Endpoint((pack(f"10.0.{number}.{host}"),), HTTP) for host in range(1, 4)]
    own.wall.now += 1
    own.store.update(
        [
            Namespace("shop"),
            Service("shop", "web", (pack("10.96.0.1"),), (Port("http", 80 + number),)),
            Service("shop", "db", (), HTTP, headless=True),
            Slice("shop", "s", "db", tuple(ready)),
            Service("shop", "inside", external_name="db.shop.svc.cluster.local"),
            Service("shop", "wrong", external_name="a..b"),
            Service("shop", "round", external_name="round.shop.svc.cluster.local"),
            Service("shop", "outside", external_name="www.example.com"),
        ]
    )


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KUBEADM, id="kubeadm's"),
        pytest.param(corefile("loadbalance", "cache {\ncache_own\n}", "errors"), id="with what is kept by time"),
        pytest.param(corefile("minimal", inside="ede off"), id="without the quick ways"),
    ],
)
async def test_nothing_is_left_for_the_garbage_collector(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdns.app._MEMO", 20_000)
    own = Desk(text)
    gc.collect()
    for number in range(20):
        change(own, number)
        for name, wanted in 3 * NAMES:
            for edns in ({"use_edns": False}, {"use_edns": 0}):
                await own.ask(name.format(number), wanted, **edns)
    assert 0 < len(own.memo) < 20
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    assert Counter(type(each).__name__ for each in gc.garbage) == {}
