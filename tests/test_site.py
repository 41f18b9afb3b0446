"""Server blocks while they are built."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError
from kdns.metrics import Metrics
from kdns.proto.name import ROOT, from_text
from kdns.site import Build, Changes, Page, Site, only_once, server_name, zone_label


def built() -> Build:
    return Build(metrics=Metrics(), clock=lambda: 0.0, wall=lambda: 0.0)


def site_of(corefile: str) -> Site:
    (block,) = parse(corefile, "Corefile", default_port=53, environ={}, disk=Memory()).blocks
    return Site(block, built())


def test_a_change_is_told_to_everybody_in_the_order_of_their_coming_before_publish_returns() -> None:
    changes = Changes()
    told: list[tuple[str, list[Hashable]]] = []

    def hear(who: str) -> None:
        def listen(keys: Iterable[Hashable]) -> None:
            told.append((who, list(keys)))

        changes.subscribe(listen)

    changes.publish(["before anybody"])
    hear("first")
    hear("second")
    changes.publish(["a", "b"])
    assert told == [("first", ["a", "b"]), ("second", ["a", "b"])]


def test_what_is_shared_is_made_once_for_each_key() -> None:
    build, numbers = built(), itertools.count()
    made = [build.shared(key, lambda: next(numbers)) for key in ("a", "b", "a", ("a", 1), "a")]
    assert made == [0, 1, 0, 2, 0]


def test_what_is_shared_may_be_none() -> None:
    build = built()
    assert build.shared("tls", lambda: None) is None
    assert build.shared("tls", lambda: 1) is None


async def test_the_first_to_ask_for_a_page_has_it() -> None:
    async def first() -> Page:
        return Page(200, b"first")

    async def second() -> Page:
        return Page(200, b"second")

    build = built()
    build.page(("", 8080), "/health", first)
    build.page(("", 8080), "/health", second)
    build.page(("", 8080), "/other", second)
    build.page(("::1", 8080), "/health", second)
    assert build.pages == {
        ("", 8080): {"/health": first, "/other": second},
        ("::1", 8080): {"/health": second},
    }


def test_a_page_is_text_unless_it_says_otherwise() -> None:
    assert Page(200, b"").type == "text/plain; charset=utf-8"


def test_builds_share_nothing() -> None:
    one, other = built(), built()
    one.readiness["kubernetes"] = str
    one.shared("a", lambda: 1)
    assert other.readiness == {}
    assert other.shared("a", lambda: 2) == 2


def test_the_zones_of_a_site_are_folded_and_each_there_once() -> None:
    site = site_of("Cluster.Local:53 cluster.local:1053 10.0.0.0/8 {\n whoami\n}")
    assert site.zones == (from_text("cluster.local"), from_text("10.in-addr.arpa"))
    assert [(key.zone, key.port) for key in site.keys] == [
        (from_text("cluster.local"), 53),
        (from_text("cluster.local"), 1053),
        (from_text("10.in-addr.arpa"), 53),
    ]


def test_plugins_lend_and_borrow_by_type() -> None:
    site = site_of(". {\n whoami\n}")
    assert site.borrow(dict) is None
    site.lend({"a": 1})
    site.lend({"a": 2})
    assert site.borrow(dict) == {"a": 2}
    assert site.borrow(list) is None


@pytest.mark.parametrize(("plugin", "uses"), [("whoami", True), ("errors", True), ("health", False)])
def test_a_site_uses_the_plugins_that_its_block_names(plugin: str, uses: bool) -> None:
    assert site_of(". {\n whoami\n errors {\n health\n }\n}").uses(plugin) is uses


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (".", "dns://:53"),
        ("cluster.local:1053", "dns://:1053"),
        ("tls://.", "tls://:853"),
    ],
)
def test_a_server_is_named_by_its_scheme_and_port(key: str, name: str) -> None:
    assert server_name(site_of(f"{key} {{\n whoami\n}}").keys[0]) == name


@pytest.mark.parametrize(
    ("zone", "label"), [(ROOT, "."), (from_text("cluster.local"), "cluster.local."), (b"\x02a.\0", "a\\..")]
)
def test_a_zone_is_labelled_with_its_final_dot(zone: bytes, label: str) -> None:
    assert zone_label(zone) == label


def test_a_directive_that_stands_again_is_told_with_both_places() -> None:
    (directive,) = site_of(". {\n health\n\n health :8081\n}").block.directives
    with pytest.raises(CorefileError) as failed:
        only_once(directive)
    assert str(failed.value) == (
        "Corefile:4: health can stand only once in a server block; it is already at Corefile:2"
    )


def test_a_directive_that_stands_once_is_let_pass() -> None:
    (directive,) = site_of(". {\n health\n}").block.directives
    only_once(directive)
