from __future__ import annotations

import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.name import from_text
from kdns.proto.record import SERIAL_FROM_END, RRset, Soa, addresses, rrset, soa, srv, txt
from kdns.proto.types import Class, RRType

OWNER = from_text("svc.ns.svc.cluster.local.")
TARGET = from_text("pod-0.svc.ns.svc.cluster.local.")


def seen(type: int, rdata: bytes) -> str:
    return dns.rdata.from_wire("IN", dns.rdatatype.RdataType(type), rdata, 0, len(rdata)).to_text()


def test_an_rrset_keeps_the_first_of_each_rdata() -> None:
    assert rrset(OWNER, RRType.TXT, 5, [b"\1b", b"\1a", b"\1b"]) == RRset(
        OWNER, RRType.TXT, 5, (b"\1b", b"\1a"), Class.IN
    )


@pytest.mark.parametrize(
    ("of", "type"),
    [
        ([b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\1"], RRType.A),
        ([bytes(15) + b"\1", bytes(15) + b"\2"], RRType.AAAA),
    ],
    ids=["A", "AAAA"],
)
def test_addresses_make_records_of_their_family(of: list[bytes], type: RRType) -> None:
    made = addresses(OWNER, 30, iter(of))
    assert (made.owner, made.type, made.ttl) == (OWNER, type, 30)
    assert made.rdatas == tuple(of[:2])


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535))
def test_srv_reads_as_it_was_written(priority: int, weight: int, port: int) -> None:
    expected = f"{priority} {weight} {port} pod-0.svc.ns.svc.cluster.local."
    assert seen(RRType.SRV, srv(priority, weight, port, TARGET)) == expected


@pytest.mark.parametrize(
    ("strings", "text"),
    [
        ((b"1.1.0",), '"1.1.0"'),
        ((b"a b", b"c"), '"a b" "c"'),
        ((b"",), '""'),
        ((b"x" * 255,), '"' + "x" * 255 + '"'),
    ],
)
def test_txt_reads_as_it_was_written(strings: tuple[bytes, ...], text: str) -> None:
    assert seen(RRType.TXT, txt(*strings)) == text


def test_a_txt_string_has_at_most_255_bytes() -> None:
    with pytest.raises(ValueError, match="range"):
        txt(b"x" * 256)


def test_soa_reads_as_it_was_written_and_shows_where_its_serial_is() -> None:
    fields = Soa(from_text("ns.dns."), from_text("hostmaster."), 0xDEADBEEF, 7200, 1800, 86400, 30)
    rdata = soa(fields)
    assert seen(RRType.SOA, rdata) == f"ns.dns. hostmaster. {0xDEADBEEF} 7200 1800 86400 30"
    assert rdata[-SERIAL_FROM_END:][:4] == b"\xde\xad\xbe\xef"
