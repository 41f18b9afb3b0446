"""An alias, with a target that the test follows."""

from __future__ import annotations

import pytest

from kdns.kube import externals
from kdns.kube.answer import Answer, Ask, found, nodata, nxdomain
from kdns.kube.objects import Service
from kdns.kube.reason import Reason, because
from kdns.proto.name import Name, from_text, to_text
from kdns.proto.record import addresses
from kdns.proto.reverse import pack
from kdns.proto.types import RCode
from tests.kube.known import SHOP, ask, records

TARGET = from_text("there.example")
ALIAS = "a.shop.svc.cluster.local. 5 IN CNAME there.example."
A = addresses(TARGET, 5, [pack("192.0.2.1")])


def alias(target: str) -> Service:
    return Service("shop", "a", external_name=target)


def asked_for(type: str) -> Ask:
    return ask("a.shop.svc.cluster.local", type, SHOP)


@pytest.mark.parametrize(
    ("beyond", "rcode", "lines", "reason"),
    [
        pytest.param(None, RCode.NOERROR, [ALIAS], Reason.EXTERNAL_NAME, id="outside"),
        pytest.param(
            found(because(Reason.SERVICE, "it"), A),
            RCode.NOERROR,
            [ALIAS, "there.example. 5 IN A 192.0.2.1"],
            Reason.SERVICE,
            id="found",
        ),
        pytest.param(nodata(Reason.ONLY_PARENT), RCode.NOERROR, [ALIAS], Reason.ONLY_PARENT, id="NODATA"),
        pytest.param(nxdomain(Reason.NO_SUCH_NAME), RCode.NXDOMAIN, [ALIAS], Reason.NO_SUCH_NAME, id="NXDOMAIN"),
        pytest.param(
            Answer(because(Reason.EXTERNAL_LOOP, "it", 10), RCode.SERVFAIL),
            RCode.SERVFAIL,
            [],
            Reason.EXTERNAL_LOOP,
            id="a failure takes the alias with it",
        ),
    ],
)
def test_an_answer_is_the_alias_and_what_lies_behind(
    beyond: Answer | None, rcode: RCode, lines: list[str], reason: Reason
) -> None:
    answer = externals.answer(asked_for("A"), alias("there.example"), lambda _, __: beyond)
    assert (answer.rcode, records(answer), answer.because.reason) == (rcode, lines, reason)


def test_why_a_target_is_no_name_is_a_sentence_that_holds_nothing_else() -> None:
    answer = externals.answer(asked_for("A"), alias("a..b"), lambda _, __: None)
    assert [type(each) for each in answer.because.about[1:]] == [str]
    assert answer.because.sentence.endswith(
        "spec.externalName: 'a..b' is no domain name: a label has 1 to 63 octets, not 0"
    )


def test_for_the_cname_itself_nothing_is_followed() -> None:
    def follow(ask: Ask, target: Name) -> Answer | None:
        raise AssertionError

    answer = externals.answer(asked_for("CNAME"), alias("there.example"), follow)
    assert records(answer) == [ALIAS]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("there.example", "there.example."),
        ("there.example.", "there.example."),
        ("There.Example", "There.Example."),
        ("1.2.3.4.5", "1.2.3.4.5."),
        ("1.2.3", "1.2.3."),
        (r"a\.b.example", r"a\.b.example."),
        (".", "."),
        ("x" * 63, "x" * 63 + "."),
    ],
)
def test_a_name_is_taken_as_it_is_written(text: str, target: str) -> None:
    seen: list[str] = []

    def follow(_: Ask, name: Name) -> None:
        seen.append(to_text(name))

    externals.answer(asked_for("A"), alias(text), follow)
    assert seen == [target]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1", Reason.EXTERNAL_ADDRESS),
        ("192.0.2.1.", Reason.EXTERNAL_ADDRESS),
        ("2001:db8::1", Reason.EXTERNAL_ADDRESS),
        ("::", Reason.EXTERNAL_ADDRESS),
        ("a..b", Reason.EXTERNAL_INVALID),
        ("x" * 64, Reason.EXTERNAL_INVALID),
        (".".join(["x" * 63] * 4), Reason.EXTERNAL_INVALID),
        ("a\\", Reason.EXTERNAL_INVALID),
    ],
)
@pytest.mark.parametrize("type", ["A", "CNAME"])
def test_what_is_no_name_is_no_alias(text: str, reason: Reason, type: str) -> None:
    answer = externals.answer(asked_for(type), alias(text), lambda _, __: None)
    assert (answer.rcode, answer.answer, answer.because.reason) == (RCode.NXDOMAIN, (), reason)
