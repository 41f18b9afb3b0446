"""A question as it was read, and a reply before it is bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kdns.proto.name import Name
from kdns.proto.record import RRset
from kdns.proto.types import Flag, RCode


class Question(NamedTuple):
    """The one question of a query. `name` is as it was asked, `folded` as it is compared."""

    name: Name
    folded: Name
    type: int
    klass: int


class Edns(NamedTuple):
    """What an OPT record says (RFC 6891 §6.1). `payload` in bytes, as sent; `options` are (code, data)."""

    payload: int
    version: int
    do: bool
    options: tuple[tuple[int, bytes], ...] = ()


class Message(NamedTuple):
    """A query that was accepted: header, question, EDNS. `size` is its bytes on the wire.

    `serial` is that of the zone which the client has, where it asks for what changed since (RFC 1995 §3).
    """

    id: int
    flags: int
    question: Question
    edns: Edns | None
    size: int
    serial: int | None = None

    def has(self, flag: Flag) -> bool:
        """Whether this bit of the header is set."""
        return int.__and__(self.flags, flag) != 0  # an IntFlag's `&` takes ten times as long

    def asking(self, name: Name) -> Message:
        """The same query for another name, which is in folded letters."""
        return self._replace(question=self.question._replace(name=name, folded=name))


class Ede(NamedTuple):
    """An Extended DNS Error (RFC 8914 §2): info code and a sentence for people."""

    code: int
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back, all but the question, the id and the flags that are copied from the query.

    `turn` is the place in `answer` of the RRset whose records take turns at being first (round
    robin), or None. `authentic` is AD, shown to clients that set AD or DO (RFC 6840 §5.8). `desired` is
    RD, the query's where it is None. `truncated` sets TC though nothing is left out. `options` are
    EDNS options, sent only to a client that spoke EDNS, as `ede` is.
    """

    rcode: int = RCode.NOERROR
    answer: tuple[RRset, ...] = ()
    authority: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()
    authoritative: bool = False
    recursion: bool = False
    authentic: bool = False
    desired: bool | None = None
    truncated: bool = False
    ede: Ede | None = None
    options: tuple[tuple[int, bytes], ...] = ()
    turn: int | None = None
