"""All that a server says of some Services, addresses aside: so that two servers can be held against each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from tests.e2e.answers import Answer, Question, full
from tests.e2e.api import Json
from tests.e2e.questions import Served

TYPES = ("A", "AAAA", "SRV", "TXT", "PTR", "CNAME")
_IN_LABEL = re.compile(r"\b[0-9a-f]{1,4}(?:-[0-9a-f]{0,4}){3,7}(?=\.)")
_IPV4 = re.compile(r"\b\d+\.\d+\.\d+\.\d+$")
_IPV6 = re.compile(r"\b[0-9a-f]*:[0-9a-f:]+$")


Key = tuple[str, str]
"""Namespace and name of a Service."""


class Known(NamedTuple):
    """What to ask about: Services, each with the labels below it; and Services of which pointers are not compared."""

    labels: dict[Key, set[str]]
    apart: frozenset[Key]

    def questions(self) -> Iterator[Question]:
        """Every name of a Service and some that do not exist, of every type; namespaces; the zone."""
        names = {f"{name}.{namespace}" for namespace, name in self.labels}
        below = {f"{label}.{name}.{namespace}" for (namespace, name), labels in self.labels.items() for label in labels}
        spaces = {namespace for namespace, _ in self.labels}
        missing = {f"missing.{namespace}" for namespace in spaces}
        for name in sorted(map(full, names | below | spaces | missing)):
            yield from ((name, type) for type in TYPES)


def known(objects: Iterable[Json], apart: Iterable[Key] = ()) -> Known:
    """What objects speak of: Services, their ports, their endpoints' ports and hostnames; but for those `apart`."""
    objects = list(objects)
    services = [each for each in objects if each["kind"] == "Service"]
    labels = {_key(each): {"missing", "_tcp", "_missing._tcp"} for each in services}
    for each in objects:
        owner = _key(each)
        if each["kind"] == "EndpointSlice":
            owner = owner[0], each["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
        if owner in labels:
            labels[owner] |= set(_labels(each))
    apart = frozenset(apart)
    return Known({key: found for key, found in labels.items() if key not in apart}, apart)


def _key(held: Json) -> Key:
    return held["metadata"].get("namespace", ""), held["metadata"]["name"]


def _labels(held: Json) -> Iterator[str]:
    """Labels below a Service that an object of its speaks of."""
    ports: list[Json] = []
    hosts: list[Json] = []
    match held["kind"]:
        case "Service":
            ports = held["spec"].get("ports") or []
        case "EndpointSlice":
            ports, hosts = held.get("ports") or [], held.get("endpoints") or []
        case "Endpoints":
            subsets = held.get("subsets") or []
            ports = [port for subset in subsets for port in subset.get("ports") or []]
            hosts = [host for subset in subsets for part in _PARTS for host in subset.get(part) or []]
    yield from (f"_{port['name']}._{port.get('protocol', 'TCP').lower()}" for port in ports if port.get("name"))
    yield from (host["hostname"] for host in hosts if host.get("hostname"))


_PARTS = ("addresses", "notReadyAddresses")


def observed(served: Served, known: Known, *, addresses: bool = False) -> dict[str, tuple[Answer, ...]]:
    """Every answer, and what is answered when one asks on: targets of SRV records, pointers of addresses.

    Without `addresses` one address is as good as another; how many there are is still to be seen.
    """
    shown = _same if addresses else without_addresses
    apart = tuple(f".{full(f'{name}.{namespace}')}." for namespace, name in known.apart)
    found: dict[str, tuple[Answer, ...]] = {}
    for question in known.questions():
        answer = served.ask(*question)
        found[" ".join(question)] = (shown(answer),)
        on = [_but_for(served.ask(*each), apart) for each in _next(answer)]
        found[" ".join(question) + ", on"] = tuple(sorted(map(shown, on)))
    return found


def _same(answer: Answer) -> Answer:
    return answer


def _but_for(answer: Answer, apart: tuple[str, ...]) -> Answer:
    """An answer without the pointers to some Services."""
    pointers = tuple(
        line for line in answer.records if " PTR " not in line or not f".{line.split()[-1]}".endswith(apart)
    )
    return answer._replace(records=pointers)


def without_addresses(answer: Answer) -> Answer:
    """An answer in which one address is as good as another."""
    return Answer(answer.rcode, tuple(sorted(map(_without, answer.records))))


def _without(line: str) -> str:
    owner, _, rest = line.partition(" ")
    if " PTR " in rest:
        owner = "ADDRESS"
    rest = _IPV6.sub("ADDRESS", _IPV4.sub("ADDRESS", _IN_LABEL.sub("ADDRESS", rest)))
    return f"{_IN_LABEL.sub('ADDRESS', owner)} {rest}"


def _next(answer: Answer) -> Iterator[Question]:
    """What one would ask after an answer."""
    for line in answer.records:
        _, _, _, type, *data = line.split()
        if type == "SRV":
            yield from ((data[-1].rstrip("."), each) for each in ("A", "AAAA"))
        elif type in {"A", "AAAA"}:
            yield ip_address(data[0]).reverse_pointer, "PTR"
