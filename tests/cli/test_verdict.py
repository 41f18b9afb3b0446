from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kdns.chain import Handler, Query, Response
from kdns.cli.verdict import Verdict, judge, near_outside
from kdns.errors import KdnsError
from kdns.plan import Place, Plan
from kdns.proto.name import from_text, to_text
from kdns.serve.router import Router, Served
from tests.asking import serving

MANIFESTS = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: 10.96.0.11}
"""
CLUSTER = "cluster.local in-addr.arpa {\n kubernetes {\n  manifests web.yaml\n  pods insecure\n }\n}\n"
WHOAMI = ".:54 {\n whoami\n}\n"


@asynccontextmanager
async def planned(text: str, folder: Path) -> AsyncIterator[Plan]:
    (folder / "web.yaml").write_text(MANIFESTS)
    async with serving(text, folder) as asked:
        yield asked.plan


async def verdict(text: str, folder: Path, name: str, type: int = 1) -> Verdict:
    async with planned(text, folder) as plan:
        return await judge(plan, from_text(name), type)


@pytest.mark.parametrize(
    ("name", "type", "outcome", "word", "sentence"),
    [
        ("web.shop.svc.cluster.local", 1, "answered", "service", "Service shop/web answers"),
        (
            "web.shop.svc.cluster.local",
            28,
            "no records of this type",
            "other_family_only",
            "Service shop/web has addresses of the other family only",
        ),
        (
            "wob.shop.svc.cluster.local",
            1,
            "no such name",
            "no_such_service",
            "namespace shop has no Service wob",
        ),
        ("10.0.96.10.in-addr.arpa", 12, "answered", "address", "an address of Service shop/web"),
        ("cluster.local", 252, "REFUSED", "transfer_refused", "zone transfers are not allowed here"),
        (
            "elsewhere.test",
            1,
            "REFUSED",
            "",
            "the name is in none of the zones that are served: cluster.local., in-addr.arpa.",
        ),
    ],
)
async def test_a_response_is_told_in_words(
    tmp_path: Path, name: str, type: int, outcome: str, word: str, sentence: str
) -> None:
    told = await verdict(CLUSTER, tmp_path, name, type)
    assert (told.outcome, told.word, told.sentence) == (outcome, word, sentence)


ALIAS = """\
apiVersion: v1
kind: Service
metadata: {name: away, namespace: shop}
spec: {type: ExternalName, externalName: %s}
"""


@pytest.mark.parametrize(
    ("target", "records", "outcome", "beyond"),
    [
        ("there.test", 2, "answered", ""),
        ("missing.0.in-addr.arpa", 1, "no such name", ", which does not exist"),
        ("0.in-addr.arpa", 1, "answered", ", which has no such records"),
        (
            "missing.test",
            1,
            "answered",
            ", which cannot be looked up: the name is not among the hosts that are served here",
        ),
        ("elsewhere.example", 1, "answered", ", which nobody here knows"),
    ],
)
async def test_an_alias_is_followed_out_of_the_cluster(
    tmp_path: Path, target: str, records: int, outcome: str, beyond: str
) -> None:
    cluster = "cluster.local:53 {\n kubernetes {\n  manifests away.yaml\n }\n}\n"
    others = "test:53 0.in-addr.arpa:53 {\n hosts {\n  192.0.2.1 there.test\n }\n local\n}\n"
    (tmp_path / "away.yaml").write_text(ALIAS % target)
    told = await verdict(cluster + others, tmp_path, "away.shop.svc.cluster.local")
    assert (told.outcome, len(told.response.answer)) == (outcome, records)
    assert told.sentence == f"Service shop/away is an alias of {target}{beyond}"


async def test_a_plugin_that_gives_no_reason_is_named(tmp_path: Path) -> None:
    told = await verdict(WHOAMI, tmp_path, "x.test")
    assert (told.outcome, told.word, told.sentence) == ("no records of this type", "", "plugin whoami says so")


async def test_where_nobody_answers_that_is_the_reason(tmp_path: Path) -> None:
    told = await verdict(".:54 {\n log\n}\n", tmp_path, "x.test")
    assert (told.outcome, told.sentence) == ("SERVFAIL", "no plugin of the server block answers this question")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(KdnsError("the disk is gone"), "the disk is gone"), (ValueError("x"), "a plugin failed; the log says more")],
)
async def test_a_handler_that_raises_is_told_as_the_server_would(
    tmp_path: Path, error: Exception, sentence: str
) -> None:
    async def raises(query: Query) -> Response:
        raise error

    async with planned(WHOAMI, tmp_path) as plan:
        told = await judge(with_handler(plan, raises), from_text("x.test"), 1)
    assert (told.outcome, told.sentence) == ("SERVFAIL", sentence)


def with_handler(plan: Plan, handler: Handler) -> Plan:
    root = from_text(".")
    return Plan(plan.build, {Place("", 54): Router({root: Served(root, "dns://:54", handler, 1232)})})


@pytest.mark.parametrize(
    ("text", "name", "zone", "server"),
    [
        pytest.param(WHOAMI + CLUSTER, "web.shop.svc.cluster.local", "cluster.local.", "dns://:53", id="longest zone"),
        pytest.param(CLUSTER + WHOAMI, "web.shop.svc.cluster.local", "cluster.local.", "dns://:53", id="in any order"),
        pytest.param(CLUSTER + WHOAMI, "x.test", ".", "dns://:54", id="another listener"),
        pytest.param(WHOAMI + WHOAMI.replace("54", "55"), "x.test", ".", "dns://:54", id="the first of equals"),
    ],
)
async def test_of_several_listeners_the_longest_zone_is_asked(
    tmp_path: Path, text: str, name: str, zone: str, server: str
) -> None:
    told = await verdict(text, tmp_path, name)
    assert (to_text(told.zone), told.server) == (zone, server)


async def test_outside_of_every_zone_nobody_is_asked(tmp_path: Path) -> None:
    told = await verdict(CLUSTER, tmp_path, "x.test")
    assert (told.outside, told.zone, told.server) == (True, b"", "")


async def test_objects_and_names_near_it_are_told(tmp_path: Path) -> None:
    async with planned(CLUSTER, tmp_path) as plan:
        told = await judge(plan, from_text("wed.shop.svc.cluster.local"), 1)
        assert [(each.object, each.found) for each in told.exhibits()] == [("Service shop/wed", False)]
        assert [to_text(name) for name in told.neighbours()] == ["web.shop.svc.cluster.local."]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("web.shop", ["web.shop.svc.cluster.local."]),
        ("web.shop.svc", ["web.shop.svc.cluster.local."]),
        ("db", ["db.default.svc.cluster.local."]),
        ("web", ["web.shop.svc.cluster.local."]),
        ("wbe", ["web.shop.svc.cluster.local."]),
        ("wbe.shop", ["web.shop.svc.cluster.local."]),
        ("web.shp", ["web.shop.svc.cluster.local."]),
        ("web.shp.svc", ["web.shop.svc.cluster.local."]),
        ("web.shop.svc.cluster.lcoal", ["web.shop.svc.cluster.local."]),
        ("WEB.shop.svc.Cluster.Loca", ["WEB.shop.svc.cluster.local."]),
        ("web.shop.svc.cluster", ["web.shop.svc.cluster.local."]),
        ("web.shop.svc.cluster.local.local", ["web.shop.svc.cluster.local."]),
        ("wbe.shop.svc.clsuter.local", ["web.shop.svc.cluster.local."]),
        ("cluster.lokal", []),
        ("www.example.com", []),
        ("example.com", []),
        ("10-0-0-1.shop.pod", ["10-0-0-1.shop.pod.cluster.local."]),
        ("nothing.test", []),
        (".".join(["x" * 60] * 4), []),
    ],
)
async def test_a_name_outside_is_looked_for_where_a_search_path_would(
    tmp_path: Path, name: str, near: list[str]
) -> None:
    async with planned(CLUSTER, tmp_path) as plan:
        told = await judge(plan, from_text(name), 1)
        assert [to_text(each) for each in await near_outside(plan, told)] == near


async def test_a_name_that_has_other_types_only_is_near_if_its_zone_is_misspelt(tmp_path: Path) -> None:
    async with planned(CLUSTER, tmp_path) as plan:
        told = await judge(plan, from_text("web.shop.svc.cluster.lokal"), 28)
        assert [to_text(each) for each in await near_outside(plan, told)] == ["web.shop.svc.cluster.local."]


async def test_of_many_zones_that_are_served_some_are_told(tmp_path: Path) -> None:
    keys = " ".join(f"z{number}.test" for number in range(20))
    told = await verdict(f"{keys} {{\n whoami\n}}\n", tmp_path, "elsewhere")
    zones = ", ".join(f"z{number}.test." for number in range(8))
    assert told.sentence == f"the name is in none of the zones that are served: {zones} and 12 more"


async def test_a_name_inside_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    async with planned(CLUSTER + WHOAMI, tmp_path) as plan:
        told = await judge(plan, from_text("web.shop"), 1)
        assert await near_outside(plan, told) == ()
