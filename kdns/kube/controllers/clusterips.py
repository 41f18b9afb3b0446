"""Cluster IPs: those that documents give, and one for each Service that asks and has none.

As the API server does it (kubernetes: pkg/registry/core/service/storage/alloc.go), except that an
object is never refused: it is served with what is right about it, and a problem says what is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kdns.kube import schema
from kdns.kube.control import Settings
from kdns.kube.controllers.addresses import Address, Family, Key, family_of, parsed, placed, service_range
from kdns.kube.controllers.apiserver import KUBERNETES, first_address, kubernetes
from kdns.kube.controllers.families import DUAL, asked, available
from kdns.kube.controllers.given import cluster_ips, given
from kdns.kube.controllers.identity import CONTROL_PLANE, identity, order, place, title
from kdns.kube.document import Document, Problem
from kdns.kube.schema import replaced

HEADLESS = "None"
"""The `clusterIP` of a Service that has none."""


@dataclass(slots=True)
class _Bid:
    """A Service with cluster IPs: `given` by its document, of which some are `kept`, and `got`."""

    document: Document
    spec: schema.ServiceSpec
    given: list[str]
    kept: list[str]
    wanted: list[Family] = field(default_factory=list)
    got: dict[Family, str] = field(default_factory=dict)

    @property
    def final(self) -> list[str]:
        """Those that it has in the end, the primary one first."""
        return self.kept + [self.got[family] for family in self.wanted if family in self.got]

    def problem(self, text: str) -> Problem:
        """What is wrong with it."""
        return Problem(self.document.origin, f"{title(self.document)}: {text}")


def give_cluster_ips(documents: Sequence[Document], settings: Settings) -> tuple[list[Document], list[Problem]]:
    """The documents, in which each Service that asks for cluster IPs has them, and `default/kubernetes`.

    Of two that give the same address the first, by file and document, keeps it; the other goes
    without, and gets no other in its place. A Service that finds its range full goes without, too.
    """
    bids = sorted(_bids(documents), key=lambda bid: (order(bid.document.origin), identity(bid.document)))
    holders, problems = _claims(bids)
    made, more = _kubernetes(documents, bids, holders, settings)
    problems += more
    for bid in bids:
        bid.wanted, more = _wanted(bid, settings)
        problems += more
    addresses = given(documents) | holders.keys()
    for family in Family:
        problems += _give([bid for bid in bids if family in bid.wanted], family, addresses, settings)
    filled = {identity(bid.document): _filled(bid) for bid in bids}
    return [filled.get(identity(each), each) if each.name else each for each in documents] + made, problems


def _bids(documents: Iterable[Document]) -> Iterator[_Bid]:
    for document in documents:
        if not isinstance(document.shape, schema.Service) or not document.name:
            continue
        spec = document.shape.spec or schema.ServiceSpec()
        texts = cluster_ips(spec)
        if spec.type != "ExternalName" and HEADLESS not in texts:
            yield _Bid(document, spec, texts, list(texts))


def _claims(bids: Iterable[_Bid]) -> tuple[dict[Address, _Bid], list[Problem]]:
    """Who holds which of the given addresses; takes them from all others."""
    holders: dict[Address, _Bid] = {}
    problems: list[Problem] = []
    for bid in bids:
        for text in bid.given:
            address = parsed(text)
            if address is None:
                continue  # a mistake of its own, which is found where the object is read
            holder = holders.setdefault(address, bid)
            if holder is not bid:
                bid.kept.remove(text)
                problems.append(bid.problem(_held(text, holder, bid)))
    return holders, problems


def _held(text: str, holder: _Bid, loser: _Bid) -> str:
    keeps = f"{title(holder.document)} ({place(holder.document.origin)})"
    return f"{text} ({place(loser.document.origin)}) is given to {keeps} too, which keeps it"


def _kubernetes(
    documents: Iterable[Document], bids: Iterable[_Bid], holders: dict[Address, _Bid], settings: Settings
) -> tuple[list[Document], list[Problem]]:
    """`default/kubernetes` if it is not in the documents; there, it gets its address if it has none."""
    first = first_address(settings)
    if first is None:
        text = "Service default/kubernetes is not made: there is no service range with an address for it"
        return [], [] if _named(documents) else [Problem(CONTROL_PLANE, text)]
    if not _named(documents):
        holder = holders.get(first)
        if holder is None:
            return [kubernetes(first)], []
        holder.kept = [text for text in holder.kept if parsed(text) != first]
        text = f"{first} is the address of Service default/kubernetes, which keeps it"
        return [kubernetes(first)], [holder.problem(text)]
    for bid in bids:
        if identity(bid.document) == KUBERNETES and not bid.given and first not in holders:
            bid.given, bid.kept = [str(first)], [str(first)]
            holders[first] = bid
    return [], []


def _named(documents: Iterable[Document]) -> bool:
    return any(identity(document) == KUBERNETES for document in documents)


def _wanted(bid: _Bid, settings: Settings) -> tuple[list[Family], list[Problem]]:
    """The families of which a Service is to get an address, and what it asks for in vain.

    One with a text that is no address is left to the reading of the object.
    """
    addresses = [parsed(text) for text in bid.given]
    if None in addresses or (addresses and _complete(bid.spec)):
        return [], []
    have = {family_of(address) for address in addresses if address is not None}
    known = available(settings)
    missing = [each for each in asked(bid.spec, settings) if each.family not in have]
    problems = [bid.problem(text) for text in _unknown(bid.spec)]
    if not missing and not have:
        problems.append(bid.problem("it gets no cluster IP: there is no service range"))
    problems += [
        bid.problem(f"it gets no {each.family} address: there is no service range of that family")
        for each in missing
        if each.demanded and each.family not in known
    ]
    return [each.family for each in missing if each.family in known], problems


def _complete(spec: schema.ServiceSpec) -> bool:
    """Whether its list of addresses is all that it was to have: one that an API server has seen lists as many families.

    In a cluster of one family PreferDualStack has one of each.
    """
    if not spec.cluster_ips:
        return False
    return spec.ip_family_policy not in DUAL or len(spec.cluster_ips) == len(spec.ip_families or ())


def _unknown(spec: schema.ServiceSpec) -> Iterator[str]:
    for text in spec.ip_families or ():
        if text not in frozenset(Family):
            yield f"spec.ipFamilies: '{text}' is neither IPv4 nor IPv6"


def _give(bids: Iterable[_Bid], family: Family, addresses: set[Address], settings: Settings) -> list[Problem]:
    """An address of the family for each; `addresses` are in use already. Says who goes without."""
    ranges = [service_range(network) for network in settings.service_cidrs if family_of(network) is family]
    waiting: dict[Key, _Bid] = {(family.value, *identity(bid.document)[1:]): bid for bid in bids}
    found = placed(ranges, waiting, addresses)
    for key, address in found.items():
        waiting.pop(key).got[family] = str(address)
    full = ", ".join(str(each.network) for each in ranges)
    return [bid.problem(f"it gets no {family} address: {full} is full") for bid in waiting.values()]


def _filled(bid: _Bid) -> Document:
    """The document with the addresses that its Service has in the end."""
    document, final = bid.document, bid.final
    if final == cluster_ips(bid.spec):
        return document
    spec = replaced(bid.spec, cluster_ip=final[0] if final else None, cluster_ips=final or None)
    return document._replace(shape=replaced(document.shape, spec=spec))
