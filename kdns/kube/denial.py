"""What a name that does not exist tells of others, since the index knows the whole tree of the zone (RFC 8020).

Three kinds of missing names have no end, as clients try every name in each domain of their search path: labels
below the zone that are none of the schema's, Namespaces below `svc`, and Services below their Namespace.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from kdns.kube.answer import Answer
from kdns.kube.index import Index, Touched
from kdns.kube.labels import SVC
from kdns.kube.names import is_tree, parse
from kdns.kube.options import Options
from kdns.kube.reason import Reason
from kdns.proto.name import ROOT, Name, from_labels, labels
from kdns.proto.reverse import is_reverse
from kdns.proto.types import RCode

_IN_SOA = b"hostmaster"
"""A name that the SOA has: to questions at or below it the reply is compressed in another way."""


class Missing(NamedTuple):
    """All that is missing below `encloser` (folded): what is at or below absent labels of `children`.

    Answers about that differ by the question, and in their reason's sentence by the label between the texts
    `around`; None where there is one sentence for all. A change to one of `depends_on` may make them all others.
    """

    encloser: Name
    children: Children
    around: tuple[str, str] | None = None
    depends_on: frozenset[Hashable] = frozenset()


def missing_like(name: Name, zone: Name, answer: Answer, index: Index, options: Options) -> Missing | None:
    """What the answer to `name` tells of all that is missing as it is; None where it tells of nothing else.

    Both folded; `zone` is the one that the name is in.
    """
    if answer.rcode != RCode.NXDOMAIN or answer.answer or is_reverse(zone):
        return None
    left = labels(name[: len(name) - len(zone)] + ROOT)
    reason = answer.because.reason
    if reason is Reason.NO_SUCH_NAME:
        return None if is_tree(left[-1]) else Missing(zone, _Trees())
    if left[-1] != SVC:
        return None
    around = answer.because.around_last
    if reason is Reason.NO_SUCH_NAMESPACE:
        return Missing(from_labels(left[-1:], zone), _Namespaces(index), around)
    namespace = parse(left).namespace
    ends = frozenset({Touched.namespace(namespace)})
    if reason is Reason.NO_SUCH_SERVICE:
        services = _Services(index, namespace, imported=zone in options.multicluster)
        return Missing(from_labels(left[-2:], zone), services, around, ends)
    if reason is Reason.NOT_EXPOSED and len(left) > 2:
        return Missing(from_labels(left[-2:], zone), _Hidden(), None, ends)
    return None


class _Trees:
    """Of a zone."""

    def absent(self, label: bytes) -> bool:
        return label != _IN_SOA and not is_tree(label)

    def ended_by(self, label: bytes) -> frozenset[Hashable]:  # noqa: ARG002
        return frozenset()


class _Namespaces:
    """Of `svc`."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def absent(self, label: bytes) -> bool:
        return label.decode("latin-1") not in self._index.namespaces

    def ended_by(self, label: bytes) -> frozenset[Hashable]:
        return frozenset({Touched.namespace(label.decode("latin-1"))})


class _Services:
    """Of a Namespace."""

    def __init__(self, index: Index, namespace: str, *, imported: bool) -> None:
        self._known = index.imports if imported else index.services
        self._namespace = namespace
        self._touched = Touched.imported if imported else Touched.service

    def absent(self, label: bytes) -> bool:
        return (self._namespace, label.decode("latin-1")) not in self._known

    def ended_by(self, label: bytes) -> frozenset[Hashable]:
        return frozenset({self._touched((self._namespace, label.decode("latin-1")))})


class _Hidden:
    """Of a Namespace that is not exposed: none is shown."""

    def absent(self, label: bytes) -> bool:  # noqa: ARG002
        return True

    def ended_by(self, label: bytes) -> frozenset[Hashable]:  # noqa: ARG002
        return frozenset()


Children = _Trees | _Namespaces | _Services | _Hidden
"""The labels next below a name, as they are when they are asked for (`chain.Children`)."""
