"""Answers to names that do not exist, without end of them, put together from prepared parts.

What one such answer says holds for every name at or below a missing label of the same encloser (`Denial`). So the
replies are alike but for the question, the pointers behind it, which follow from its length, and
perhaps a word of the error's sentence. No chain is asked, and nothing is kept for each name.

Held is a denial for each encloser, type and way of asking that was met; a change ends those that it touches.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Set
from struct import Struct

from kdns.chain import Denial, Keep, Response, Transport
from kdns.proto.encode import SMALLEST, opt_of, opt_saying
from kdns.proto.glance import Bare, key_of
from kdns.proto.message import Message
from kdns.proto.name import ROOT, Name, is_at_or_below, labels
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import RRType
from kdns.serve.entry import Firsts, Lying, Whole
from kdns.serve.tails import HEAD, Tails, no_serial, with_serial

_MOST = 10_000
"""Denials held: the oldest go first. One takes some 1400 bytes."""
_PAIR = Struct("!HH").pack


class Denials:
    """Those of one listener; at most `most` are held."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.held: dict[bytes, Denied] = {}  # by the key of a question for the encloser
        self._dependents: dict[Hashable, set[bytes]] = {}
        self._tails: dict[RRset, Tails] = {}
        self._firsts = Firsts()

    def __len__(self) -> int:
        return len(self.held)

    def learn(self, message: Message, ready: Ready, response: Response, zones: Iterable[Name], payload: int) -> bool:
        """Hold what a response says of other names, whose reply was `ready`; whether it can be held.

        `zones` are those of the listener: one below the encloser may have other answers. `payload` is what OPT says.
        """
        denial = response.denial
        if denial is None or not _is_plain(response) or any(_is_below(zone, denial.encloser) for zone in zones):
            return False
        tails, opt = self._tails_of(response), opt_of(message, payload)
        held = Denied(denial, ready, response, tails, opt, payload, self._firsts)
        question = message.question
        label = _label_below(question.folded, denial.encloser)
        asked = question.name + _PAIR(question.type, question.klass)
        if held.body(label, asked) != ready.body(0):
            return False  # left to the chain is what is written in another way than this
        self._hold(key_of(message.asking(denial.encloser)), held)
        return True

    def forget(self, keys: Set[Hashable]) -> None:
        """End those that depend on one of these keys."""
        for name in self._dependents.keys() & keys:
            for key in tuple(self._dependents[name]):
                self._drop(key)

    def _tails_of(self, response: Response) -> Tails:
        """One for all replies with the same SOA, whatever its serial."""
        (soa,) = response.authority
        blank = with_serial(soa, 0)
        if blank not in self._tails:
            self._tails[blank] = Tails(blank)
        return self._tails[blank]

    def _hold(self, key: bytes, held: Denied) -> None:
        self._drop(key)
        self.held[key] = held
        for name in held.depends_on:
            self._dependents.setdefault(name, set()).add(key)
        if len(self.held) > self._most:
            self._drop(next(iter(self.held)))

    def _drop(self, key: bytes) -> None:
        held = self.held.pop(key, None)
        for name in held.depends_on if held else ():
            dependents = self._dependents[name]
            dependents.discard(key)
            if not dependents:
                del self._dependents[name]


class Denied:
    """A denial, and the parts of its replies."""

    __slots__ = (
        "_around",
        "_code",
        "_ended_by",
        "_firsts",
        "_head",
        "_opt",
        "_payload",
        "_serial",
        "_tails",
        "absent",
        "depends_on",
        "keep",
    )

    def __init__(
        self,
        denial: Denial,
        ready: Ready,
        response: Response,
        tails: Tails,
        opt: bytes,
        payload: int,
        firsts: Firsts,
    ) -> None:
        self._firsts = firsts
        self.absent = denial.children.absent
        self._ended_by = denial.children.ended_by
        self.depends_on = denial.depends_on
        self._head = ready.head[:HEAD]
        told = response.keep
        self.keep = Keep(told.scope, tallies=told.tallies, serial=told.serial)
        self._serial = response.keep.serial or no_serial
        self._tails = tails
        self._opt, self._payload = opt, payload
        self._code = response.ede.code if response.ede else None
        before, behind = denial.around or (response.ede.text if response.ede else "", None)
        self._around = (before.encode(), behind.encode() if behind is not None else None)

    def body(self, label: bytes, question: bytes) -> bytes | None:
        """The reply behind its id; None where one with its error's sentence might not fit every client."""
        body = self._head + question + self._tails.of(len(question), self._serial())
        if self._opt:
            body += self._opt_for(label)
            if len(body) + 2 > SMALLEST:
                return None
        return body

    def at_once(self, left: Sequence[bytes], asked: Bare, size: int, transport: Transport) -> Lying | None:  # noqa: ARG002
        """The reply to a query of `size` bytes, for a name whose folded labels below the encloser are `left`.

        It counts as the first of the same sizes.
        """
        _, question, _ = asked
        body = self.body(left[-1], question)
        return self._firsts.counted(Lying(self.keep, size, body)) if body is not None else None

    def whole(self, left: Sequence[bytes], asked: Bare, transport: Transport) -> Whole | None:  # noqa: ARG002
        """The same as it can be kept."""
        label, (_, question, _) = left[-1], asked
        size, body = len(question), self.body(label, question)
        if body is None:
            return None
        serial_at = HEAD + size + len(self._tails.of(size, self._serial())) - SERIAL_FROM_END
        keep = self.keep.narrowed(depends_on=self.depends_on | self._ended_by(label))  # not on who was asked for first
        return Whole(Ready(body, serial_at=serial_at), keep, self._payload)

    def _opt_for(self, label: bytes) -> bytes:
        if self._code is None:
            return self._opt
        before, behind = self._around
        return opt_saying(self._opt, self._code, before if behind is None else before + _said(label) + behind)


def _is_plain(response: Response) -> bool:
    """Whether the reply is an SOA alone, good for everybody until a change, and nobody wants to see each."""
    keep, reply = response.keep, response
    if not keep.is_for_all:
        return False
    if reply.answer or reply.additional or reply.options or reply.authentic or keep.serial is None:
        return False
    return len(reply.authority) == 1 and reply.authority[0].type == RRType.SOA and len(reply.authority[0].rdatas) == 1


def _is_below(name: Name, other: Name) -> bool:
    return name != other and is_at_or_below(name, other)


def _label_below(name: Name, encloser: Name) -> bytes:
    """The label of a name that is next below its encloser."""
    *_, label = labels(name[: len(name) - len(encloser)] + ROOT)
    return label


def _said(label: bytes) -> bytes:
    """As sentences write a label: each octet a character of Latin-1."""
    return label if label.isascii() else label.decode("latin-1").encode()
