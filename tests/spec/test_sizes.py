"""Answers that are large: what is left out of them, and when that is said (RFC 1035 §4.2.1, RFC 2181 §9)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from ipaddress import IPv4Address

import dns.flags
import dns.message
import pytest
import pytest_asyncio

from tests.asking import Asked, lines, serving
from tests.spec.table import Setting, flags

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 1000
NAME = "many.shop.svc.cluster.local."


def many(count: int) -> str:
    """A headless Service with this many endpoints, in slices of a hundred."""
    addresses = [str(IPv4Address("10.244.0.0") + place) for place in range(1, count + 1)]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "many", "namespace": "shop"},
        "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]},
    }
    slices = [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"many-{at}",
                "namespace": "shop",
                "labels": {"kubernetes.io/service-name": "many"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 80}],
            "endpoints": [{"addresses": [ip]} for ip in addresses[at : at + 100]],
        }
        for at in range(0, count, 100)
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, *slices]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "many.json").write_text(many(COUNT))
    async with serving(Setting(manifests="many.json").corefile, folder) as served:
        yield served


def is_cut(reply: dns.message.Message) -> bool:
    return bool(reply.flags & dns.flags.TC)


async def test_over_tcp_a_thousand_addresses_are_all_there(asked: Asked) -> None:
    reply = await asked.ask(NAME, "A", tcp=True)
    assert (len(lines(reply.answer)), is_cut(reply)) == (COUNT, False)


async def test_over_tcp_a_thousand_srv_records_are_all_there_and_nothing_is_said_to_be_cut(asked: Asked) -> None:
    reply = await asked.ask(NAME, "SRV", tcp=True)
    assert (len(lines(reply.answer)), is_cut(reply)) == (COUNT, False)
    assert {line.split()[5] for line in lines(reply.answer)} == {"1"}


@pytest.mark.parametrize(
    ("edns", "payload", "limit"), [(False, 0, 512), (True, 512, 512), (True, 1232, 1232), (True, 4096, 1232)]
)
@pytest.mark.parametrize("type", ["A", "SRV"])
async def test_over_udp_what_fits_is_sent_and_the_rest_is_said_to_be_missing(
    asked: Asked, type: str, edns: bool, payload: int, limit: int
) -> None:
    reply = await asked.ask(NAME, type, edns=edns, payload=payload)
    assert flags(reply) == "QR AA TC RD"
    size = len(reply.to_wire())
    assert limit - 80 < size <= limit
    assert 0 < len(lines(reply.answer)) < COUNT
    assert reply.additional == []


async def test_one_endpoint_of_many_is_found(asked: Asked) -> None:
    reply = await asked.ask(f"10-244-3-232.{NAME}", "A")
    assert lines(reply.answer) == [f"10-244-3-232.{NAME} 5 IN A 10.244.3.232"]
    assert lines((await asked.ask("232.3.244.10.in-addr.arpa.", "PTR")).answer) == [
        f"232.3.244.10.in-addr.arpa. 5 IN PTR 10-244-3-232.{NAME}"
    ]
