"""A small cluster in memory, through the store, and questions about it."""

from __future__ import annotations

from dataclasses import replace

from kdns.kube.answer import Answer, Ask
from kdns.kube.index import Index
from kdns.kube.names import parse
from kdns.kube.objects import Endpoint, Namespace, Object, Port, Service, Slice
from kdns.kube.options import Options
from kdns.kube.resolve import resolve
from kdns.kube.store import Store
from kdns.metrics import Metrics
from kdns.proto.message import Question
from kdns.proto.name import ROOT, from_text, labels
from kdns.proto.reverse import pack
from kdns.proto.text import type_number, zone_lines

ZONE = from_text("cluster.local")
REVERSE = from_text("in-addr.arpa")
REVERSE6 = from_text("ip6.arpa")
OPTIONS = Options(zones=(ZONE, REVERSE, REVERSE6), primary=ZONE)
SHOP = Namespace("shop")
HTTP = (Port("http", 80),)
SERIAL = 1_700_000_000


def store_of(*objects: Object) -> Store:
    """A store that holds these objects."""
    store = Store(lambda _: None, lambda: float(SERIAL), Metrics())
    store.update(objects)
    return store


def index_of(*objects: Object) -> Index:
    """An index of these objects."""
    return store_of(*objects).index


def service(name: str = "web", *ips: str, ports: tuple[Port, ...] = HTTP, namespace: str = "shop") -> Service:
    """With these cluster IPs; headless without."""
    return Service(namespace, name, tuple(map(pack, ips)), ports, headless=not ips)


def endpoint(*ips: str, ports: tuple[Port, ...] = HTTP, **more: object) -> Endpoint:
    """With these addresses."""
    return Endpoint(tuple(map(pack, ips)), ports, **more)  # type: ignore[arg-type]


def slice_of(*endpoints: Endpoint, service: str = "web", namespace: str = "shop", imported: bool = False) -> Slice:
    """A slice of a Service."""
    if imported:
        return Slice(namespace, f"{service}-1", "", endpoints, service)
    return Slice(namespace, f"{service}-1", service, endpoints)


def question(name: str, type: str = "A") -> Question:
    """A question in class IN."""
    wire = from_text(name)
    return Question(wire, wire.lower(), type_number(type), 1)


def ask(name: str, type: str = "A", *objects: Object, options: Options = OPTIONS, zone: bytes = ZONE) -> Ask:
    """A question in the zone, about these objects."""
    asked = question(name, type)
    request = parse(labels(asked.folded[: len(asked.folded) - len(zone)] + ROOT))
    return Ask(asked, zone, request, index_of(*objects), options, (pack("192.0.2.53"),))


def answer(name: str, type: str = "A", *objects: Object, zone: bytes = ZONE, **options: object) -> Answer:
    """What is resolved."""
    given = replace(OPTIONS, **options)  # type: ignore[arg-type]
    return resolve(question(name, type), zone, index_of(*objects), given, (pack("192.0.2.53"),))


def records(found: Answer) -> list[str]:
    """The answer section as zone-file lines, blanks single."""
    return [" ".join(line.split()) for rrset in found.answer for line in zone_lines(rrset)]
