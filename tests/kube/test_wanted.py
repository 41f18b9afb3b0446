"""What makes two directives share a cluster: all that they want of it is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from kdns.kube.controllers import Settings
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector
from kdns.kube.wanted import Files, Server

OTHER = {
    "kubeconfig": ("/c",),
    "endpoint": "http://h",
    "tls": ("a", "b", "c"),
    "qps": 1.0,
    "burst": 1,
    "inflight": 1,
    "selection": Selection(frozenset({"a"}), None, parse_selector("a=b")),
    "pods": True,
    "endpoints": False,
    "imports": True,
    "startup_timeout": 1.0,
    "resync": 1.0,
    "stale_after": 60.0,
    "state": "/state",
}


def test_all_that_a_server_can_be_wanted_for_is_in_this_table() -> None:
    assert set(OTHER) == {field.name for field in fields(Server)}


@pytest.mark.parametrize("name", OTHER)
def test_servers_that_differ_in_anything_are_two(name: str) -> None:
    made: Callable[..., Server] = replace
    one, other = Server(), made(Server(), **{name: OTHER[name]})
    assert one != other
    assert len({one, other, made(Server(), **{name: OTHER[name]})}) == 2


def test_selectors_that_mean_the_same_and_are_written_the_same_are_one() -> None:
    one, other = (Server(selection=Selection(labels=parse_selector("a in (b, c)"))) for _ in range(2))
    assert (one, hash(one)) == (other, hash(other))


def test_files_that_differ_in_anything_are_two() -> None:
    files = Files(paths=("a",), selection=Selection(), controllers=Settings(), poll=1.0)
    others = [
        replace(files, paths=("b",)),
        replace(files, selection=Selection(frozenset())),
        replace(files, controllers=Settings(on=False)),
        replace(files, poll=2.0),
    ]
    assert len({files, *others, replace(files)}) == 5
