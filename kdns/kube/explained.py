"""An answer's reason with all that can be told about it: for `kdns explain`, the log and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kdns.kube.answer import Answer, Seen
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Endpoint, state
from kdns.kube.options import Options
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.reverse import unpack
from kdns.why import Exhibit


@dataclass(frozen=True, slots=True)
class Explained:
    """The `Why` of an answer of *kubernetes*; what costs time is worked out when it is asked for."""

    answer: Answer
    question: Question
    zone: Name
    cluster: Cluster
    options: Options
    has_neighbours: bool = True

    @property
    def word(self) -> str:
        """The reason's name."""
        return str(self.answer.because.reason)

    @property
    def sentence(self) -> str:
        """The reason's sentence."""
        return self.answer.because.sentence

    def exhibits(self) -> tuple[Exhibit, ...]:
        """The objects, each with its place in a file and, for a Service, its endpoints."""
        return tuple(exhibit for seen in self.answer.looked_at for exhibit in self._exhibits(seen))

    def neighbours(self) -> tuple[Name, ...]:
        """Names like the one that does not exist."""
        if self.answer.because.answered or not self.has_neighbours:
            return ()
        from kdns.kube.neighbours import neighbours  # for people, who ask seldom

        return tuple(neighbours(self.question, self.zone, self.cluster.index, self.options))

    def _exhibits(self, seen: Seen) -> Iterator[Exhibit]:
        yield Exhibit(str(seen.ref), seen.found, self.cluster.origin(seen.ref))
        for source in seen.sources:
            yield Exhibit(str(source), True, self.cluster.origin(source))
        if seen.endpoints:
            notes = tuple(describe(endpoint) for endpoint in seen.endpoints)
            yield Exhibit(f"endpoints of {seen.ref}", True, notes=notes)


def describe(endpoint: Endpoint) -> str:
    """An endpoint in a line: `10.244.0.5 ready, hostname db-0, Pod db-0, node node-1`."""
    parts = [" ".join(map(unpack, endpoint.addresses)) + " " + state(endpoint)]
    told = {
        "hostname": endpoint.hostname,
        "Pod": endpoint.target,
        "node": endpoint.node,
        "zone": endpoint.zone,
    }
    parts += [f"{word} {value}" for word, value in told.items() if value]
    return ", ".join(parts)
