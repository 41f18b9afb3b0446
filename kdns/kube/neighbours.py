"""Names that exist near one that does not: for people who mistyped, or took another path than they meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from kdns.kube.index import Backed, Index, ServiceKey
from kdns.kube.labels import endpoint_name, port_name, service_name
from kdns.kube.names import Request, parse
from kdns.kube.objects import Service
from kdns.kube.options import Options
from kdns.kube.resolve import resolve
from kdns.proto.message import Question
from kdns.proto.name import Name, labels
from kdns.proto.reverse import is_reverse
from kdns.proto.types import Class, RCode, RRType

_MOST = 8
_LIKENESS = 0.6


def neighbours(question: Question, zone: Name, index: Index, options: Options) -> Iterator[Name]:
    """At most eight names of the zone, the nearest first; the question's own name is not among them.

    In a reverse zone, and in one that shows ServiceImports, nothing is near.
    """
    if is_reverse(zone) or zone in options.multicluster:
        return iter(())
    left = labels(question.folded)[: -len(labels(zone)) or None]
    request = parse(left)
    found: dict[Name, None] = {}
    for key in _near_services(request, [label.decode("latin-1") for label in left], index):
        backed = index.services[key]
        if backed.service is not None and _is_exposed(index, key):
            found.update(dict.fromkeys(_names(backed, backed.service, zone, options)))
    others = (name for name in found if name.lower() != question.folded)
    return islice((name for name in others if _exists(name, zone, index, options)), _MOST)


def _exists(name: Name, zone: Name, index: Index, options: Options) -> bool:
    """Whether it is answered; an alias is, wherever it leads, and to this type it is not followed."""
    question = Question(name, name.lower(), RRType.CNAME, Class.IN)
    return resolve(question, zone, index, options).rcode != RCode.NXDOMAIN


def _is_exposed(index: Index, key: ServiceKey) -> bool:
    namespace = index.namespaces.get(key[0])
    return namespace is not None and namespace.exposed


def _near_services(request: Request, left: list[str], index: Index) -> Iterator[ServiceKey]:
    """The very Service; else those of a like name in its namespace, of its name in others, of a like name anywhere."""
    wanted = (request.namespace, request.service) if request.service else _guessed(left)
    if wanted in index.services:
        yield wanted
        return
    namespace, service = wanted
    here = [name for where, name in index.services if where == namespace]
    yield from ((namespace, name) for name in _like(service, here))
    yield from (key for key in sorted(index.services) if key[1] == service and key[0] != namespace)
    if not namespace:
        names = _like(service, {name for _, name in index.services})
        yield from (key for name in names for key in sorted(index.services) if key[1] == name)
        return
    others = {".".join(reversed(key)): key for key in index.services}
    yield from (others[name] for name in _like(f"{service}.{namespace}", others))


def _guessed(left: list[str]) -> ServiceKey:
    """The namespace and Service that labels of no form may have meant: `web.shop`, `web.shop.scv`, `web`."""
    parts = [label for label in left if not label.startswith("_") and label not in {"svc", "pod"}]
    service, namespace = (*parts, "", "")[:2]
    return namespace, service


def _like(word: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(word, list(known), n=3, cutoff=_LIKENESS)


def _names(backed: Backed, service: Service, zone: Name, options: Options) -> Iterator[Name]:
    """A Service's own name, its ports' names and its endpoints' names, as far as they have records."""
    owner = service_name(service, zone)
    ready = backed.ready if service.headless and not options.noendpoints else ()
    if not service.headless or ready:
        yield owner
        ports = [port for endpoint in ready for port in endpoint.ports] if service.headless else service.ports
        yield from filter(None, (port_name(port, owner) for port in ports))
    for endpoint in ready:
        for address in endpoint.addresses:
            if name := endpoint_name(endpoint, address, owner, pod_names=options.endpoint_pod_names):
                yield name
