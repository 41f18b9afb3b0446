"""What is not answered at all: other zones, other classes, zone transfers; and when reasons are told."""

from __future__ import annotations

import dns.message
import dns.rdataclass
import pytest

from tests.asking import Asked, lines, rcode
from tests.spec.table import Case, Serve, Setting, case, failed, hold, nodata, nxdomain, rows, setting, told

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
TRANSFER = "zone transfers are not allowed here"
OUTSIDE = "the name is in none of the zones that are served here"
PROHIBITED, NOT_AUTHORITATIVE, NOT_SUPPORTED = 18, 20, 21

TRANSFERS = rows(
    PLAIN,
    *(
        failed(f"{name} AXFR", "REFUSED", TRANSFER, PROHIBITED)
        for name in ("cluster.local.", "in-addr.arpa.", "web.shop.svc.cluster.local.", "gone.cluster.local.")
    ),
    failed("cluster.local. IXFR", "REFUSED", TRANSFER, PROHIBITED),
)


@pytest.mark.parametrize(("where", "each"), TRANSFERS)
async def test_zones_are_not_transferred(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize("name", ["example.org.", "local.", ".", "xcluster.local.", "svc.cluster.local.example."])
async def test_other_zones_are_refused(serve: Serve, name: str) -> None:
    reply = await (await serve(PLAIN)).ask(name, "A")
    assert (rcode(reply), told(reply), reply.authority) == ("REFUSED", (NOT_AUTHORITATIVE, OUTSIDE), [])


async def ask_in_class(asked: Asked, name: str, type: str, klass: str) -> dns.message.Message:
    query = dns.message.make_query(name, type, rdclass=dns.rdataclass.from_text(klass), use_edns=0)
    return await asked.exchange(query)


@pytest.mark.parametrize("klass", ["CH", "HS", "ANY", "NONE", "CLASS4000"])
@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("web.shop.svc.cluster.local.", "A"),
        ("gone.shop.svc.cluster.local.", "A"),
        ("cluster.local.", "SOA"),
        ("dns-version.cluster.local.", "TXT"),
    ],
)
async def test_other_classes_are_refused_before_and_after_the_question_was_answered(
    serve: Serve, klass: str, name: str, type: str
) -> None:
    asked = await serve(PLAIN)
    for _ in range(2):
        reply = await ask_in_class(asked, name, type, klass)
        assert rcode(reply) == "REFUSED"
        assert told(reply) == (NOT_SUPPORTED, "only class IN is answered here")
        assert (reply.answer, reply.authority) == ([], [])
        assert rcode(await asked.ask(name, type)) != "REFUSED"


SILENT = Setting(("ede off",))
UNTOLD = rows(
    SILENT,
    nxdomain("gone.shop.svc.cluster.local. A", ""),
    nodata("web.shop.svc.cluster.local. AAAA", ""),
    nodata("svc.cluster.local. A", ""),
    nxdomain("to-ip.shop.svc.cluster.local. A", ""),
    failed("myself.shop.svc.cluster.local. A", "SERVFAIL", "", 0),
    failed("cluster.local. AXFR", "REFUSED", "", 0),
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
)


@pytest.mark.parametrize(("where", "each"), UNTOLD)
async def test_with_ede_off_nothing_is_told(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


async def test_unknown_options_and_a_small_payload_change_nothing(serve: Serve) -> None:
    asked = await serve(PLAIN)
    query = dns.message.make_query("gone.shop.svc.cluster.local.", "A", use_edns=0, payload=100, want_dnssec=True)
    reply = await asked.exchange(query)
    assert rcode(reply) == "NXDOMAIN"
    assert told(reply) == (0, "namespace shop has no Service gone")
    assert lines(reply.authority) == [PLAIN.soa("gone.shop.svc.cluster.local.")]
