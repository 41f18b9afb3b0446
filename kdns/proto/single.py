"""The records of a reply that has one answer, as `encode` writes them, in a fifth of its time.

That is what most questions about a cluster get: an address, a pointer, or a service with its target's addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from kdns.proto.message import Question
from kdns.proto.name import ROOT, is_at_or_below
from kdns.proto.record import RRset
from kdns.proto.types import RRType

_FIXED = Struct("!HHHIH").pack
_TO_QUESTION = 0xC00C
_AS_THEY_ARE = frozenset({RRType.A, RRType.AAAA, RRType.SRV})
_REVERSE = b"\4arpa\0"


def single(question: Question, answer: RRset, additional: Iterable[RRset] = ()) -> bytes | None:
    """The record at the question's name, and those of names above it; None where that takes more to write.

    Any of them that has several records takes more, and so does a name in rdata that might be compressed.
    """
    if len(answer.rdatas) != 1 or question.name == ROOT:
        return None
    _, type, ttl, (rdata,), klass = answer
    if type not in _AS_THEY_ARE and not (type == RRType.PTR and _has_nothing_of_it(question, rdata)):
        return None
    written = _FIXED(_TO_QUESTION, type, klass, ttl, len(rdata)) + rdata
    for rrset in additional:
        above = _above(question, rrset)
        if above is None:
            return None
        written += above
    return written


def _has_nothing_of_it(question: Question, name: bytes) -> bool:
    """Whether a name and that of the question, which is in a reverse tree, have no label in common at their end."""
    return question.folded.endswith(_REVERSE) and not name.lower().endswith(_REVERSE)


def _above(question: Question, rrset: RRset) -> bytes | None:
    owner, type, ttl, rdatas, klass = rrset
    if len(rdatas) != 1 or type not in _AS_THEY_ARE or owner == ROOT:
        return None
    if not is_at_or_below(question.folded, owner.lower()):
        return None
    place = _TO_QUESTION + len(question.name) - len(owner)
    return _FIXED(place, type, klass, ttl, len(rdatas[0])) + rdatas[0]
