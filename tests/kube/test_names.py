"""The grammar of names, form by form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.names import Form, Request, parse
from kdns.proto.name import from_text, labels


def port(namespace: str, service: str, port: str, protocol: str, *parts: str) -> Request:
    return Request(Form.PORT, namespace, service, port, protocol, parts)


REQUESTS = [
    (".", Request(Form.APEX)),
    ("dns-version", Request(Form.VERSION)),
    ("x.dns-version", Request(Form.NONE)),
    ("dns", Request(Form.PARENT)),
    ("ns.dns", Request(Form.NAME_SERVER)),
    ("x.dns", Request(Form.NONE)),
    ("x.ns.dns", Request(Form.NONE)),
    ("svc", Request(Form.PARENT)),
    ("shop.svc", Request(Form.NAMESPACE, "shop")),
    ("web.shop.svc", Request(Form.SERVICE, "shop", "web")),
    ("a.web.shop.svc", Request(Form.ENDPOINT, "shop", "web", parts=("a",))),
    ("_tcp.web.shop.svc", Request(Form.ENDPOINT, "shop", "web", parts=("_tcp",))),
    ("_http._tcp.web.shop.svc", port("shop", "web", "http", "tcp", "_http", "_tcp")),
    ("http.tcp.web.shop.svc", port("shop", "web", "http", "tcp", "http", "tcp")),
    ("_._.web.shop.svc", port("shop", "web", "", "", "_", "_")),
    ("__http._tcp.web.shop.svc", port("shop", "web", "_http", "tcp", "__http", "_tcp")),
    ("a.b.c.web.shop.svc", Request(Form.NONE, "shop", "web")),
    ("_zone.web.shop.svc", Request(Form.ZONAL, "shop", "web")),
    ("pin._zone.web.shop.svc", Request(Form.ZONAL, "shop", "web", parts=("pin",))),
    ("eu-1.pin._zone.web.shop.svc", Request(Form.ZONAL, "shop", "web", parts=("eu-1", "pin"))),
    ("rack.7.pin._zone.web.shop.svc", Request(Form.ZONAL, "shop", "web", parts=("rack", "7", "pin"))),
    ("_zone.shop.svc", Request(Form.SERVICE, "shop", "_zone")),
    ("pod", Request(Form.PARENT)),
    ("shop.pod", Request(Form.POD_NAMESPACE, "shop")),
    ("1-2-3-4.shop.pod", Request(Form.POD, "shop", parts=("1-2-3-4",))),
    ("x.1-2-3-4.shop.pod", Request(Form.POD, "shop", parts=("1-2-3-4",))),
    ("x.y.1-2-3-4.shop.pod", Request(Form.POD, "shop", parts=("1-2-3-4",))),
    ("x.y.z.1-2-3-4.shop.pod", Request(Form.NONE, "shop")),
    ("foo", Request(Form.NONE)),
    ("web.shop", Request(Form.NONE)),
    ("svc.x", Request(Form.NONE)),
    (r"web\.shop.svc", Request(Form.NAMESPACE, "web.shop")),
    (r"w\255b.shop.svc", Request(Form.SERVICE, "shop", "w\xffb")),
]


@pytest.mark.parametrize(("name", "request_"), [pytest.param(*row, id=row[0]) for row in REQUESTS])
def test_the_labels_left_of_the_zone_are_a_request(name: str, request_: Request) -> None:
    assert parse(labels(from_text(name))) == request_


def test_every_form_has_a_name() -> None:
    assert {request.form for _, request in REQUESTS} == set(Form)


@pytest.mark.parametrize(
    ("name", "may"),
    [("q-0.east", True), ("_q-0.east", False), ("q-0._tcp", False), ("_http._tcp", False), ("a", False), ("", False)],
)
def test_two_labels_without_underscores_may_be_an_endpoint_and_its_cluster(name: str, may: bool) -> None:
    below = f"{name}.web.shop.svc" if name else "web.shop.svc"
    assert parse(labels(from_text(below))).may_name_cluster is may


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=6), st.sampled_from([b"svc", b"pod", b"dns", b"x"]))
def test_any_labels_have_a_form(left: list[bytes], tree: bytes) -> None:
    assert parse((*left, tree)).form in Form
