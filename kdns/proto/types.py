"""DNS numbers by name (IANA's registry "Domain Name System (DNS) Parameters")."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class RRType(IntEnum):
    """Record types that kdns itself speaks of; any other number is as good a type (RFC 3597)."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    HINFO = 13
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    DNAME = 39
    OPT = 41
    DS = 43
    RRSIG = 46
    TSIG = 250
    IXFR = 251
    AXFR = 252
    ANY = 255


class Class(IntEnum):
    """Classes (RFC 1035 §3.2.4); NONE (RFC 2136 §2.4) and ANY are of no data."""

    IN = 1
    CH = 3
    NONE = 254
    ANY = 255


class Opcode(IntEnum):
    """What a message asks for (RFC 1035 §4.1.1)."""

    QUERY = 0
    NOTIFY = 4
    UPDATE = 5


class RCode(IntEnum):
    """How it ended (RFC 1035 §4.1.1; BADVERS RFC 6891 §9)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Flag(IntFlag):
    """The bits of the header's second word, opcode and rcode aside."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    AD = 0x0020
    CD = 0x0010


class EDE(IntEnum):
    """Info codes of Extended DNS Errors (RFC 8914 §5.2)."""

    OTHER = 0
    STALE = 3
    CACHED_ERROR = 13
    NOT_READY = 14
    BLOCKED = 15
    FILTERED = 17
    PROHIBITED = 18
    NOT_AUTHORITATIVE = 20
    NOT_SUPPORTED = 21
    NO_REACHABLE_AUTHORITY = 22
    NETWORK_ERROR = 23
    INVALID_DATA = 24


class Option(IntEnum):
    """EDNS option codes."""

    NSID = 3
    EDE = 15
