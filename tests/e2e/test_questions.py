"""The instruments themselves: what is wrong is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import NODATA, NXDOMAIN, Answer, records
from tests.e2e.objects import endpoint, endpoint_slice, headless, service
from tests.e2e.observed import known, observed, without_addresses
from tests.e2e.questions import Served, kdns
from tests.processes import ROOT

WEB, CART = "web.shop.svc.cluster.local", "cart.shop.svc.cluster.local"
RIGHT = {(CART, "A"): records(CART, "A", "10.96.20.20"), (f"no.{CART}", "A"): NXDOMAIN}
MANIFESTS = f"manifests {ROOT}/examples"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A kdns that serves the examples."""
    with kdns(tmp_path_factory.mktemp("kdns"), MANIFESTS) as served:
        yield served


def test_wrong_answers_are_seen(served: Served) -> None:
    wrong = {
        (CART, "A"): records(CART, "A", "10.96.20.21"),
        (WEB, "A"): NXDOMAIN,
        (CART, "TXT"): records(CART, "TXT", "any"),
        (f"no.{CART}", "A"): NODATA,
    }
    with pytest.raises(AssertionError, match="wrong: ") as told, served.steady(RIGHT | wrong):
        pass
    for name, type in wrong:
        assert f"'{name}', '{type}', " in str(told.value)


@pytest.mark.parametrize("wrong", [(CART, "A"), (f"no.{CART}", "A")], ids=["an address", "no name"])
def test_an_answer_that_does_not_come_to_be_right_is_seen(served: Served, wrong: tuple[str, str]) -> None:
    assert served.right(RIGHT, 1.0) < 1.0
    with pytest.raises(AssertionError, match="not within"):
        served.right({**RIGHT, wrong: NODATA}, 0.05)


def test_an_answer_that_ceases_to_come_is_seen(tmp_path: Path) -> None:
    with (
        kdns(tmp_path, MANIFESTS) as served,
        pytest.raises(AssertionError, match=r"wrong: .*nothing"),
        served.steady(RIGHT, pace=0.0),
    ):
        served.stop()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param(f"{WEB}. 5 IN A 10.96.1.2", f"{WEB}. 5 IN A ADDRESS", id="A"),
        pytest.param(f"{WEB}. 5 IN AAAA fd00:10:96::2", f"{WEB}. 5 IN AAAA ADDRESS", id="AAAA"),
        pytest.param(
            f"_http._tcp.{WEB}. 5 IN SRV 0 50 80 10-244-1-2.{WEB}.",
            f"_http._tcp.{WEB}. 5 IN SRV 0 50 80 ADDRESS.{WEB}.",
            id="an endpoint called by its address",
        ),
        pytest.param(f"fd00-10-244--2.{WEB}. 5 IN AAAA fd00::2", f"ADDRESS.{WEB}. 5 IN AAAA ADDRESS", id="IPv6"),
        pytest.param(f"2.1.96.10.in-addr.arpa. 5 IN PTR {WEB}.", f"ADDRESS 5 IN PTR {WEB}.", id="a pointer"),
        pytest.param(
            f"_http._tcp.{WEB}. 5 IN SRV 0 50 80 db-0.{WEB}.",
            f"_http._tcp.{WEB}. 5 IN SRV 0 50 80 db-0.{WEB}.",
            id="a hostname stays",
        ),
    ],
)
def test_addresses_are_left_aside_and_nothing_else(line: str, shown: str) -> None:
    assert without_addresses(Answer("NOERROR", (line,))) == Answer("NOERROR", (shown,))


def test_all_names_are_asked_for_and_what_they_lead_to(served: Served) -> None:
    hosts = [endpoint("10.244.1.1", "one"), endpoint("10.244.1.2")]
    objects = [service("web", "shop"), headless("db", "shop"), endpoint_slice("db", "shop", hosts)]
    there = known(objects)
    below = {"_http._tcp", "_tcp", "missing", "_missing._tcp"}
    assert there.labels == {("shop", "web"): below, ("shop", "db"): below | {"one"}}
    found = observed(served, known([service("cart", "shop")]))
    assert found[f"{CART} A"] == (Answer("NOERROR", (f"{CART}. 5 IN A ADDRESS",)),)
    assert found[f"{CART} A, on"] == (Answer("NOERROR", (f"ADDRESS 5 IN PTR {CART}.",)),)
    assert found[f"_http._tcp.{CART} SRV, on"] == tuple(
        Answer("NOERROR", (f"{CART}. 5 IN {type} ADDRESS",)) for type in ("A", "AAAA")
    )
