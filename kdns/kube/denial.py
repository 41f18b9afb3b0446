"""What a name that does not exist tells of others, since the index knows the whole tree of the zone (RFC 8020).

Three kinds of missing names have no end, as clients try every name in each domain of their search path: labels
below the zone that are none of the schema's, Namespaces below `svc`, and Services below their Namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
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
    """`absent` tells of a folded label, now, whether there is nothing at or below it under `encloser` (folded).

    Answers about such names differ by the question, and in their reason's sentence by that label between the texts
    `around`; None where there is one sentence for all. A change to one of `depends_on` may make them others.
    """

    encloser: Name
    absent: Callable[[bytes], bool]
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
        return None if is_tree(left[-1]) else Missing(zone, _is_no_tree)
    if left[-1] != SVC:
        return None
    around = answer.because.around_last
    if reason is Reason.NO_SUCH_NAMESPACE:
        return Missing(from_labels(left[-1:], zone), partial(_has_no_namespace, index), around)
    return _in_namespace(left, zone, reason, index, options, around)


def _in_namespace(
    left: tuple[bytes, ...],
    zone: Name,
    reason: Reason,
    index: Index,
    options: Options,
    around: tuple[str, str] | None,
) -> Missing | None:
    namespace = parse(left).namespace
    ends = frozenset({Touched.namespace(namespace)})
    if reason is Reason.NO_SUCH_SERVICE:
        has_none = _has_no_import if zone in options.multicluster else _has_no_service
        return Missing(from_labels(left[-2:], zone), partial(has_none, index, namespace), around, ends)
    if reason is Reason.NOT_EXPOSED and len(left) > 2:
        return Missing(from_labels(left[-2:], zone), _nothing_is_shown, None, ends)
    return None


def _is_no_tree(label: bytes) -> bool:
    return label != _IN_SOA and not is_tree(label)


def _nothing_is_shown(label: bytes) -> bool:
    return True


def _has_no_namespace(index: Index, label: bytes) -> bool:
    return label.decode("latin-1") not in index.namespaces


def _has_no_service(index: Index, namespace: str, label: bytes) -> bool:
    return (namespace, label.decode("latin-1")) not in index.services


def _has_no_import(index: Index, namespace: str, label: bytes) -> bool:
    return (namespace, label.decode("latin-1")) not in index.imports
