"""What a plugin holds of a zone as whoever serves may ask for it: plain answers, without the chain."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from kdns.authority import Authority
from kdns.chain import Handler, Plain
from kdns.kube.index import Index
from kdns.kube.options import Options
from kdns.kube.resolve import resolve
from kdns.kube.shortcut import Short, pointer, service
from kdns.proto.message import Question
from kdns.proto.name import Name

_SVC, _POD = b"\3svc", b"\3pod"
"""Below these no name shares more with those of the SOA than the zone, so that all replies of a length are alike."""


@dataclass(frozen=True, slots=True)
class Held:
    """A zone of a handler's (`chain.Holding`); no other zone is cut out of it."""

    by: Handler
    zone: Name
    authority: Authority
    is_reverse: bool

    @property
    def key(self) -> Hashable:
        """What all its answers depend on."""
        return self.authority.cluster.store.key

    def plain(self, question: Question, *, told: bool) -> Plain | None:
        """The answer to a question at or below the zone, if it is the cluster's alone and of one RRset at most."""
        authority = self.authority
        if authority.cluster.stale():
            return None
        index, options = authority.cluster.index, authority.options
        short = pointer(question, index, options) if self.is_reverse else service(question, self.zone, index, options)
        if short is None:
            short = self._resolved(question, index, options)
            if short is None:
                return None
        because, answer, additional, depends_on = short
        ede = because.ede if answer is None and told and options.ede else None
        return Plain(answer, additional, ede, depends_on, authority.tally(because.reason))

    def _resolved(self, question: Question, index: Index, options: Options) -> Short | None:
        found = resolve(question, self.zone, index, options)
        if found.rcode or len(found.answer) > 1 or not found.for_everyone or found.zone is not None:
            return None
        answer = found.answer[0] if found.answer else None
        if answer is not None and answer.type != question.type:
            return None
        if answer is None if self.is_reverse else not question.folded.endswith((_SVC + self.zone, _POD + self.zone)):
            return None
        return Short(found.because, answer, found.additional, found.depends_on)
