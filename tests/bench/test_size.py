"""Addresses out of a reply, by hand."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest

from bench.asking import question
from bench.size import SHAPES, addresses, named

NAME = "svc-5.ns-5.svc.cluster.local."
GIVEN = ["10.0.0.25", "10.0.0.26", "10.255.0.1"]


def reply(*, compressed: bool) -> bytes:
    query = dns.message.from_wire(question(NAME.rstrip(".")))
    assert query.question[0].to_text() == f"{NAME} IN A"
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(NAME, 30, "IN", "A", *GIVEN))
    if compressed:
        return response.to_wire()
    owner = dns.rrset.from_text(NAME, 30, "IN", "A", GIVEN[0]).name.to_wire()
    assert owner is not None
    return response.to_wire().replace(b"\xc0\x0c", owner)


@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "in full"])
def test_addresses_are_read(compressed: bool) -> None:
    assert sorted(".".join(map(str, each)) for each in addresses(reply(compressed=compressed))) == GIVEN


def test_a_reply_without_answers_has_none() -> None:
    assert list(addresses(dns.message.make_response(dns.message.from_wire(question("a.b"))).to_wire())) == []


def test_each_size_has_a_name_of_its_own() -> None:
    assert len({named(shape) for shape in SHAPES}) == len(SHAPES)
