from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from kdns.chain import Peer, Query, Response, Transport
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.plan import Place, Plan, plan, plan_after
from kdns.plugins import COREDNS, ORDER, REMOVED
from kdns.proto.message import Message, Question
from kdns.proto.name import from_text, to_text

TWICE = "is served already, by Corefile:1: take one out, or part them with 'bind'"


def planned(text: str, *, files: Mapping[str, str] | None = None, port: int = 53) -> Plan:
    parsed = parse(text, "Corefile", default_port=port, environ={}, disk=Memory(files or {}))
    return plan(parsed, lambda: 0.0, lambda: 0.0)


def mistakes(text: str, **given: Mapping[str, str]) -> list[str]:
    with pytest.raises(CorefileErrors) as caught:
        planned(text, **given)  # type: ignore[arg-type]
    return [str(error) for error in caught.value.errors]


def zones(made: Plan) -> dict[str, list[str]]:
    return {str(place): sorted(map(to_text, router.zones)) for place, router in made.routers.items()}


def answer(made: Plan, place: str, name: str, type: int = 1) -> Response | None:
    """What the block that has the name answers; None where none has it."""
    router = next(router for each, router in made.routers.items() if str(each) == place)
    question = Question(from_text(name), from_text(name), type, 1)
    served = router.find(question)
    if served is None:
        return None
    peer = Peer("127.0.0.1", 4000)
    query = Query(Message(0, 0, question, None, 0), peer, peer, Transport.udp, 0.0, served.zone, served.server)

    async def asked() -> Response:
        return await served.handler(query)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (("127.0.0.1", 53), ("127.0.0.1", 53), True),
        (("127.0.0.1", 53), ("127.0.0.2", 53), False),
        (("127.0.0.1", 53), ("127.0.0.1", 54), False),
        (("", 53), ("127.0.0.1", 53), True),
        (("", 53), ("::1", 53), True),
        (("", 53), ("0.0.0.0", 53), True),
        (("0.0.0.0", 53), ("127.0.0.1", 53), True),
        (("0.0.0.0", 53), ("::", 53), False),
        (("0.0.0.0", 53), ("::1", 53), False),
        (("127.0.0.1", 0), ("127.0.0.1", 0), False),
        (("", 0), ("127.0.0.1", 0), False),
    ],
)
def test_places_meet_where_an_address_is_of_both(one: tuple[str, int], other: tuple[str, int], meet: bool) -> None:
    assert Place(*one).meets(Place(*other)) == Place(*other).meets(Place(*one)) == meet


def test_a_plan_in_place_of_another_is_of_the_same_process() -> None:
    before = planned(". {\n whoami\n}")
    after = plan_after(parse(". {\n any\n}", "Corefile", environ={}, disk=Memory()), before)
    assert after.build is not before.build
    assert after.build.metrics is before.build.metrics
    assert (after.build.clock, after.build.wall) == (before.build.clock, before.build.wall)


def test_a_plan_that_fails_hears_of_no_change() -> None:
    before, heard = planned(". {\n whoami\n}"), list[object]()
    before.build.changes.subscribe(heard.append)
    corefile = parse(". {\n cache\n nonsense\n}", "Corefile", environ={}, disk=Memory())
    with pytest.raises(CorefileErrors, match="'nonsense' is no plugin"):
        plan_after(corefile, before)
    assert len(before.build.changes._together) == 1  # noqa: SLF001
    before.build.changes.publish(["a"])
    assert heard == [["a"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="no block"),
        pytest.param(". {\n whoami\n}", {":53": ["."]}, id="the default port"),
        pytest.param("a.test:54 b.test:54 {\n whoami\n}", {":54": ["a.test.", "b.test."]}, id="two keys of a block"),
        pytest.param(
            "a.test:54 {\n whoami\n}\nb.test:54 {\n whoami\n}",
            {":54": ["a.test.", "b.test."]},
            id="two blocks on one port",
        ),
        pytest.param(
            "a.test:54 {\n whoami\n}\na.test:55 {\n whoami\n}",
            {":54": ["a.test."], ":55": ["a.test."]},
            id="one zone on two ports",
        ),
        pytest.param(
            ". {\n bind 127.0.0.1 ::1\n whoami\n}", {"127.0.0.1:53": ["."], "[::1]:53": ["."]}, id="two addresses"
        ),
        pytest.param(
            ". {\n whoami\n}\n. {\n bind 127.0.0.2\n whoami\n}",
            {":53": ["."], "127.0.0.2:53": ["."]},
            id="one zone told apart by bind",
        ),
        pytest.param("10.0.0.0/23 {\n whoami\n}", {":53": ["0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa."]}, id="CIDR"),
        pytest.param(". {\n bind 0.0.0.0\n whoami\n}", {"0.0.0.0:53": ["."]}, id="every address of one family"),
        pytest.param(
            "a.test {\n bind 0.0.0.0\n whoami\n}\n. {\n whoami\n}",
            {"0.0.0.0:53": [".", "a.test."], "[::]:53": ["."]},
            id="every address, said and not said",
        ),
    ],
)
def test_zones_are_sorted_by_where_they_are_served(text: str, expected: dict[str, list[str]]) -> None:
    assert zones(planned(text)) == expected


def test_keys_without_a_port_get_the_default() -> None:
    assert zones(planned("a.test {\n whoami\n}", port=1053)) == {":1053": ["a.test."]}


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("x.test", "."),
        ("a.test", "a.test."),
        ("x.a.test", "a.test."),
        ("b.a.test", "b.a.test."),
        ("x.b.a.test", "b.a.test."),
        ("xa.test", "."),
    ],
)
def test_the_longest_zone_of_a_listener_answers(name: str, zone: str) -> None:
    made = planned(". {\n whoami\n}\nb.a.test {\n whoami\n}\na.test {\n whoami\n}")
    question = Question(from_text(name), from_text(name), 1, 1)
    served = made.routers[Place("", 53)].find(question)
    assert served is not None
    assert to_text(served.zone) == zone


def test_a_block_is_served_alike_at_all_its_addresses() -> None:
    made = planned("a.test:54 b.test:55 {\n bind 127.0.0.1 127.0.0.2\n whoami\n}")
    asked = [answer(made, f"127.0.0.{host}:54", "x.a.test") for host in (1, 2)]
    assert [each and each.by for each in asked] == ["whoami", "whoami"]
    assert answer(made, "127.0.0.1:55", "a.test") is None


def test_the_order_of_directives_does_not_matter() -> None:
    """*any* answers before *whoami* does, wherever it stands."""
    asked = answer(planned("a.test {\n whoami\n any\n}"), ":53", "a.test", type=255)
    assert asked is not None
    assert asked.by == "any"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            ". {\n kubernets\n}", ["Corefile:2: 'kubernets' is no plugin; did you mean 'kubernetes'?"], id="misspelt"
        ),
        pytest.param(
            ". {\n fanout\n k8s_gateway\n}",
            [
                "Corefile:2: 'fanout' is no plugin",
                "Corefile:3: 'k8s_gateway' is no plugin; did you mean 'k8s_external'?",
            ],
            id="like ones that only CoreDNS has",
        ),
        pytest.param(
            ". {\n route53 30\n route53 60\n}",
            [
                "Corefile:2: plugin 'route53' exists in CoreDNS but not in kdns yet",
                "Corefile:3: plugin 'route53' exists in CoreDNS but not in kdns yet",
            ],
            id="each line of a plugin that only CoreDNS has",
        ),
        pytest.param(
            ". {\n proxy . 192.0.2.1\n}",
            ["Corefile:2: 'proxy' is no plugin any more: CoreDNS took it out in 1.5.0: use forward"],
            id="removed",
        ),
        pytest.param(
            "tls://.:853 https://a.test {\n whoami\n}",
            [
                "Corefile:1: 'tls://.:853': tls:// is not served by kdns yet, only dns://",
                "Corefile:1: 'https://a.test': https:// is not served by kdns yet, only dns://",
            ],
            id="other schemes",
        ),
        pytest.param(
            ". {\n whoami\n}\na.test {\n whoami\n}\n. {\n whoami\n}",
            [f"Corefile:7: . on :53 {TWICE}"],
            id="a zone twice",
        ),
        pytest.param(
            "a.test A.Test. {\n whoami\n}",
            [f"Corefile:1: a.test. on :53 {TWICE}"],
            id="a zone twice in one block",
        ),
        pytest.param(
            ". {\n bind 127.0.0.1 127.0.0.2\n whoami\n}\n. {\n bind 127.0.0.2 127.0.0.3\n whoami\n}",
            [
                f"Corefile:5: . on 127.0.0.2:53 {TWICE}",
            ],
            id="a zone twice at one of its addresses",
        ),
        pytest.param(
            ". {\n bind 0.0.0.0\n whoami\n}\n. {\n whoami\n}",
            [f"Corefile:5: . on 0.0.0.0:53 {TWICE}"],
            id="a zone twice where one bind is every address",
        ),
        pytest.param(
            ". {\n bind nowhere0\n whoami\n}\n. {\n whoami\n}",
            ["Corefile:2: 'nowhere0' is neither an address nor an interface of this host"],
            id="a block whose bind is wrong takes nobody's zone",
        ),
        pytest.param(
            ". {\n any 1\n ready\n ready\n}\na.test {\n loadbalance rund\n nothing\n}",
            [
                "Corefile:2: 'any' takes no arguments: remove '1'",
                "Corefile:4: ready can stand only once in a server block; it is already at Corefile:3",
                "Corefile:7: 'loadbalance' takes round_robin or weighted, not 'rund'",
                "Corefile:8: 'nothing' is no plugin",
            ],
            id="of all blocks, by line",
        ),
        pytest.param(
            ". {\n nothing\n whoami\n}\n. {\n whoami\n}",
            [
                "Corefile:2: 'nothing' is no plugin",
                f"Corefile:5: . on :53 {TWICE}",
            ],
            id="of directives and of zones together",
        ),
    ],
)
def test_all_mistakes_are_told_at_their_places(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_mistakes_of_imported_files_come_after_those_of_the_corefile() -> None:
    text = "import a.conf\n. {\n nothing\n}"
    told = mistakes(text, files={"a.conf": "a.test {\n route53\n}\n"})
    assert told == [
        "Corefile:3: 'nothing' is no plugin",
        "a.conf:2: plugin 'route53' exists in CoreDNS but not in kdns yet (imported at Corefile:1)",
    ]


def test_a_mistake_in_a_snippet_is_told_once() -> None:
    text = "(bad) {\n whoami 1\n}\na.test {\n import bad\n}\nb.test {\n import bad\n}"
    (told,) = mistakes(text)
    assert told == "Corefile:2: 'whoami' takes no arguments: remove '1' (imported at Corefile:5)"


@pytest.mark.parametrize("name", sorted(COREDNS - set(ORDER)))
def test_every_plugin_that_only_coredns_has_is_called_that(name: str) -> None:
    assert mistakes(f". {{\n {name}\n}}") == [f"Corefile:2: plugin '{name}' exists in CoreDNS but not in kdns yet"]


@pytest.mark.parametrize("name", sorted(REMOVED))
def test_every_removed_plugin_is_called_that(name: str) -> None:
    (told,) = mistakes(f". {{\n {name}\n}}")
    assert told.startswith(f"Corefile:2: '{name}' is no plugin any more: CoreDNS took it out")


def on(*lines: str) -> str:
    """A server block for each line, with that *bind*."""
    blocks = [f"z{number}.test:54 {{\n {line}\n whoami\n}}" for number, line in enumerate(lines)]
    return "\n".join(blocks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(on(""), [], id="every address alone"),
        pytest.param(on("bind 127.0.0.1", "bind 127.0.0.2"), [], id="single addresses"),
        pytest.param(on("", "bind 127.0.0.2"), [":54", "127.0.0.2:54"], id="every address and a single one"),
        pytest.param(on("", "bind ::1"), [":54", "[::1]:54"], id="every address and one of IPv6"),
        pytest.param(on("bind 0.0.0.0 ::"), [], id="every address of each family"),
        pytest.param(on("bind 0.0.0.0", "bind ::1"), [], id="families apart"),
        pytest.param(on("bind 0.0.0.0", "bind ::1 127.0.0.1"), ["0.0.0.0:54", "127.0.0.1:54"], id="one family of two"),
        pytest.param(on("") + "\n.:55 {\n bind 127.0.0.1\n whoami\n}", [], id="ports apart"),
        pytest.param(on("", "bind 127.0.0.2").replace(":54", ":0"), [], id="ports that the kernel picks"),
    ],
)
def test_places_overlap_where_one_of_them_is_every_address(text: str, expected: list[str]) -> None:
    assert set(map(str, planned(text).overlapping())) == set(expected)


def test_a_server_is_called_by_where_it_listens() -> None:
    made = planned("a.test:54 {\n bind 127.0.0.1 ::1\n whoami\n}\n. {\n whoami\n}")
    names = [served.server for router in made.routers.values() for served in router.zones.values()]
    assert sorted(names) == ["dns://127.0.0.1:54", "dns://:53", "dns://[::1]:54"]


def test_plans_share_nothing() -> None:
    first, second = planned(". {\n whoami\n}"), planned(". {\n whoami\n}")
    first.build.metrics.panics.inc()
    assert second.build.metrics.registry.get_sample_value("coredns_panics_total") == 0
