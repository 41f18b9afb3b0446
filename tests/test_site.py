"""Server blocks while they are built."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable
from pathlib import Path

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError
from kdns.metrics import Metrics
from kdns.proto.name import ROOT, from_text
from kdns.site import Build, Changes, Page, Site, only_once, said, server_name, zone_label


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


def test_relative_files_begin_at_the_root_if_there_is_one() -> None:
    site = site_of(". {\n whoami\n}")
    assert site.rooted("weights") == "weights"
    site.root = Path("/etc/dns")
    assert [site.rooted(path) for path in ("weights", "a/b", "/tmp/c")] == [
        "/etc/dns/weights",
        "/etc/dns/a/b",
        "/tmp/c",
    ]


def test_those_beside_one_another_tell_each_other_everything() -> None:
    told: list[str] = []
    first = Changes()
    second = first.beside()
    third = second.beside()

    def hear(who: str, changes: Changes) -> None:
        changes.subscribe(lambda keys: told.extend(f"{who} {key}" for key in keys))

    for who, changes in (("first", first), ("second", second), ("third", third)):
        hear(who, changes)
    first.publish(["a"])
    assert told == ["first a", "second a", "third a"]
    told.clear()
    first.close()
    first.close()
    first.publish(["b"])
    third.publish(["c"])
    assert told == ["second b", "third b", "second c", "third c"]


def test_what_is_kept_is_handed_on_while_it_is_wanted() -> None:
    numbers = itertools.count()
    first = built()
    assert [first.kept(key, lambda: next(numbers)) for key in ("a", "b", "a")] == [0, 1, 0]
    second = Build.after(first)
    assert [second.kept(key, lambda: next(numbers)) for key in ("b", "c")] == [1, 2]
    third = Build.after(second)
    assert [third.kept(key, lambda: next(numbers)) for key in ("a", "b", "c")] == [3, 1, 2]
    assert third.metrics is first.metrics


def test_what_is_shared_is_not_handed_on() -> None:
    numbers = itertools.count()
    first = built()
    first.shared("a", lambda: next(numbers))
    assert Build.after(first).shared("a", lambda: next(numbers)) == 1


class Nothing:
    async def start(self) -> None:
        """Nothing to wait for."""

    async def stop(self) -> None:
        """Nothing to let go of."""


def test_a_part_that_is_kept_is_among_the_parts_once() -> None:
    first = built()
    part = first.part("a", Nothing)
    assert first.part("a", Nothing) is part
    second = Build.after(first)
    assert second.parts == []
    assert second.part("a", Nothing) is part
    other = second.part("b", Nothing)
    assert [id(each) for each in second.parts] == [id(part), id(other)]


def test_what_is_to_be_done_at_the_end_is_done_once() -> None:
    done: list[str] = []
    build = built()
    build.at_end(lambda: done.append("done"))
    build.close()
    build.close()
    assert done == ["done"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("reload 5s {\n a 1\n}", "\n\n reload   5s { # why\n\n a 1\n}", True, id="places and comments"),
        pytest.param("reload 5s", "reload 6s", False, id="arguments"),
        pytest.param("reload {\n a 1\n}", "reload {\n a 2\n}", False, id="the block"),
        pytest.param("reload {\n a\n b\n}", "reload {\n b\n a\n}", False, id="the order in the block"),
        pytest.param("log a\n log b", "log a", False, id="later lines"),
        pytest.param("reload", "log", False, id="the name"),
    ],
)
def test_a_directive_says_the_same_wherever_it_stands(one: str, other: str, same: bool) -> None:
    sites = [site_of(f". {{\n{text}\n}}") for text in (one, other)]
    first, second = (said(site.block.directives[0]) for site in sites)
    assert (first == second) == same
    assert (sites[0].said == sites[1].said) == same
    assert hash(first) is not None


def test_a_block_says_something_else_with_other_keys() -> None:
    assert site_of("a.test {\n log\n}").said != site_of("b.test {\n log\n}").said
    assert site_of("a.test {\n log\n}").said != site_of("a.test:54 {\n log\n}").said
