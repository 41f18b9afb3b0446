"""A question about the cluster, and what is answered: records, the reason, what it was made from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kdns.kube.index import Backed, Index, Touched
from kdns.kube.labels import SVC, service_name
from kdns.kube.names import Request
from kdns.kube.objects import Endpoint, Kind, Ref, Service
from kdns.kube.options import IPV4, IPV6, Options
from kdns.kube.reason import Because, Reason, because
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.record import RRset, addresses
from kdns.proto.reverse import Address
from kdns.proto.types import RCode, RRType

FAMILY_OF = {RRType.A: IPV4, RRType.AAAA: IPV6}
"""The length of the addresses that a type carries."""
TYPE_OF = {size: type for type, size in FAMILY_OF.items()}


class Seen(NamedTuple):
    """An object that was looked at: found or not, with its endpoints where it is a Service."""

    ref: Ref
    found: bool = True
    endpoints: tuple[Endpoint, ...] = ()
    sources: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A question inside `zone`. `server` are the server's own addresses, for the zone's NS.

    `tree` are the labels between a namespace and the zone, below which Services have their names.
    """

    question: Question
    zone: Name
    request: Request
    index: Index
    options: Options
    server: tuple[Address, ...] = ()
    tree: tuple[bytes, ...] = (SVC,)

    def owner(self, service: Service) -> Name:
        """A Service's name in the zone."""
        return service_name(service, self.zone, self.tree)

    @property
    def multicluster(self) -> bool:
        """Whether the zone shows ServiceImports instead of Services."""
        return self.zone in self.options.multicluster

    @property
    def family(self) -> int | None:
        """The length of the addresses that are asked for; None when it is no address type."""
        return FAMILY_OF.get(self.question.type)  # type: ignore[call-overload, no-any-return]


class Answer(NamedTuple):
    """What `resolve` returns. `depends_on` names what a change must touch to end it.

    `for_everyone` is False where it shows the address that was asked at. `zone` is where an alias led
    to, None where that is the question's own.
    """

    because: Because
    rcode: int = RCode.NOERROR
    answer: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()
    looked_at: tuple[Seen, ...] = ()
    depends_on: frozenset[Hashable] = frozenset()
    for_everyone: bool = True
    zone: Name | None = None

    @property
    def negative(self) -> bool:
        """NODATA or NXDOMAIN, perhaps behind an alias: the zone's SOA goes with it (RFC 2308 §2)."""
        return not self.because.answered and self.authoritative

    @property
    def authoritative(self) -> bool:
        """Whether it says how things are, rather than that no answer can be given."""
        return self.rcode in {RCode.NOERROR, RCode.NXDOMAIN}

    def after(self, seen: Iterable[Seen], keys: Iterable[Hashable]) -> Answer:
        """The same, when these were looked at before."""
        because, rcode, answer, additional, looked_at, depends_on, for_everyone, zone = self
        looked_at, depends_on = (*seen, *looked_at), depends_on.union(keys)
        return Answer(because, rcode, answer, additional, looked_at, depends_on, for_everyone, zone)


def nodata(reason: Reason, *about: object) -> Answer:
    """The name exists without records of the type."""
    return Answer(because(reason, *about))


def nxdomain(reason: Reason, *about: object) -> Answer:
    """Neither the name nor any name below it exists (RFC 8020)."""
    return Answer(because(reason, *about), RCode.NXDOMAIN)


def found(reason: Because, *answer: RRset, additional: Iterable[RRset] = ()) -> Answer:
    """Records."""
    return Answer(reason, answer=answer, additional=tuple(additional))


def address_answer(ask: Ask, reason: Because, known: Iterable[Address], subject: object) -> Answer:
    """A or AAAA records at the question's name out of the addresses of either family (at least one)."""
    family = ask.family
    if family is None:
        return nodata(Reason.NO_SUCH_TYPE, subject)
    if family not in ask.options.families:
        return nodata(Reason.FAMILY_OFF, subject)
    asked = [each for each in known if len(each) == family]
    if not asked:
        return nodata(Reason.OTHER_FAMILY, subject)
    return found(reason, addresses(ask.question.name, ask.options.ttl, asked))


def glue(ask: Ask, owners: Iterable[tuple[Name, Iterable[Address]]]) -> list[RRset]:
    """The address records of these names, both families, each address once."""
    by_owner: dict[tuple[Name, int], dict[Address, None]] = {}
    families = ask.options.families
    for owner, known in owners:
        for each in known:
            if len(each) in families:
                by_owner.setdefault((owner, len(each)), {})[each] = None
    ttl = ask.options.ttl
    return [RRset(owner, TYPE_OF[size], ttl, tuple(known)) for (owner, size), known in by_owner.items()]


def refused_namespace(ask: Ask) -> Answer | None:
    """NXDOMAIN if the request's namespace does not exist or is not exposed; None if it can be asked for."""
    name = ask.request.namespace
    known = ask.index.namespaces.get(name)
    if known is None:
        return nxdomain(Reason.NO_SUCH_NAMESPACE, name).after([Seen(Ref(Kind.NAMESPACE, "", name), False)], ())
    if not known.exposed:
        return nxdomain(Reason.NOT_EXPOSED, name).after([Seen(known.ref)], ())
    return None


def namespace_keys(ask: Ask) -> set[Hashable]:
    """What every answer about a namespace depends on."""
    return {Touched.namespace(ask.request.namespace)}


def seen(backed: Backed, kind: Kind, namespace: str, name: str) -> Seen:
    """A Service (or ServiceImport) as it was looked at, with its endpoints and where they come from."""
    exists = backed.service is not None
    return Seen(Ref(kind, namespace, name), exists, backed.endpoints, backed.sources)
