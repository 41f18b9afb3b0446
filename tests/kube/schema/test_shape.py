from __future__ import annotations

from typing import NamedTuple

import pytest

from kdns.kube.schema.shape import Labels, Shape, ShapeError, decoder, packed, replaced, shaped, unpacker


class Inner(Shape):
    cluster_ips: list[str] | None = None
    target_ref: int = 0


class Outer(Shape):
    inner: list[Inner]
    pod_ip: str = ""
    continue_: str | None = None
    labels: Labels | None = None


def test_fields_are_named_as_the_api_names_them() -> None:
    read = decoder(Outer)(b'{"inner": [{"clusterIPs": ["a"], "targetRef": 1}], "podIP": "b", "continue": "c", "x": {}}')
    assert (read.inner[0].cluster_ips, read.inner[0].target_ref) == (["a"], 1)
    assert (read.pod_ip, read.continue_) == ("b", "c")


def test_a_shape_is_changed_by_the_names_it_has_here() -> None:
    assert replaced(Outer([], pod_ip="a"), pod_ip="b") == Outer([], pod_ip="b")


WRONG = [
    pytest.param({"inner": [{}, {"targetRef": "x"}]}, "inner[1].targetRef", id="of the wrong type, deep"),
    pytest.param({"inner": []} | {"podIP": 1}, "podIP", id="of the wrong type"),
    pytest.param({}, "", id="missing"),
    pytest.param([], "", id="no object"),
]


@pytest.mark.parametrize(("value", "path"), WRONG)
def test_what_is_wrong_is_told_with_its_path(value: object, path: str) -> None:
    with pytest.raises(ShapeError) as raised:
        shaped(value, Outer)
    assert raised.value.path == path
    assert str(raised.value).startswith(f"{path}: " if path else "")


@pytest.mark.parametrize("data", [b"", b"{", b'{"inner": 1}', b"\xff", b'{"inner": []} x'])
def test_bytes_that_cannot_be_read_raise_shape_error_only(data: bytes) -> None:
    with pytest.raises(ShapeError):
        decoder(Outer)(data)


class Pair(NamedTuple):
    address: bytes
    names: tuple[str, ...] = ()


def test_tuples_are_packed_and_read_again_as_what_they_were() -> None:
    (found,) = unpacker(list[Pair])(packed([Pair(b"\x0a\0\0\1", ("a", "b"))]))
    assert found == Pair(b"\x0a\0\0\1", ("a", "b"))
    assert type(found) is Pair
    assert type(found.names) is tuple


@pytest.mark.parametrize("data", [b"", b"\x91", packed([(b"", (1,))]), packed([("",)]), packed({}), packed([]) + b"x"])
def test_bytes_that_are_no_such_pack_raise_shape_error_only(data: bytes) -> None:
    with pytest.raises(ShapeError):
        unpacker(list[Pair])(data)
