"""ExternalName Services (specification §2.5; RFC 1034 §3.6.2, RFC 6604, RFC 2308 §2.2.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.asking import ede, lines, rcode, serving
from tests.spec.table import Case, Serve, Setting, case, failed, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
OUTSIDE = "outside.shop.svc.cluster.local. 5 IN CNAME www.Example.com."
NO_FORM = "no name of the Kubernetes DNS schema has this form"
INVALID = 24

ALIASES = rows(
    PLAIN,
    # The CNAME for every type: what lies behind it is for whoever asks to find.
    *(
        case(f"outside.shop.svc.cluster.local. {type}", OUTSIDE)
        for type in ("A", "AAAA", "CNAME", "SRV", "TXT", "MX", "NS", "SOA", "PTR", "ANY", "HTTPS", "TYPE65280")
    ),
    # No names below it, whatever ports and endpoints its object has.
    nxdomain("inner.outside.shop.svc.cluster.local. A", NO_FORM),
    nxdomain("inner.outside.shop.svc.cluster.local. CNAME", NO_FORM),
    nxdomain("_http._tcp.outside.shop.svc.cluster.local. SRV", NO_FORM),
    nxdomain("_tcp.outside.shop.svc.cluster.local. SRV", NO_FORM),
    nxdomain("9.9.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    # What is no name is no alias.
    nxdomain(
        "to-ip.shop.svc.cluster.local. A",
        "Service shop/to-ip has the address 192.0.2.1 where a name must be (spec.externalName)",
        code=INVALID,
    ),
    nxdomain(
        "to-ip.shop.svc.cluster.local. CNAME",
        "Service shop/to-ip has the address 192.0.2.1 where a name must be (spec.externalName)",
        code=INVALID,
    ),
    nxdomain(
        "to-ip6.shop.svc.cluster.local. AAAA",
        "Service shop/to-ip6 has the address 2001:db8::1 where a name must be (spec.externalName)",
        code=INVALID,
    ),
    nxdomain(
        "to-nonsense.shop.svc.cluster.local. A",
        "Service shop/to-nonsense has no valid name in spec.externalName: "
        "'a..b' is no domain name: a label has 1 to 63 octets, not 0",
        code=INVALID,
    ),
)

TO_WEB = "to-web.shop.svc.cluster.local. 5 IN CNAME web.shop.svc.cluster.local."
TO_DB = "to-db.shop.svc.cluster.local. 5 IN CNAME DB.shop.svc.cluster.local."
TO_TO_DB = "to-to-db.shop.svc.cluster.local. 5 IN CNAME to-db.shop.svc.cluster.local."

FOLLOWED = rows(
    PLAIN,
    case("to-web.shop.svc.cluster.local. CNAME", TO_WEB),
    case("to-web.shop.svc.cluster.local. A", TO_WEB, "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    case(
        "to-web.shop.svc.cluster.local. SRV",
        TO_WEB,
        "web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
        extra=["web.shop.svc.cluster.local. 5 IN A 10.96.0.10"],
    ),
    # Two aliases, one after the other; asked by CNAME it is the first alone.
    case("to-to-db.shop.svc.cluster.local. CNAME", TO_TO_DB),
    case(
        "to-apex.shop.svc.cluster.local. SOA",
        "to-apex.shop.svc.cluster.local. 5 IN CNAME cluster.local.",
        "cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1700000000 7200 1800 86400 5",
    ),
    # NODATA at the target: the alias, and the SOA.
    nodata("to-web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only", TO_WEB),
    nodata("to-web.shop.svc.cluster.local. TXT", "Service shop/web exists, but has no records of this type", TO_WEB),
    nodata(
        "to-parent.shop.svc.cluster.local. A",
        "the name has no records, it only has names below it",
        "to-parent.shop.svc.cluster.local. 5 IN CNAME shop.svc.cluster.local.",
    ),
    # No such target: the alias, with NXDOMAIN, since the rcode is that of the last name.
    nxdomain(
        "to-nowhere.shop.svc.cluster.local. A",
        "namespace shop has no Service gone",
        "to-nowhere.shop.svc.cluster.local. 5 IN CNAME gone.shop.svc.cluster.local.",
    ),
    case(
        "to-nowhere.shop.svc.cluster.local. CNAME",
        "to-nowhere.shop.svc.cluster.local. 5 IN CNAME gone.shop.svc.cluster.local.",
    ),
    nxdomain(
        "to-waiting.shop.svc.cluster.local. AAAA",
        "Service shop/waiting has no ready endpoints (2 not ready, 1 terminating)",
        "to-waiting.shop.svc.cluster.local. 5 IN CNAME waiting.shop.svc.cluster.local.",
    ),
    nxdomain(
        "to-pod.shop.svc.cluster.local. A",
        "names of Pods are switched off ('pods disabled')",
        "to-pod.shop.svc.cluster.local. 5 IN CNAME 10-244-0-1.shop.pod.cluster.local.",
    ),
)

POD = "to-pod.shop.svc.cluster.local. 5 IN CNAME 10-244-0-1.shop.pod.cluster.local."
INTO = [
    *rows(
        setting("pods insecure"),
        case("to-pod.shop.svc.cluster.local. A", POD, "10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1"),
    ),
    *rows(
        setting("namespaces shop"),
        nxdomain(
            "to-vault.shop.svc.cluster.local. A",
            "namespace vault exists, but is not exposed here",
            "to-vault.shop.svc.cluster.local. 5 IN CNAME secret.vault.svc.cluster.local.",
        ),
    ),
]

LOOPS = rows(
    PLAIN,
    *(
        failed(
            f"{name}.shop.svc.cluster.local. {type}",
            "SERVFAIL",
            f"aliases lead from {name}.shop.svc.cluster.local. over more than 10 names",
            INVALID,
        )
        for name in ("ring-1", "ring-2", "myself")
        for type in ("A", "SRV", "ANY")
    ),
    # The CNAME itself can be had.
    case(
        "ring-1.shop.svc.cluster.local. CNAME",
        "ring-1.shop.svc.cluster.local. 5 IN CNAME ring-2.shop.svc.cluster.local.",
    ),
)


@pytest.mark.parametrize(("where", "each"), ALIASES)
async def test_an_external_name_is_an_alias_for_every_type(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*FOLLOWED, *INTO])
async def test_a_target_inside_the_zone_is_followed(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), LOOPS)
async def test_aliases_that_lead_in_a_circle_fail(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


async def test_aliases_come_in_the_order_in_which_they_lead(serve: Serve) -> None:
    asked = await serve(PLAIN)
    reply = await asked.ask("to-to-db.shop.svc.cluster.local.", "A")
    order = [" ".join(line.split()) for rrset in reply.answer for line in str(rrset).splitlines()]
    assert order[:2] == [TO_TO_DB, TO_DB]
    assert sorted(order[2:]) == [
        "DB.shop.svc.cluster.local. 5 IN A 10.244.1.1",
        "DB.shop.svc.cluster.local. 5 IN A 10.244.1.2",
    ]


def chain(length: int) -> str:
    """Services a-1 to a-LENGTH: each an alias of the next, the last one with a cluster IP."""
    aliases = [
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: a-{place}, namespace: shop}}\n"
        f"spec: {{type: ExternalName, externalName: a-{place + 1}.shop.svc.cluster.local}}\n"
        for place in range(1, length)
    ]
    last = (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: a-{length}, namespace: shop}}\n"
        "spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}\n"
    )
    return "---\n".join([*aliases, last])


@pytest.mark.parametrize("length", [2, 10, 11])
async def test_up_to_ten_aliases_are_followed(tmp_path: Path, length: int) -> None:
    (tmp_path / "chain.yaml").write_text(chain(length))
    async with serving(Setting(manifests="chain.yaml").corefile, tmp_path) as asked:
        reply = await asked.ask("a-1.shop.svc.cluster.local.", "A")
        assert rcode(reply) == "NOERROR"
        assert [len(rrset) for rrset in reply.answer] == [1] * length
        assert lines(reply.answer[-1:]) == [f"a-{length}.shop.svc.cluster.local. 5 IN A 10.96.0.1"]


@pytest.mark.parametrize("length", [12, 13, 40])
async def test_more_than_ten_aliases_fail(tmp_path: Path, length: int) -> None:
    (tmp_path / "chain.yaml").write_text(chain(length))
    async with serving(Setting(manifests="chain.yaml").corefile, tmp_path) as asked:
        reply = await asked.ask("a-1.shop.svc.cluster.local.", "A")
        assert (rcode(reply), reply.answer) == ("SERVFAIL", [])
        assert ede(reply) == "aliases lead from a-1.shop.svc.cluster.local. over more than 10 names"
        # One that begins nearer to the end is well.
        near = await asked.ask(f"a-{length - 10}.shop.svc.cluster.local.", "A")
        assert rcode(near) == "NOERROR"
