"""The tables: what an update touches, and that nothing is left behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.index import Backed, Index, Multimap, Prefixes, Touched, service_key
from kdns.kube.objects import Namespace, Pod
from kdns.proto.reverse import pack, prefix_of, reverse_name
from tests.kube.known import endpoint, service

KEY = ("shop", "web")
A, B = pack("10.0.0.1"), pack("10.0.0.2")


def test_a_key_is_folded() -> None:
    assert service_key("Shop", "WEB") == KEY


def test_a_multimap_holds_each_value_once_in_order_and_no_empty_keys() -> None:
    held: Multimap[str, int] = Multimap()
    assert [held.add("k", (value,)) for value in (2, 1, 2)] == [True, False, False]
    assert held["k"] == (1, 2)
    assert [held.discard("k", value) for value in (2, 3, 1, 1)] == [False, False, True, False]
    assert (list(held), len(held["k"])) == ([], 0)


def test_prefixes_are_new_with_the_first_address_and_gone_with_the_last() -> None:
    held = Prefixes()
    assert list(held.add(A)) == [bytes([10, 0, 0]), bytes([10, 0]), bytes([10])]
    assert list(held.add(B)) == []
    assert list(held.discard(A)) == []
    assert list(held.discard(B)) == [bytes([10, 0, 0]), bytes([10, 0]), bytes([10])]
    assert list(held) == []


def test_the_families_prefixes_are_kept_apart() -> None:
    held = Prefixes()
    list(held.add(pack("1.2.3.4")))
    assert Prefixes.key(4, bytes([1, 2])) in held
    assert Prefixes.key(6, bytes([1, 2])) not in held
    list(held.add(pack("1200::")))
    assert Prefixes.key(6, bytes([1, 2])) in held


@given(st.lists(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), max_size=8, unique=True))
def test_prefixes_are_the_parents_of_the_reverse_names(addresses: list[bytes]) -> None:
    held = Prefixes()
    for address in addresses:
        list(held.add(address))
    parents = set()
    for address in addresses:
        name = reverse_name(address)
        while (found := prefix_of(name := name[1 + name[0] :])) and found[1]:
            parents.add(Prefixes.key(*found))
    assert set(held) == parents
    for address in addresses:
        list(held.discard(address))
    assert list(held) == []


PREFIXES = {Touched.prefix(A[:length]) for length in (1, 2, 3)}


def touched_by(*steps: Backed | None) -> tuple[Index, set[object]]:
    """What the last of these steps touches."""
    index, touched = Index(), set[object]()
    index.put_namespace("shop", Namespace("shop"))
    for step in steps:
        touched = set(index.put_service(KEY, step))
    return index, touched


PLAIN = Backed(service("web", "10.0.0.1"))
READY_A = Backed(service(), (endpoint("10.0.0.1"),), (endpoint("10.0.0.1"),))
READY_B = Backed(service(), (endpoint("10.0.0.2"),), (endpoint("10.0.0.2"),))
OUTSIDE_A = Backed(service()._replace(external_addresses=(A,)))
WAITING = Backed(service(), (endpoint("10.0.0.1", ready=False),))


@pytest.mark.parametrize(
    ("steps", "touched"),
    [
        pytest.param([PLAIN], {Touched.address(A), *PREFIXES}, id="a cluster IP"),
        pytest.param([PLAIN, PLAIN], None, id="nothing new"),
        pytest.param([PLAIN, None], {Touched.address(A), *PREFIXES}, id="gone"),
        pytest.param([PLAIN, READY_A], {Touched.address(A)}, id="from cluster IP to endpoint"),
        pytest.param([READY_A, PLAIN], {Touched.address(A)}, id="from endpoint to cluster IP"),
        pytest.param([READY_A, READY_B], {Touched.address(A), Touched.address(B)}, id="from address to address"),
        pytest.param([READY_A, WAITING], {Touched.address(A), *PREFIXES}, id="not ready any more"),
        pytest.param([WAITING], set(), id="never ready: only the Service"),
        pytest.param([OUTSIDE_A], {Touched.address(A), *PREFIXES}, id="an external address"),
        pytest.param([OUTSIDE_A, PLAIN], {Touched.address(A)}, id="from outside to cluster IP"),
        pytest.param([Backed(None, READY_A.endpoints, READY_A.ready)], {Touched.address(A)}, id="no Service"),
    ],
)
def test_an_update_tells_what_it_touched(steps: list[Backed | None], touched: set[object] | None) -> None:
    _, found = touched_by(*steps)
    if touched is None:
        assert found == set()
    else:
        assert found - PREFIXES - {Touched.itself(KEY)} == {Touched.service(KEY), *touched} - PREFIXES
        assert found >= touched & PREFIXES


@pytest.mark.parametrize(
    ("steps", "itself"),
    [
        pytest.param([PLAIN], True, id="new"),
        pytest.param([PLAIN, None], True, id="gone"),
        pytest.param([PLAIN, READY_A], True, id="headless now"),
        pytest.param([READY_A, READY_B], False, id="other endpoints"),
        pytest.param([READY_A, WAITING], False, id="not ready any more"),
        pytest.param([Backed(None, READY_A.endpoints, READY_A.ready), READY_A], True, id="after its endpoints"),
        pytest.param([READY_A, Backed(None, READY_A.endpoints, READY_A.ready)], True, id="before its endpoints"),
    ],
)
def test_changes_of_endpoints_leave_the_service_itself_alone(steps: list[Backed | None], itself: bool) -> None:
    _, found = touched_by(*steps)
    assert (Touched.itself(KEY) in found) is itself


@pytest.mark.parametrize("last", [PLAIN, READY_A, WAITING, OUTSIDE_A])
def test_what_is_removed_leaves_nothing_behind(last: Backed) -> None:
    index, _ = touched_by(last, None)
    assert index.services == {}
    for table in (index.cluster_ips, index.endpoint_ips, index.external_ips):
        assert (list(table.owners), list(table.prefixes)) == ([], [])


def test_an_alias_with_endpoints_has_no_pointers() -> None:
    alias = service()._replace(headless=False, external_name="example.com")
    index, _ = touched_by(READY_A._replace(service=alias))
    assert list(index.endpoint_ips.owners) == []


def test_external_addresses_have_parents_while_their_namespace_is_exposed() -> None:
    index, _ = touched_by(OUTSIDE_A)
    assert A[:3] in index.external_ips.prefixes
    assert Touched.prefix(A[:3]) in index.put_namespace("shop", None)
    assert A[:3] not in index.external_ips.prefixes


def test_changes_do_not_reach_what_is_read_still() -> None:
    index, _ = touched_by(READY_A)
    index.put_service(("shop", "out"), OUTSIDE_A)
    index.put_import(KEY, READY_A)
    index.put_pod(None, Pod("shop", "p", (A,)))
    still, serial = index.still(), index.serial
    index.put_service(KEY, None)
    index.put_service(("shop", "out"), PLAIN)
    index.put_import(KEY, None)
    index.put_namespace("shop", None)
    index.put_pod(Pod("shop", "p", (A,)), None)
    index.serial += 1
    assert (still.services, still.imports) == ({KEY: READY_A, ("shop", "out"): OUTSIDE_A}, {KEY: READY_A})
    assert (still.endpoint_ips.owners[A], still.external_ips.owners[A]) == ((KEY,), (("shop", "out"),))
    assert (still.pods[A], still.namespaces) == ((Pod("shop", "p", (A,)),), {"shop": Namespace("shop")})
    assert still.serial == serial


def test_a_pod_touches_the_addresses_before_and_after() -> None:
    index = Index()
    one, other = Pod("shop", "p", (A,)), Pod("shop", "p", (B,))
    assert index.put_pod(None, one) == {Touched.address(A)}
    assert index.put_pod(one, one) == set()
    assert index.put_pod(one, other) == {Touched.address(A), Touched.address(B)}
    assert (index.pods[A], index.pods[B]) == ((), (other,))
    assert index.put_pod(other, None) == {Touched.address(B)}
    assert list(index.pods) == []


def test_namespaces_and_imports_touch_themselves() -> None:
    index = Index()
    assert index.put_namespace("shop", Namespace("shop")) == {Touched.namespace("shop")}
    assert index.put_namespace("shop", Namespace("shop")) == set()
    assert index.put_namespace("shop", None) == {Touched.namespace("shop")}
    assert index.put_import(KEY, READY_A) == {Touched.imported(KEY)}
    assert index.put_import(KEY, READY_A) == set()
    assert index.put_import(KEY, None) == {Touched.imported(KEY)}
    assert (index.namespaces, index.imports, list(index.endpoint_ips.owners)) == ({}, {}, [])


HIDDEN = Namespace("shop", exposed=False)
SHOWN = Namespace("shop")


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        pytest.param([], False, id="a namespace that is not there"),
        pytest.param([HIDDEN], False, id="one that is hidden"),
        pytest.param([SHOWN], True, id="one that is shown"),
        pytest.param([HIDDEN, SHOWN], True, id="shown later"),
        pytest.param([SHOWN, HIDDEN], False, id="hidden later"),
        pytest.param([SHOWN, None], False, id="gone"),
    ],
)
@pytest.mark.parametrize("first", ["namespace", "service"])
def test_parents_in_the_reverse_tree_tell_of_exposed_namespaces_only(
    steps: list[Namespace | None], shown: bool, first: str
) -> None:
    index = Index()
    if first == "service":
        index.put_service(KEY, READY_A)
    touched = set[object]()
    for step in steps:
        touched = set(index.put_namespace("shop", step))
    if first == "namespace":
        touched = set(index.put_service(KEY, READY_A))
    assert set(index.endpoint_ips.prefixes) == ({A[:1], A[:2], A[:3]} if shown else set())
    assert set(index.cluster_ips.prefixes) == set()
    if shown:
        assert touched >= PREFIXES


def test_an_address_in_two_namespaces_is_shown_while_one_of_them_is() -> None:
    index = Index()
    for space in ("shop", "office"):
        index.put_namespace(space, Namespace(space))
        index.put_service((space, "web"), READY_A)
    index.put_namespace("shop", HIDDEN)
    assert set(index.endpoint_ips.prefixes) == {A[:1], A[:2], A[:3]}
    index.put_service(("office", "web"), None)
    assert set(index.endpoint_ips.prefixes) == set()
    index.put_namespace("shop", SHOWN)
    assert set(index.endpoint_ips.prefixes) == {A[:1], A[:2], A[:3]}
    index.put_service(("shop", "web"), None)
    assert set(index.endpoint_ips.prefixes) == set()


def test_no_prefix_of_one_family_is_one_of_the_other() -> None:
    held = Prefixes()
    held.add(pack("6.0.1.9"))
    assert Prefixes.key(6, b"\x00") not in held
    assert Prefixes.key(6, b"\x00\x01") not in held
