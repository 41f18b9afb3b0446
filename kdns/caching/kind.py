"""What a response is to a cache, and for how many seconds it is good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from kdns.chain import Response
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.record import RRset
from kdns.proto.types import RCode, RRType

_META = frozenset({int(RRType.OPT), *range(128, 255)})
"""Types that no record is of, or that ask for something else than records (RFC 6895 §3.1); ANY aside."""
_MINIMUM = 4
"""Bytes of an SOA's last field, the TTL of negative answers."""


class Kind(StrEnum):
    """The value is the label that metrics have."""

    SUCCESS = "success"
    DENIAL = "denial"
    FAILURE = "failure"


def kind_of(question: Question, response: Response) -> Kind | None:
    """What it may be kept as; None for what must not be kept.

    A name or type that does not exist needs the SOA that says for how long (RFC 2308 §5). A referral says
    nothing about it, and an alias that leads to nothing does not answer.
    """
    if question.type in _META or response.truncated or response.silent:
        return None
    match response.rcode:
        case RCode.SERVFAIL:
            return Kind.FAILURE
        case RCode.NXDOMAIN:
            return Kind.DENIAL if _has(response.authority, RRType.SOA) else None
        case RCode.NOERROR if answers(question, response.answer):
            return Kind.SUCCESS
        case RCode.NOERROR if _has(response.authority, RRType.SOA):
            return Kind.DENIAL
    return None


def answers(question: Question, answer: Sequence[RRset]) -> bool:
    """Whether there is a record of the type that was asked for at the end of the question's aliases."""
    if len(answer) == 1:  # so are most, and need no more
        owner, type, _, _, klass = answer[0]
        if type == question.type and klass == question.klass:
            return owner.lower() == question.folded
    rrsets = [rrset for rrset in answer if rrset.klass == question.klass]
    if question.type == RRType.ANY:
        return bool(rrsets)
    aliases = {rrset.owner.lower(): rrset.rdatas for rrset in rrsets if rrset.type == RRType.CNAME}
    name: Name | None = question.folded
    if question.type != RRType.CNAME:
        name = _end(question.folded, aliases)
    return any(rrset.type == question.type and rrset.owner.lower() == name for rrset in rrsets)


def is_conclusive(question: Question, response: Response) -> bool:
    """Whether it tells how things are now, so that what was kept before is out of date (RFC 8767 §4)."""
    if response.truncated or response.silent:
        return False
    if response.rcode == RCode.NXDOMAIN or kind_of(question, response) in (Kind.SUCCESS, Kind.DENIAL):
        return True
    return response.rcode == RCode.NOERROR and not response.answer and not _has(response.authority, RRType.NS)


def lowest_ttl(response: Response) -> int:
    """The lowest TTL in it, in seconds; of an SOA the lower of its TTL and its minimum (RFC 2308 §5)."""
    rrsets = (*response.answer, *response.authority, *response.additional)
    if len(rrsets) == 1 and rrsets[0].type != RRType.SOA:
        return rrsets[0].ttl
    return min((min(rrset.ttl, _minimum(rrset)) for rrset in rrsets), default=0)


def _minimum(rrset: RRset) -> int:
    if rrset.type != RRType.SOA:
        return rrset.ttl
    return min(int.from_bytes(rdata[-_MINIMUM:]) for rdata in rrset.rdatas)


def _has(section: Iterable[RRset], type: int) -> bool:
    return any(rrset.type == type for rrset in section)


def _end(name: Name, aliases: dict[Name, tuple[bytes, ...]]) -> Name | None:
    """Where the aliases lead; None where they part or go round (RFC 2181 §10.1, RFC 1034 §3.6.2)."""
    seen = {name}
    while (targets := aliases.get(name)) is not None:
        if len(targets) != 1:
            return None
        name = targets[0].lower()
        if name in seen:
            return None
        seen.add(name)
    return name
