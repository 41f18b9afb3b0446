"""Numbers and rdata for people: mnemonics, and presentation format (RFC 1035 §5.1).

The only module that speaks to dnslib, which knows the presentation of every common type; what it
does not know is written as RFC 3597 §5 says. dnslib takes 1 MB, so it is loaded for the first number that
`types` has no name for, or for rdata.
"""

from __future__ import annotations

import re
from typing import Any

from kdns.proto.name import to_text
from kdns.proto.record import RRset
from kdns.proto.types import Class, RCode, RRType

_GENERIC = re.compile(r"TYPE(\d{1,5})", re.IGNORECASE)
_RCODES = {member.value: member.name for member in RCode}
_CLASSES = {member.value: member.name for member in Class}
_NAMES = {member.value: member.name for member in RRType} | {64: "SVCB", 65: "HTTPS"}


def _dnslib() -> Any:
    import dnslib.dns

    return dnslib


def type_text(number: int) -> str:
    """`A`, `SRV`, … or `TYPE666`."""
    return _NAMES.get(number) or _dnslib().QTYPE.forward.get(number) or f"TYPE{number}"


def type_number(text: str) -> int:
    """The number of a type's mnemonic, in any case, or of `TYPE666`. Raises ValueError."""
    wanted = text.upper()
    for number, name in (_NAMES | _dnslib().QTYPE.forward).items():
        if name == wanted:
            return int(number)
    if (generic := _GENERIC.fullmatch(text)) and int(generic[1]) < 1 << 16:
        return int(generic[1])
    raise ValueError(f"'{text}' is no record type")


def class_text(number: int) -> str:
    """`IN`, `CH`, … or `CLASS666`."""
    return _CLASSES.get(number) or _dnslib().CLASS.forward.get(number) or f"CLASS{number}"


def rcode_text(number: int) -> str:
    """`NOERROR`, `NXDOMAIN`, … or `RCODE99`."""
    return _RCODES.get(number) or _dnslib().RCODE.forward.get(number) or f"RCODE{number}"


def rdata_text(type: int, rdata: bytes) -> str:
    """Rdata in presentation format; names in it absolute."""
    if type in {RRType.CNAME, RRType.NS, RRType.PTR}:
        return to_text(rdata)
    dnslib = _dnslib()
    known = dnslib.dns.RDMAP.get(dnslib.QTYPE.forward.get(type, ""))
    if known is None:
        return rf"\# {len(rdata)} {rdata.hex()}".rstrip()
    try:
        return str(known.parse(dnslib.DNSBuffer(rdata), len(rdata)))
    except (dnslib.DNSError, ValueError):
        return rf"\# {len(rdata)} {rdata.hex()}".rstrip()


def zone_lines(rrset: RRset) -> list[str]:
    """An RRset as the lines of a zone file: `owner ttl class type rdata`."""
    start = f"{to_text(rrset.owner)}\t{rrset.ttl}\t{class_text(rrset.klass)}\t{type_text(rrset.type)}\t"
    return [start + rdata_text(rrset.type, rdata) for rdata in rrset.rdatas]
