"""What a plugin holds of a zone as whoever serves may ask for it: plain answers, without the chain."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from kdns.authority import Authority
from kdns.chain import Handler, Plain
from kdns.kube.answer import Answer
from kdns.kube.resolve import resolve
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.reverse import is_reverse

_SVC, _POD = b"\3svc", b"\3pod"
"""Below these no name shares more with those of the SOA than the zone, so that all replies of a length are alike."""


@dataclass(frozen=True, slots=True)
class Held:
    """A zone of a handler's (`chain.Holding`); no other zone is cut out of it."""

    by: Handler
    zone: Name
    authority: Authority

    @property
    def key(self) -> Hashable:
        """What all its answers depend on."""
        return self.authority.cluster.store.key

    def plain(self, question: Question, *, told: bool) -> Plain | None:
        """The answer to a question at or below the zone, if it is the cluster's alone and of one RRset at most."""
        authority = self.authority
        if authority.cluster.stale():
            return None
        answer = resolve(question, self.zone, authority.cluster.index, authority.options)
        if not self._is_plain(question, answer):
            return None
        because = answer.because
        return Plain(
            answer.answer[0] if answer.answer else None,
            answer.additional,
            because.ede if told and authority.options.ede else None,
            answer.depends_on,
            authority.tally(because.reason),
        )

    def _is_plain(self, question: Question, answer: Answer) -> bool:
        if answer.rcode or len(answer.answer) > 1 or not answer.for_everyone or answer.zone is not None:
            return False
        if is_reverse(self.zone):
            return bool(answer.answer)
        if answer.answer and answer.answer[0].type != question.type:
            return False
        return question.folded.endswith((_SVC + self.zone, _POD + self.zone))
