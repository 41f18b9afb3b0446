from __future__ import annotations

import pytest

from kdns.chain import nobody
from kdns.proto.message import Question
from kdns.proto.name import fold, from_text, to_text
from kdns.proto.types import Class, RRType
from kdns.serve.router import Router, Served


def router(*zones: str) -> Router:
    names = [from_text(zone) for zone in zones]
    return Router({name: Served(name, "dns://:53", nobody, 1232) for name in names})


def found(router: Router, name: str, type: int = RRType.A) -> str | None:
    asked = from_text(name)
    served = router.find(Question(asked, fold(asked), type, 1))
    return None if served is None else to_text(served.zone)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("svc.cluster.local.", "cluster.local."),
        ("cluster.local.", "cluster.local."),
        ("CLUSTER.Local.", "cluster.local."),
        ("a.b.special.cluster.local.", "special.cluster.local."),
        ("xspecial.cluster.local.", "cluster.local."),
        ("local.", None),
        ("example.org.", None),
        (".", None),
    ],
)
def test_the_longest_zone_answers(name: str, zone: str | None) -> None:
    assert found(router("cluster.local.", "special.cluster.local."), name) == zone


def test_the_root_takes_what_nobody_else_has() -> None:
    both = router(".", "cluster.local.")
    assert found(both, "example.org.") == "."
    assert found(both, ".") == "."
    assert found(both, "a.cluster.local.") == "cluster.local."


@pytest.mark.parametrize(
    ("zones", "name", "type", "zone"),
    [
        (["local.", "cluster.local."], "cluster.local.", RRType.DS, "local."),
        ([".", "cluster.local."], "cluster.local.", RRType.DS, "."),
        (["local.", "cluster.local."], "a.cluster.local.", RRType.DS, "cluster.local."),
        (["local.", "cluster.local."], "cluster.local.", RRType.A, "cluster.local."),
        (["cluster.local."], "cluster.local.", RRType.DS, "cluster.local."),
        (["."], ".", RRType.DS, "."),
        ([".", "local."], "Local.", RRType.DS, "."),
        (["cluster.local."], "local.", RRType.DS, None),
    ],
    ids=[
        "the parent's zone",
        "the root as the parent",
        "below the apex as any type",
        "another type at the apex",
        "no parent is served",
        "the root has no parent",
        "in any case",
        "outside",
    ],
)
def test_ds_belongs_to_the_parent_where_that_is_served(
    zones: list[str], name: str, type: int, zone: str | None
) -> None:
    assert found(router(*zones), name, type) == zone


def test_without_zones_nobody_answers() -> None:
    assert found(router(), "example.") is None


@pytest.mark.parametrize(
    ("name", "type", "klass", "taken"),
    [
        ("version.bind.", RRType.TXT, Class.CH, True),
        ("Version.Bind.", RRType.TXT, Class.CH, True),
        ("version.bind.", RRType.A, Class.CH, False),
        ("version.bind.", RRType.ANY, Class.CH, False),
        ("other.bind.", RRType.TXT, Class.CH, False),
        ("version.bind.", RRType.TXT, Class.ANY, False),
        ("version.bind.", RRType.TXT, 4, False),
        ("other.bind.", RRType.A, Class.IN, True),
    ],
)
def test_of_other_classes_than_in_only_what_is_there_on_purpose_is_taken(
    name: str, type: int, klass: int, taken: bool
) -> None:
    chaos = frozenset({from_text("version.bind.")})
    served, asked = Served(from_text("."), "dns://:53", nobody, 1232, chaos), from_text(name)
    assert served.takes(Question(asked, fold(asked), type, klass)) is taken


def test_without_such_names_only_class_in_is_taken() -> None:
    served, asked = Served(from_text("."), "dns://:53", nobody, 1232), from_text("version.bind.")
    assert not served.takes(Question(asked, asked, RRType.TXT, Class.CH))
