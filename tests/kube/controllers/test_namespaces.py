from __future__ import annotations

import pytest

from kdns.kube import schema
from kdns.kube.controllers import Settings, control
from kdns.kube.document import Origin
from tests.kube.controllers.folder import OFF, controlled, controlled_folder, read

SERVICE = "{kind: Service, metadata: {name: web, namespace: shop}}"


@pytest.mark.parametrize("settings", [Settings(), OFF], ids=["on", "off"])
def test_a_namespace_that_is_mentioned_exists_at_the_place_of_its_first_mention(settings: Settings) -> None:
    world = controlled_folder({"b.yaml": SERVICE, "a.yaml": "\n" + SERVICE.replace("web", "api")}, settings)
    origin = world.document("Namespace", "shop").origin
    assert str(origin) == "made from its mention, a.yaml, document 1 (line 2)"


@pytest.mark.parametrize("settings", [Settings(), OFF], ids=["on", "off"])
def test_a_namespace_that_other_objects_mention_exists(settings: Settings) -> None:
    places = [("only", Origin("c.yaml", 2, 5)), ("shop", Origin("a.yaml", 1, 1)), ("only", Origin("b.yaml", 1, 1))]
    found, problems = control(read(SERVICE), settings, mentions=places)
    made = {each.name: str(each.origin) for each in found if each.kind == "Namespace" and each.origin.file}
    assert made == {
        "only": "made from its mention, b.yaml, document 1 (line 1)",
        "shop": "made from its mention, a.yaml, document 1 (line 1)",
    }
    assert problems == []


def test_a_namespace_of_the_files_is_not_made() -> None:
    world = controlled("{kind: Namespace, metadata: {name: shop, labels: {team: a}}}\n---\n" + SERVICE, OFF)
    assert world.names("Namespace") == ["default/shop"]
    assert world.document("Namespace", "shop").origin.made_from == ""
    assert world.get(schema.Namespace, "shop").metadata.labels == {"team": "a"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{kind: Namespace, metadata: {name: shop}}", id="a Namespace"),
        pytest.param("{kind: Node, metadata: {name: one}}", id="a Node"),
    ],
)
def test_what_is_in_no_namespace_mentions_none(text: str) -> None:
    world = controlled(text, OFF)
    assert len(world.documents) == 1


def test_an_object_without_a_namespace_is_in_default() -> None:
    world = controlled("{kind: Service, metadata: {name: web}}", OFF)
    assert world.names("Namespace") == ["default/default"]


def test_default_is_made_by_the_control_plane_where_nobody_mentions_it() -> None:
    world = controlled(SERVICE)
    assert str(world.document("Namespace", "default").origin) == "the control plane"
    assert world.names("Namespace") == ["default/default", "default/shop"]


def test_default_is_not_made_twice() -> None:
    world = controlled("{kind: Namespace, metadata: {name: default}}")
    assert world.names("Namespace") == ["default/default"]
    assert world.document("Namespace", "default").origin.file == "shop.yaml"


def test_no_files_with_settings_off_are_nothing() -> None:
    assert controlled("", OFF).documents == []


def test_namespaces_have_the_label_of_their_name() -> None:
    world = controlled("{kind: Namespace, metadata: {name: shop, labels: {team: a}}}\n---\n" + SERVICE)
    shop = world.get(schema.Namespace, "shop").metadata.labels
    assert shop == {"team": "a", "kubernetes.io/metadata.name": "shop"}
    assert world.get(schema.Namespace, "default").metadata.labels == {"kubernetes.io/metadata.name": "default"}
