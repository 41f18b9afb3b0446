from __future__ import annotations

from collections.abc import Mapping

import pytest

from kdns.kube.controllers.labelled import Labelled
from kdns.kube.selectors import NOTHING, Selector, from_labels, parse_selector
from tests.kube.controllers.folder import read

PODS = read(
    "\n---\n".join(
        f"{{kind: Pod, metadata: {{name: {name}, namespace: {where}, labels: {labels}}}}}"
        for name, where, labels in [
            ("a", "shop", "{app: web, tier: front}"),
            ("b", "shop", "{app: web}"),
            ("c", "shop", "null"),
            ("d", "other", "{app: web}"),
        ]
    )
)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=web", "ab"),
        ("app=web,tier=front", "a"),
        ("app=web,tier!=front", "b"),
        ("app in (web,api)", "ab"),
        ("!app", "c"),
        ("", "abc"),
        ("app=api", ""),
    ],
)
def test_a_selector_finds_those_of_its_namespace_in_their_order(selector: str, names: str) -> None:
    found = Labelled(PODS).select("shop", parse_selector(selector))
    assert "".join(each.name for each in found) == names


def test_nothing_finds_nothing() -> None:
    assert Labelled(PODS).select("shop", NOTHING) == []


def test_an_unknown_namespace_has_nothing() -> None:
    assert Labelled(PODS).select("elsewhere", parse_selector("")) == []


def test_only_those_of_the_rarest_label_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Mapping[str, str]] = []
    many = read(
        "\n---\n".join(
            f"{{kind: Pod, metadata: {{name: p{number}, labels: {{part-of: shop, app: a{number % 50}}}}}}}"
            for number in range(200)
        )
    )
    index = Labelled(many)
    selector = from_labels({"part-of": "shop", "app": "a7"})
    matches = Selector.matches

    def look(self: Selector, labels: Mapping[str, str]) -> bool:
        looked.append(labels)
        return matches(self, labels)

    monkeypatch.setattr(Selector, "matches", look)
    assert len(index.select("default", selector)) == 4
    assert len(looked) == 4
