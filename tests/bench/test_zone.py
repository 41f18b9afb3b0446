"""The zones that Knot and Unbound serve: the same answers that kdns gives of the same objects."""

from __future__ import annotations

import json
import random
from pathlib import Path

import dns.zone
import pytest

from bench.cluster import NAMESPACES, ZONE, Shape, endpoint_slice, namespace, service, wide_services, wide_slices
from bench.questions import first, headless, srv, wide
from bench.zone import REVERSE, forward, local_data, outside_file, reverse, zone_file
from tests.asking import lines, serving

SHAPE = Shape(25, 3)
COREFILE = """
.:1053 {
    kubernetes cluster.local in-addr.arpa {
        manifests objects.json
        ttl 30
    }
}
"""


def objects() -> list[dict[str, object]]:
    numbers = range(SHAPE.services)
    found = [namespace(number, 1) for number in range(NAMESPACES)]
    found += [service(number, 1) for number in numbers]
    found += [endpoint_slice(number, 1, SHAPE.each) for number in numbers]
    return [*found, *wide_services(1), *wide_slices(1)]


async def test_each_question_is_answered_with_the_zone_s_records(tmp_path: Path) -> None:
    (tmp_path / "objects.json").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": objects()}))
    asked = list(first(SHAPE, random.Random(1), 0))
    for more in (headless, srv, wide(100), wide(1000)):
        asked += more(SHAPE, random.Random(1), 0)
    wanted = {question: set[str]() for question in asked}
    for record in (*forward(SHAPE), *reverse(SHAPE)):
        question = f"{record.owner} {record.type}"
        if question in wanted:
            wanted[question].add(f"{record.owner}. 30 IN {record.type} {record.rdata}")
    async with serving(COREFILE, tmp_path) as server:
        for question, records in wanted.items():
            name, type = question.split()
            reply = await server.ask(name, type, tcp=True)
            assert (question, set(lines(reply.answer))) == (question, records)
            assert reply.rcode() == 0


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (ZONE, zone_file(ZONE, forward(SHAPE))),
        (REVERSE, zone_file(REVERSE, reverse(SHAPE))),
        (".", outside_file()),
    ],
    ids=["cluster", "reverse", "outside"],
)
def test_a_zone_file_loads(origin: str, text: str) -> None:
    zone = dns.zone.from_text(text, origin, relativize=False)
    assert zone.get_soa(None).minimum == 30


def test_local_data_has_a_line_for_each_record() -> None:
    said = local_data(ZONE, forward(SHAPE)).splitlines()
    assert len(said) == 2 + len(list(forward(SHAPE)))
    assert said[0] == 'local-zone: "cluster.local." static'
    assert 'local-data: "svc-1.ns-1.svc.cluster.local. 30 A 10.96.1.1"' in said
