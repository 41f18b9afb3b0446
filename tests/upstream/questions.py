"""Questions for the tests of upstreams, and settings that have nothing random in them."""

from __future__ import annotations

from random import Random

from kdns.proto.message import Question
from kdns.proto.name import from_text
from kdns.proto.record import RRset
from kdns.proto.text import type_number, zone_lines
from kdns.proto.types import Class, Flag
from kdns.upstream.asking import Asking


def ask_for(name: str = "www.example.org.", type: str = "A", *, flags: int = Flag.RD, do: bool = False) -> Asking:
    """A question as a client would have it asked."""
    wire = from_text(name)
    return Asking(Question(wire, wire.lower(), type_number(type), Class.IN), flags, do)


def seeded(seed: int = 1) -> Random:
    """Draws that are the same each time."""
    return Random(seed)


def lines_of(*rrsets: RRset) -> list[str]:
    """Records as lines of a zone file, blanks single, in their order."""
    return [" ".join(line.split()) for rrset in rrsets for line in zone_lines(rrset)]
