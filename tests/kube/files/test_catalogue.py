"""Documents as the objects that DNS shows."""

from __future__ import annotations

import pytest

from kdns.kube.controllers import Settings
from kdns.kube.document import Document, Origin
from kdns.kube.files.catalogue import Catalogue, catalogue
from kdns.kube.files.documents import read_documents
from kdns.kube.objects import Kind, Namespace, Ref, Service
from kdns.kube.schema import Metadata, ServiceSpec
from kdns.kube.schema import Service as ServiceShape
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector

OFF = Settings(on=False)
EVERYTHING = Selection()


def documents(*objects: str) -> list[Document]:
    """Objects as `KIND NAMESPACE/NAME LABEL=VALUE`."""
    versions = {"EndpointSlice": "discovery.k8s.io/v1"}
    texts = []
    for each in objects:
        kind, place, *labels = each.split()
        namespace, _, name = place.rpartition("/")
        pairs = ", ".join(label.replace("=", ": ") for label in labels)
        where = f"namespace: {namespace}, " if namespace else ""
        texts.append(
            f"{{apiVersion: {versions.get(kind, 'v1')}, kind: {kind}, "
            f"metadata: {{name: {name}, {where}labels: {{{pairs}}}}}}}\n"
        )
    reading = read_documents("---\n".join(["", *texts]), "x.yaml")
    assert not reading.errors
    return reading.documents


def make(*objects: str, settings: Settings = OFF, selection: Selection = EVERYTHING) -> Catalogue:
    return catalogue(documents(*objects), settings, selection, Catalogue())


def test_objects_have_origins() -> None:
    made = make("Service shop/web", "Pod shop/a")
    assert set(made.objects) == {
        Ref(Kind.SERVICE, "shop", "web"),
        Ref(Kind.POD, "shop", "a"),
        Ref(Kind.NAMESPACE, "", "shop"),
    }
    assert made.origins[Ref(Kind.POD, "shop", "a")] == Origin("x.yaml", 2, 4)
    assert made.origins[Ref(Kind.NAMESPACE, "", "shop")].made_from == "its mention"


def test_the_control_plane_s_objects_are_there_where_it_is_on() -> None:
    made = make(settings=Settings())
    api = made.objects[Ref(Kind.SERVICE, "default", "kubernetes")]
    assert isinstance(api, Service)
    assert api.addresses == (bytes([10, 96, 0, 1]),)
    assert str(made.origins[api.ref]) == "the control plane"


def test_problems_of_the_control_plane_are_told() -> None:
    made = make("Service shop/web", "Service shop/web")
    assert [problem.origin.document for problem in made.problems] == [1]


@pytest.mark.parametrize(
    ("selection", "exposed"),
    [
        (Selection(), {"shop", "prod", "said"}),
        (Selection(namespaces=frozenset({"shop"})), {"shop"}),
        (Selection(namespace_labels=parse_selector("tier=prod")), {"prod"}),
        (Selection(namespace_labels=parse_selector("tier!=prod")), {"shop", "said"}),
    ],
)
def test_the_selection_exposes_namespaces(selection: Selection, exposed: set[str]) -> None:
    made = make("Namespace shop", "Namespace prod tier=prod", "Service said/web", selection=selection)
    namespaces = [each for each in made.objects.values() if isinstance(each, Namespace)]
    assert {each.name for each in namespaces} == {"shop", "prod", "said"}
    assert {each.name for each in namespaces if each.exposed} == exposed


@pytest.mark.parametrize("kind", ["Service", "EndpointSlice", "Endpoints", "Pod"])
def test_labels_let_in(kind: str) -> None:
    selection = Selection(labels=parse_selector("app=web"))
    made = make(f"{kind} shop/a app=web", f"{kind} shop/b app=db", f"{kind} shop/c", selection=selection)
    assert {ref.name for ref in made.objects if ref.kind == kind} == {"a"}


def test_labels_do_not_keep_namespaces_out() -> None:
    made = make("Namespace shop", selection=Selection(labels=parse_selector("app=web")))
    assert Ref(Kind.NAMESPACE, "", "shop") in made.objects


def test_a_document_that_cannot_be_shown_costs_no_other() -> None:
    shape = ServiceShape(Metadata(name="bad", namespace="shop"), ServiceSpec(cluster_ip="10.96"))
    bad = Document("Service", shape, Origin("y.yaml", 2, 7))
    made = catalogue([bad, *documents("Service shop/web")], OFF, EVERYTHING, Catalogue())
    assert [str(error) for error in made.errors] == [
        "y.yaml:2:7: Service shop/bad: spec.clusterIP: '10.96' is no IP address"
    ]
    assert Ref(Kind.SERVICE, "shop", "web") in made.objects
    assert Ref(Kind.SERVICE, "shop", "bad") not in made.objects


def test_what_did_not_change_is_not_made_again() -> None:
    given = documents("Pod shop/a", "Pod shop/b")
    first = catalogue(given, OFF, EVERYTHING, Catalogue())
    second = catalogue([given[0], *documents("Pod shop/b")], OFF, EVERYTHING, first)
    a, b = (Ref(Kind.POD, "shop", name) for name in "ab")
    assert second.objects[a] is first.objects[a]
    assert second.objects[b] is not first.objects[b]
    assert second.objects == first.objects


def test_a_namespace_that_only_others_mention_exists() -> None:
    made = catalogue([], OFF, EVERYTHING, Catalogue(), [("only", Origin("x.yaml", 1, 1))])
    assert made.objects == {Ref(Kind.NAMESPACE, "", "only"): Namespace("only")}
