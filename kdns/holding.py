"""What a plugin holds of a zone as whoever serves may ask for it: plain answers, without the chain."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from kdns.authority import Authority
from kdns.chain import Handler, Plain, Tally
from kdns.kube.reason import Reason
from kdns.kube.resolve import resolve
from kdns.kube.shortcut import is_short, keys_of, pointer, pointer_keys, service
from kdns.proto.brief import Brief
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.reverse import Address, address_below, is_reverse, prefix_of
from kdns.proto.types import RRType

_SVC, _POD = b"\3svc", b"\3pod"
"""Below these no name shares more with those of the SOA than the zone, so that all replies of a length are alike."""
_PTR = int(RRType.PTR)


class Held:
    """A zone of a handler's (`chain.Holding`); no other zone is cut out of it."""

    def __init__(self, by: Handler, zone: Name, authority: Authority) -> None:
        self.by = by
        self.zone = zone
        self.ttl = authority.options.ttl
        self._authority = authority
        self._cluster = authority.cluster
        self._index = authority.cluster.index
        self._options = authority.options
        self._is_reverse = is_reverse(zone)
        # A pointer that led to a name in a reverse tree would be compressed.
        self._parts = prefix_of(zone) if self._is_reverse and not is_reverse(authority.options.primary) else None
        self._is_short = not self._is_reverse and is_short(zone, authority.options)

    @property
    def key(self) -> Hashable:
        """What all its answers depend on."""
        return self._cluster.store.key

    def brief(self, name: Name, left: Sequence[bytes], type: int, *, told: bool) -> Brief | None:
        """See `chain.Holding`."""
        if self._cluster.stale():
            return None
        if self._is_short:
            return service(name, left, type, self.zone, self._index, self._options, told=told)
        address = self._address(left) if type == _PTR else None
        return pointer(address, self._index, self._options) if address is not None else None

    def _address(self, left: Sequence[bytes]) -> Address | None:
        return address_below(left, *self._parts) if self._parts is not None else None

    def keys(self, left: Sequence[bytes]) -> frozenset[Hashable]:
        """See `chain.Holding`."""
        address = self._address(left)
        return keys_of(left, self._index) if address is None else pointer_keys(address, self._index)

    def tally(self, reason: str) -> Tally:
        """See `chain.Holding`."""
        return self._authority.tally(Reason(reason))

    def plain(self, question: Question, *, told: bool) -> Plain | None:
        """See `chain.Holding`."""
        if self._cluster.stale():
            return None
        found = resolve(question, self.zone, self._index, self._options)
        if found.rcode or len(found.answer) > 1 or not found.for_everyone or found.zone is not None:
            return None
        answer = found.answer[0] if found.answer else None
        if answer is not None and answer.type != question.type:
            return None
        ends = (_SVC + self.zone, _POD + self.zone)
        if answer is None if self._is_reverse else not question.folded.endswith(ends):
            return None
        ede = found.because.ede if answer is None and told and self._options.ede else None
        return Plain(answer, found.additional, ede, found.depends_on, found.because.reason)
