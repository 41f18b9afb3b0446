"""Questions and answers, as the tests write them down."""

from __future__ import annotations

from typing import NamedTuple

import dns.flags
import dns.message

from tests.asking import lines, rcode

Question = tuple[str, str]
"""Name, without the final dot, and type."""


class Answer(NamedTuple):
    """What a reply says: rcode, and the records of its answer as sorted lines of a zone file."""

    rcode: str
    records: tuple[str, ...] = ()


def answer_of(reply: dns.message.Message) -> Answer:
    """What a reply says; of one that was cut, that too."""
    cut = " TC" if reply.flags & dns.flags.TC else ""
    return Answer(rcode(reply) + cut, tuple(lines(reply.answer)))


NXDOMAIN = Answer("NXDOMAIN")
NODATA = Answer("NOERROR")


def records(name: str, type: str, *data: str) -> Answer:
    """An answer that has these records, each with kdns's default TTL."""
    return Answer("NOERROR", tuple(sorted(f"{name}. 5 IN {type} {each}" for each in data)))


def full(name: str) -> str:
    """The name of `SERVICE.NAMESPACE`, or of what is below that."""
    return f"{name}.svc.cluster.local"
