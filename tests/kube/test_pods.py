"""Pods by address: how a label is read, and what an answer depends on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.index import Touched
from kdns.kube.objects import Kind, Object, Pod, Ref
from kdns.kube.options import PodMode
from kdns.kube.pods import undashed
from kdns.kube.reason import Reason
from kdns.proto.reverse import pack
from tests.kube.known import SHOP, answer

IP = pack("10.244.0.1")
NAME = "10-244-0-1.shop.pod.cluster.local"


@pytest.mark.parametrize(
    ("label", "ip"),
    [
        ("10-244-0-1", "10.244.0.1"),
        ("0-0-0-0", "0.0.0.0"),
        ("255-255-255-255", "255.255.255.255"),
        ("fd00--1", "fd00::1"),
        ("--1", "::1"),
        ("--0", "::"),
        ("--", "::"),
        ("fd00-10--0", "fd00:10::"),
        ("fd00-10--", "fd00:10::"),
        ("1-2-3-4-5-6-7-8", "1:2:3:4:5:6:7:8"),
        ("1--2-3-4", "1::2:3:4"),
    ],
)
def test_a_label_with_dashes_is_an_address(label: str, ip: str) -> None:
    assert undashed(label) == pack(ip)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "-",
        "10-244-0",
        "10-244-0-256",
        "10-244-0-01",
        "1-2-3-4-5",
        "1-2-3-4-5-6-7-8-9",
        "fd00",
        "fd00-1",
        "fd00---1",
        "fd00--1--2",
        "12345--1",
        "g--1",
        "10.244.0.1",
        "fd00::1",
        "fe80--1%eth0",
        "--ffff-10.244.0.1",
        "10-244-0-1 ",
        "\u0661-2-3-4",
        "web",
    ],
)
def test_any_other_label_is_none(label: str) -> None:
    assert undashed(label) is None


@given(st.text(max_size=63))
def test_no_label_is_too_strange(label: str) -> None:
    assert undashed(label) is None or len(undashed(label) or b"") in {4, 16}


@pytest.mark.parametrize(
    ("mode", "objects", "reason", "keys"),
    [
        (PodMode.DISABLED, [SHOP], Reason.PODS_OFF, set()),
        (PodMode.INSECURE, [SHOP], Reason.POD, {Touched.namespace("shop")}),
        (PodMode.INSECURE, [], Reason.NO_SUCH_NAMESPACE, {Touched.namespace("shop")}),
        (PodMode.VERIFIED, [SHOP], Reason.NO_SUCH_POD, {Touched.namespace("shop"), Touched.address(IP)}),
        (
            PodMode.VERIFIED,
            [SHOP, Pod("shop", "p", (IP,))],
            Reason.POD,
            {Touched.namespace("shop"), Touched.address(IP)},
        ),
    ],
)
def test_an_answer_depends_on_what_its_mode_looks_at(
    mode: PodMode, objects: list[Object], reason: Reason, keys: set[object]
) -> None:
    found = answer(NAME, "A", *objects, pods=mode)
    assert (found.because.reason, set(found.depends_on)) == (reason, keys)


def test_the_pods_that_have_the_address_are_shown() -> None:
    pods = [Pod("shop", "a", (IP,)), Pod("shop", "b", (IP,)), Pod("else", "c", (IP,))]
    found = answer(NAME, "A", SHOP, *pods, pods=PodMode.VERIFIED)
    assert [seen.ref for seen in found.looked_at] == [Ref(Kind.POD, "shop", name) for name in "ab"]
