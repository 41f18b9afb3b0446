"""What of a reply is about the question: the rest could be anything, and does not go on.

answer      the question's aliases, and what the last of them has of the type that was asked for
authority   the SOA or NS of a zone that one of these names is in; with DO, what proves and signs
additional  addresses of names that the records above point to
"""

from __future__ import annotations

from collections.abc import Iterable

from kdns.proto.message import Question
from kdns.proto.name import Name, is_at_or_below
from kdns.proto.record import RRset
from kdns.proto.reply import Received
from kdns.proto.types import RRType

_QTYPES = range(249, 256)
"""Types that stand for others."""
_META = 128
"""The first type that is for questions and meta data (RFC 6895 §3.1)."""
_ZONE = frozenset({RRType.SOA, RRType.NS})
_PROOFS = frozenset({RRType.DS, RRType.RRSIG, 47, 50})  # NSEC, NSEC3
_ADDRESSES = frozenset({RRType.A, RRType.AAAA})
_POINTING = {RRType.NS: 0, RRType.MX: 2, RRType.SRV: 6, 64: 2, 65: 2}  # SVCB, HTTPS
"""Types with a name in their rdata whose addresses are worth having, and where it begins."""


def scrubbed(reply: Received, question: Question, *, do: bool) -> Received:
    """The reply with only what is about the question, in its order and as it was written."""
    if _is_plain(reply, question):
        return reply
    chain = aliases(reply.answer, question.folded)
    answer = tuple(each for each in reply.answer if _answers(each, question, chain, do=do))
    authority = tuple(each for each in reply.authority if _governs(each, question, chain, do=do))
    targets = frozenset(_targets((*answer, *authority)))
    additional = tuple(each for each in reply.additional if _helps(each, question, targets, do=do))
    return reply._replace(answer=answer, authority=authority, additional=additional)


def _is_plain(reply: Received, question: Question) -> bool:
    """Whether it is what most are: the records that were asked for, nothing else."""
    if len(reply.answer) != 1 or reply.authority or reply.additional:
        return False
    owner, type, _, _, klass = reply.answer[0]
    return type == question.type < _META and klass == question.klass and owner.lower() == question.folded


def aliases(answer: Iterable[RRset], name: Name) -> frozenset[Name]:
    """The name (folded) and those that its CNAMEs lead to, whatever their order."""
    led = {rrset.owner.lower(): rrset.rdatas[0].lower() for rrset in answer if rrset.type == RRType.CNAME}
    chain = [name]
    while (after := led.get(chain[-1])) is not None and after not in chain:
        chain.append(after)
    return frozenset(chain)


def _answers(rrset: RRset, question: Question, chain: frozenset[Name], *, do: bool) -> bool:
    if rrset.klass != question.klass:
        return False
    type, owner = _type(rrset), rrset.owner.lower()
    if rrset.type == RRType.RRSIG and question.type == RRType.RRSIG:
        return owner in chain
    if rrset.type == RRType.RRSIG and not do and question.type != RRType.ANY:
        return False
    if type == RRType.DNAME:
        return any(is_at_or_below(name, owner) for name in chain)
    return owner in chain and (type in {question.type, RRType.CNAME} or question.type in _QTYPES)


def _type(rrset: RRset) -> int:
    """Its type; of signatures the one that they cover."""
    return int.from_bytes(rrset.rdatas[0][:2]) if rrset.type == RRType.RRSIG else rrset.type


def _governs(rrset: RRset, question: Question, chain: frozenset[Name], *, do: bool) -> bool:
    if rrset.klass != question.klass:
        return False
    if rrset.type in _ZONE:
        return any(is_at_or_below(name, rrset.owner.lower()) for name in chain)
    return do and rrset.type in _PROOFS


def _helps(rrset: RRset, question: Question, targets: frozenset[Name], *, do: bool) -> bool:
    if rrset.klass != question.klass or rrset.owner.lower() not in targets:
        return False
    return _type(rrset) in _ADDRESSES and (do or rrset.type != RRType.RRSIG)


def _targets(rrsets: Iterable[RRset]) -> Iterable[Name]:
    for rrset in rrsets:
        if (begin := _POINTING.get(rrset.type)) is not None:
            for rdata in rrset.rdatas:
                yield _name_at(rdata, begin).lower()
            if rrset.type in {64, 65}:  # a target of "." is the owner itself (RFC 9460 §2.5)
                yield rrset.owner.lower()


def _name_at(rdata: bytes, begin: int) -> Name:
    """The uncompressed name that begins there; what there is of it where it is cut."""
    at = begin
    while at < len(rdata) and rdata[at]:
        at += 1 + rdata[at]
    return rdata[begin : at + 1]
