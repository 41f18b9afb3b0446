from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Namespace,
    Object,
    Pod,
    Port,
    Service,
    ServiceImport,
    Slice,
)
from kdns.kube.saved import Unusable, checked, packed_objects, pieces, sealed, settings_of, unpacked_objects
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector
from kdns.kube.wanted import Server
from tests.kube.known import HTTP, SHOP, endpoint, service, slice_of

SETTINGS = settings_of(Server())
AT = 1_700_000_000.0
OBJECTS: tuple[Object, ...] = (slice_of(endpoint("10.0.0.1"), endpoint("fd00::1")), SHOP, service("web", "10.96.0.1"))

names = st.text(max_size=8)
addresses = st.lists(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), max_size=3).map(tuple)
ports = st.lists(st.builds(Port, names, st.integers(0, 65535), st.sampled_from(["TCP", "UDP"])), max_size=2).map(tuple)
flags = st.booleans()
endpoints = st.lists(
    st.builds(Endpoint, addresses, ports, names, names, names, names, flags, flags, names), max_size=3
).map(tuple)
labels = st.lists(st.tuples(names, names), max_size=2).map(tuple)
objects = st.lists(
    st.builds(Service, names, names, addresses, ports, flags, names, addresses, st.lists(names, max_size=2).map(tuple))
    | st.builds(Slice, names, names, names, endpoints, names)
    | st.builds(Endpoints, names, names, endpoints, flags)
    | st.builds(Pod, names, names, addresses, labels, flags)
    | st.builds(Namespace, names, flags)
    | st.builds(ServiceImport, names, names, addresses, ports, flags),
    max_size=12,
)


def state(*held: Object, settings: str = SETTINGS, at: float = AT) -> bytes:
    return b"".join(sealed(asyncio.run(packed_objects(held)), settings, at))


def back(data: bytes) -> list[Object]:
    return asyncio.run(unpacked_objects(checked(data, SETTINGS).body))


def by_type(held: list[Object]) -> list[Object]:
    order = [Namespace, Service, ServiceImport, Endpoints, Slice, Pod]
    return sorted(held, key=lambda each: order.index(type(each)))


@given(objects)
def test_what_is_saved_comes_back_kind_by_kind(held: list[Object]) -> None:
    found = back(state(*held))
    assert found == by_type(held)
    assert list(map(type, found)) == list(map(type, by_type(held)))


@given(objects)
def test_pieces_are_of_one_type_and_together_everything(held: list[Object]) -> None:
    cut = list(pieces(held))
    assert [each for piece in cut for each in piece] == held
    assert all(piece and len({type(each) for each in piece}) == 1 for piece in cut)


def test_a_piece_is_a_small_piece_of_work_however_large_the_slices() -> None:
    large = [Slice("shop", f"web-{place}", "web", (endpoint("10.0.0.1"),) * 100) for place in range(50)]
    assert max(map(len, pieces(large))) <= 5
    assert len(list(pieces([SHOP] * 1000))) == 3


async def test_others_have_their_turn_between_pieces() -> None:
    many = [Namespace(f"ns-{number}") for number in range(4000)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    body = await packed_objects(many)
    while_packed, turns = turns, 0
    assert await unpacked_objects(b"".join(body)) == many
    task.cancel()
    assert while_packed >= 10
    assert turns >= 10


def test_it_says_when_it_was_right() -> None:
    assert checked(state(at=1_712_345_678.9), SETTINGS).at == 1_712_345_678


WHOLE = state(*OBJECTS)


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_any_byte_that_is_flipped_is_found(bit: int) -> None:
    for place in range(len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[place] ^= 1 << bit
        with pytest.raises(Unusable):
            checked(bytes(damaged), SETTINGS)


def test_any_part_that_is_missing_is_found() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(Unusable):
            checked(WHOLE[:length], SETTINGS)
        with pytest.raises(Unusable):
            checked(WHOLE[len(WHOLE) - length :], SETTINGS)


UNUSABLE = [
    pytest.param(b"", "it is no saved state, or damaged", id="empty"),
    pytest.param(b"\0" * 4096, "it is no saved state, or damaged", id="zeros"),
    pytest.param(b"apiVersion: v1\n", "it is no saved state, or damaged", id="something else"),
    pytest.param(WHOLE + b"\n", "it is damaged: its checksum is wrong", id="longer"),
    pytest.param(WHOLE[:-1], "it is damaged: its checksum is wrong", id="shorter"),
    pytest.param(WHOLE.replace(b" 1 ", b" 2 ", 1), "it is of version 2, not 1", id="of a later version"),
    pytest.param(
        state(*OBJECTS, settings=settings_of(Server(endpoint="http://127.0.0.1"))),
        "it was saved with other settings, or by another release",
        id="of another cluster",
    ),
]


@pytest.mark.parametrize(("data", "why"), UNUSABLE)
def test_what_cannot_be_used_says_why(data: bytes, why: str) -> None:
    with pytest.raises(Unusable) as raised:
        checked(data, SETTINGS)
    assert str(raised.value) == why


@pytest.mark.parametrize("body", [b"\x09\0\0\0\1\x90", b"\0\0\0\0\1\xc0", b"\0\0\0", b"\0\0\0\0\5\x91"])
def test_a_body_of_another_layout_is_unusable(body: bytes) -> None:
    """With a checksum that is right: written by another program."""
    with pytest.raises(Unusable):
        back(b"".join(sealed([body], SETTINGS, AT)))


SHAPING: list[dict[str, Any]] = [
    {"kubeconfig": ("config",)},
    {"kubeconfig": ("config", "other")},
    {"endpoint": "http://127.0.0.1:8080"},
    {"selection": Selection(namespaces=frozenset())},
    {"selection": Selection(namespaces=frozenset({"a", "b"}))},
    {"selection": Selection(namespace_labels=parse_selector("a=b"))},
    {"selection": Selection(labels=parse_selector("a=b"))},
    {"pods": True},
    {"endpoints": False},
    {"imports": True},
]


@pytest.mark.parametrize("change", SHAPING, ids=[f"{place} {next(iter(each))}" for place, each in enumerate(SHAPING)])
def test_a_setting_that_shapes_the_state_makes_it_another(change: dict[str, Any]) -> None:
    others = [settings_of(replace(Server(), **other)) for other in ({}, *SHAPING) if other != change]
    assert settings_of(replace(Server(), **change)) not in others


@pytest.mark.parametrize(
    "change",
    [
        {"qps": 3.0, "burst": 4, "inflight": 5},
        {"startup_timeout": 1.0, "resync": 2.0, "stale_after": 3.0},
        {"state": "elsewhere"},
        {"tls": ("cert", "key", "ca")},
    ],
    ids=str,
)
def test_other_settings_do_not(change: dict[str, Any]) -> None:
    assert settings_of(replace(Server(), **change)) == SETTINGS


def test_the_order_of_namespaces_does_not_either() -> None:
    one, other = (Server(selection=Selection(namespaces=frozenset(names))) for names in (["a", "b"], ["b", "a"]))
    assert settings_of(one) == settings_of(other)


ONE, OTHER = (settings_of(Server(kubeconfig=("config",)), server) for server in ("https://one", "https://other"))
UNKNOWN = settings_of(Server(kubeconfig=("config",)))


@pytest.mark.parametrize(
    ("then", "now", "fits"),
    [(ONE, ONE, True), (ONE, OTHER, False), (ONE, UNKNOWN, True), (UNKNOWN, OTHER, True), (UNKNOWN, SETTINGS, False)],
)
def test_a_kubeconfig_that_points_elsewhere_now_has_no_state(then: str, now: str, fits: bool) -> None:
    data = state(*OBJECTS, settings=then)
    if fits:
        assert checked(data, now).at == AT
    else:
        with pytest.raises(Unusable, match="with other settings"):
            checked(data, now)


def test_equal_strings_ports_and_addresses_are_kept_once() -> None:
    node: dict[str, Any] = {"node": "".join(["node-", "1"]), "zone": "".join(["eu-", "1a"])}
    held = (
        slice_of(endpoint("10.0.0.1", **node), endpoint("10.0.0.2", **node)),
        slice_of(endpoint("10.0.0.1", **node), service="db"),
        service("web", "10.0.0.1"),
    )
    found = back(state(*held))
    web, first, second = found
    assert isinstance(web, Service)
    assert isinstance(first, Slice)
    assert isinstance(second, Slice)
    (one, two), (three,) = first.endpoints, second.endpoints
    assert one.ports == HTTP
    assert one.ports is two.ports is three.ports is web.ports
    assert one.addresses is three.addresses is web.addresses
    assert one.node is two.node is three.node
    assert one.zone is three.zone
    assert web.name is first.service
    assert web.namespace is first.namespace is second.namespace
