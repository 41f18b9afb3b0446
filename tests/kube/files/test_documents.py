"""Texts of manifests as documents and errors."""

from __future__ import annotations

import json
from collections import Counter
from textwrap import dedent, indent

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.document import Origin
from kdns.kube.files.documents import Reading, read_documents
from kdns.kube.schema import SHAPES, Endpoints, Service

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
spec:
  clusterIP: 10.96.0.10
  ports:
  - name: http
    port: 80
"""


def read(text: str, file: str = "shop.yaml") -> Reading:
    return read_documents(dedent(text), file)


def names(reading: Reading) -> list[tuple[str, str, int, int]]:
    """Kind, name, document and line of each."""
    return [(each.kind, each.name, each.origin.document, each.origin.line) for each in reading.documents]


def errors(reading: Reading) -> list[str]:
    return [str(error) for error in reading.errors]


def manifest(kind: str, name: str = "web", **more: object) -> dict[str, object]:
    return {"apiVersion": SHAPES[kind][0], "kind": kind, "metadata": {"name": name}, **more}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("language", ["YAML", "JSON"])
def test_every_kind_is_read_from(language: str, kind: str) -> None:
    value = manifest(kind)
    text = yaml.safe_dump(value) if language == "YAML" else json.dumps(value)
    reading = read_documents(text, f"x.{language.lower()}")
    assert names(reading) == [(kind, "web", 1, 1)]
    assert isinstance(reading.documents[0].shape, SHAPES[kind][1])
    assert (reading.errors, reading.passed_over) == ([], Counter())


def test_fields_are_read() -> None:
    (document,) = read(SERVICE).documents
    assert document.namespace == "shop"
    assert isinstance(document.shape, Service)
    assert document.shape.spec is not None
    assert document.shape.spec.cluster_ip == "10.96.0.10"
    assert [port.port for port in document.shape.spec.ports or ()] == [80]


def test_documents_are_counted_without_the_empty_ones() -> None:
    text = "# licence\n---\n" + SERVICE + "---\n# nothing\n---\n" + SERVICE.replace("web", "api")
    assert names(read_documents(text, "x")) == [("Service", "web", 1, 3), ("Service", "api", 2, 16)]


@pytest.mark.parametrize("text", ["", "\n", "---\n", "# none\n", "---\n...\n---\n", "\ufeff", "~\n"])
@pytest.mark.parametrize("file", ["x.yaml", "x"])
def test_empty_documents_are_nothing(text: str, file: str) -> None:
    assert read_documents(text, file) == Reading(whole=text.endswith("\n"))


def test_a_byte_order_mark_is_no_matter() -> None:
    assert names(read_documents("\ufeff" + SERVICE, "x.yaml")) == [("Service", "web", 1, 1)]


@pytest.mark.parametrize(
    ("kind", "version"), [("List", "v1"), ("ServiceList", "v1"), ("ServiceList", None), ("List", None)]
)
@pytest.mark.parametrize("language", ["yaml", "json"])
def test_the_objects_of_a_list_are_read(kind: str, version: str | None, language: str) -> None:
    items = [manifest("Service", "web"), manifest("Service", "api")]
    value = {"apiVersion": version, "items": items, "kind": kind, "metadata": {"resourceVersion": ""}}
    text = yaml.safe_dump(value) if language == "yaml" else json.dumps(value, indent=4)
    reading = read_documents(text, f"x.{language}")
    assert reading.errors == []
    assert [(name, document) for _, name, document, _ in names(reading)] == [("web", 1), ("api", 1)]
    for each in reading.documents:
        (begins,) = {text.splitlines()[each.origin.line - 1].strip()}
        assert begins in {"- apiVersion: v1", "{"}


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_the_objects_of_a_typed_list_need_no_kind(language: str) -> None:
    items = [{"metadata": {"name": name}} for name in ("web", "api")]
    value = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList", "items": items}
    text = yaml.safe_dump(value) if language == "yaml" else json.dumps(value)
    reading = read_documents(text, f"x.{language}")
    assert [(kind, name) for kind, name, _, _ in names(reading)] == [
        ("EndpointSlice", "web"),
        ("EndpointSlice", "api"),
    ]


@pytest.mark.parametrize("items", [None, []])
def test_an_empty_list_is_nothing(items: object) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert read_documents(text, "x.json") == Reading()


def test_lists_in_lists_are_read_in_order() -> None:
    inner = {"kind": "List", "items": [manifest("Pod", "b"), manifest("Pod", "c")]}
    value = {"kind": "List", "items": [manifest("Pod", "a"), inner, manifest("Pod", "d")]}
    for text, file in ((yaml.safe_dump(value), "x.yaml"), (json.dumps(value), "x.json")):
        assert [name for _, name, _, _ in names(read_documents(text, file))] == ["a", "b", "c", "d"]


def test_json_documents_may_follow_one_another() -> None:
    text = "\n".join(json.dumps(manifest("Service", name), indent=1) for name in ("web", "api"))
    assert names(read_documents(text, "x.json")) == [("Service", "web", 1, 1), ("Service", "api", 2, 8)]


@pytest.mark.parametrize("file", ["x.yaml", "x.txt", "-"])
def test_json_is_read_in_any_file(file: str) -> None:
    text = "\n" + json.dumps(manifest("Service")) + json.dumps(manifest("Pod"), indent="\t")
    assert [(kind, line) for kind, _, _, line in names(read_documents(text, file))] == [
        ("Service", 2),
        ("Pod", 2),
    ]


def test_a_brace_may_also_begin_yaml() -> None:
    reading = read("{apiVersion: v1, kind: Pod, metadata: {name: web}}\n")
    assert names(reading) == [("Pod", "web", 1, 1)]


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("apiVersion: v1\nkind: ConfigMap\n", {"ConfigMap": 1}),
        ("kind: ConfigMap\n---\nkind: ConfigMap\n---\nkind: Ingress\n", {"ConfigMap": 2, "Ingress": 1}),
        ("kind: ConfigMapList\nitems: [{}, {}]\n", {"ConfigMap": 2}),
        ("kind: AllowList\nspec: {}\n", {"AllowList": 1}),
        ("apiVersion: serving.knative.dev/v1\nkind: Service\nspec: 7\n", {"Service.serving.knative.dev": 1}),
        ("apiVersion: net.gke.io/v1\nkind: ServiceImport\n", {"ServiceImport.net.gke.io": 1}),
        ("apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n", {"Secret": 1}),
    ],
)
def test_other_kinds_are_passed_over_and_counted(text: str, counted: dict[str, int]) -> None:
    assert read_documents(text, "x.yaml") == Reading(passed_over=Counter(counted))


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        pytest.param("kind: ConfigMap\nmetadata: {namespace: shop}\n", {"shop": Origin("x", 1, 1)}, id="another kind"),
        pytest.param(
            "kind: ConfigMap\nmetadata: {namespace: shop}\n---\nkind: Ingress\nmetadata: {namespace: shop}\n",
            {"shop": Origin("x", 1, 1)},
            id="twice",
        ),
        pytest.param(
            "kind: ConfigMapList\nitems:\n- metadata: {namespace: a}\n- metadata: {namespace: b}\n",
            {"a": Origin("x", 1, 3), "b": Origin("x", 1, 4)},
            id="a list",
        ),
        pytest.param(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {namespace: shop}\n",
            {"shop": Origin("x", 1, 1)},
            id="another group",
        ),
        pytest.param("kind: ConfigMap\nmetadata: {name: a}\n", {}, id="no namespace"),
        pytest.param("kind: ConfigMap\nmetadata: {namespace: No Name}\n", {}, id="no name"),
        pytest.param("kind: ConfigMap\nmetadata: {namespace: [a]}\n", {}, id="no text"),
        pytest.param("kind: ConfigMap\nmetadata: 7\n", {}, id="no metadata"),
    ],
)
def test_objects_that_are_passed_over_mention_their_namespace(text: str, mentioned: dict[str, Origin]) -> None:
    assert read_documents(text, "x").mentions == mentioned


@pytest.mark.parametrize("port", ["80", "80.0", "8.0e+1"])
@pytest.mark.parametrize("file", ["x.yaml", "x.json"])
def test_a_number_without_a_fraction_is_an_integer(port: str, file: str) -> None:
    fields = f'"metadata": {{"name": "web"}}, "spec": {{"ports": [{{"port": {port}}}]}}'
    (document,) = read_documents(f'{{"apiVersion": "v1", "kind": "Service", {fields}}}\n', file).documents
    assert isinstance(document.shape, Service)
    assert document.shape.spec is not None
    assert [each.port for each in document.shape.spec.ports or ()] == [80]


@pytest.mark.parametrize(
    ("kind", "version", "said"),
    [
        (
            "EndpointSlice",
            "discovery.k8s.io/v1beta1",
            "discovery.k8s.io/v1 is read, it says discovery.k8s.io/v1beta1",
        ),
        ("Deployment", "extensions/v1beta1", "apps/v1 is read, it says extensions/v1beta1"),
        ("Deployment", "apps/v1beta2", "apps/v1 is read, it says apps/v1beta2"),
        ("Service", "apps/v1", "v1 is read, it says apps/v1"),
        ("Service", "1", "v1 is read, it says 1"),
        ("Service", "''", "v1 is read, it says none"),
    ],
)
def test_another_version_of_a_kind_is_an_error(kind: str, version: str, said: str) -> None:
    reading = read_documents(f"kind: {kind}\nmetadata:\n  name: web\napiVersion: {version}\n", "x.yaml")
    assert errors(reading) == [f"x.yaml:1:4: {kind} default/web: apiVersion {said}"]
    assert (reading.documents, reading.passed_over) == ([], Counter())


def test_no_version_is_an_error() -> None:
    assert errors(read("kind: Namespace\nmetadata: {name: shop}\n")) == [
        "shop.yaml:1:1: Namespace shop: apiVersion v1 is read, it says none"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("- a\n- b\n", "1: an object is a mapping with apiVersion and kind; here is a list", id="a list"),
        pytest.param("\nhello\n", "2: an object is a mapping with apiVersion and kind; here is 'hello'", id="a text"),
        pytest.param("a: b\n", "1: an object says its kind; here is none", id="no kind"),
        pytest.param("kind: [a]\n", "1: an object says its kind; here is a list", id="a kind that is none"),
        pytest.param("kind: List\nitems:\n  a: b\n", "2: List: items: a list is wanted; here is a mapping", id="items"),
        pytest.param(
            "kind: List\nitems:\n- 7\n",
            "3: an object is a mapping with apiVersion and kind; here is '7'",
            id="an item",
        ),
    ],
)
def test_what_is_no_object_is_an_error(text: str, error: str) -> None:
    assert errors(read_documents(text, "x.yaml")) == [f"x.yaml:1:{error}"]


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("port: 80", "port: '80'", 10, "Service shop/web: spec.ports[0].port: Expected `int`, got `str`"),
        ("    port: 80\n", "", 9, "Service shop/web: spec.ports[0]: Object missing required field `port`"),
        (
            "  ports:\n  - name: http\n    port: 80\n",
            "  ports:\n    port: 80\n",
            8,
            "Service shop/web: spec.ports: ",
        ),
        ("10.96.0.10", "10.96.0.256", 7, "Service shop/web: spec.clusterIP: '10.96.0.256' is no IP address"),
        ("10.96.0.10", "10.96", 7, "Service shop/web: spec.clusterIP: Expected `str | null`, got `float`"),
        ("  name: web\n", "", 3, "Service: metadata.name: an object needs a name"),
        ("name: web\n", "name: 7\n", 4, "Service shop/7: metadata.name: Expected `str`, got `int`"),
        ("name: web\n", "name: Web\n", 4, "Service shop/Web: metadata.name: 'Web' is no name"),
        ("name: web\n", "name: a.b\n", 4, "Service shop/a.b: metadata.name: 'a.b' is no name"),
        ("name: web\n", f"name: {'a' * 64}\n", 4, f"Service shop/{'a' * 64}: metadata.name: "),
        ("name: web\n", "name: web-\n", 4, "Service shop/web-: metadata.name: 'web-' is no name"),
        (
            "namespace: shop\n",
            "namespace: Shop\n",
            5,
            "Service Shop/web: metadata.namespace: 'Shop' is no name",
        ),
        (
            "metadata:\n  name: web\n  namespace: shop\n",
            "",
            1,
            "Service: Object missing required field `metadata`",
        ),
        (
            "namespace: shop\n",
            "labels:\n    a: b\n    tier: yes\n",
            7,
            "Service default/web: metadata.labels.tier: ",
        ),
    ],
)
def test_a_wrong_field_is_an_error_of_its_line(old: str, new: str, line: int, text: str) -> None:
    wrong = SERVICE.replace(old, new)
    assert wrong != SERVICE
    reading = read_documents(wrong, "x.yaml")
    assert len(reading.errors) == 1
    assert errors(reading)[0].startswith(f"x.yaml:1:{line}: {text}")
    assert reading.documents == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Pod", "web.0"),
        ("Endpoints", "a.b"),
        ("EndpointSlice", "web-x.1"),
        ("Node", "n1.example.org"),
        ("Service", "0"),
    ],
)
def test_the_names_of_most_kinds_have_dots(kind: str, name: str) -> None:
    assert read_documents(json.dumps(manifest(kind, name)), "x.json").errors == []


def test_the_line_of_a_field_is_found_in_json_too() -> None:
    text = json.dumps(
        {"kind": "List", "items": [manifest("Endpoints", subsets=[{"addresses": [{"ip": "x"}]}])]}, indent=1
    )
    line = next(number for number, each in enumerate(text.splitlines(), 1) if '"ip"' in each)
    assert errors(read_documents(text, "x.json")) == [
        f"x.json:1:{line}: Endpoints default/web: subsets[0].addresses[0].ip: 'x' is no IP address"
    ]


@pytest.mark.parametrize(
    ("label", "good"),
    [
        ("2024-01-31", True),
        ("12:30", True),
        ("y", True),
        ("'yes'", True),
        ("yes", False),
        ("1.0", False),
        ("7", False),
    ],
)
def test_words_are_what_kubectl_takes_them_for(label: str, good: bool) -> None:
    text = SERVICE.replace("namespace: shop", f"namespace: shop\n  labels:\n    a: {label}")
    assert bool(read_documents(text, "x").documents) is good


def test_fields_that_are_not_read_may_be_anything() -> None:
    text = SERVICE.replace("spec:\n", "  creationTimestamp: 2024-02-31\nspec:\n  unknown: {a: [yes, !Ref b, .nan]}\n")
    assert errors(read_documents(text, "x")) == []


def test_one_wrong_object_costs_no_other() -> None:
    wrong = SERVICE.replace("port: 80", "port: x").replace("web", "wrong")
    text = "---\n".join([SERVICE, wrong, "kind: [\n", SERVICE.replace("web", "api"), "kind: Secret\n"])
    reading = read_documents(text, "x.yaml")
    assert names(reading) == [("Service", "web", 1, 1), ("Service", "api", 4, 25)]
    assert [(error.document, error.line) for error in reading.errors] == [(2, 21), (3, 23)]
    assert reading.passed_over == Counter(Secret=1)


def test_one_wrong_item_costs_no_other() -> None:
    items = "".join(
        indent(SERVICE.replace("web", name).replace("port: 80", port), "  ").replace("  api", "- api", 1)
        for name, port in (("a", "port: 1"), ("b", "port: x"), ("c", "port: 3"))
    )
    reading = read_documents(f"apiVersion: v1\nkind: List\nitems:\n{items}", "x.yaml")
    assert [name for _, name, _, _ in names(reading)] == ["a", "c"]
    assert [error.line for error in reading.errors] == [23]


def test_anchors_make_objects() -> None:
    reading = read(
        """\
        kind: List
        items:
        - &one
          apiVersion: v1
          kind: Endpoints
          metadata: {name: one}
          subsets: &subsets
          - addresses: [{ip: 10.0.0.1}]
        - <<: *one
          metadata: {name: two}
        - apiVersion: v1
          kind: Endpoints
          metadata: {name: three}
          subsets: *subsets
        """
    )
    assert [name for _, name, _, _ in names(reading)] == ["one", "two", "three"]
    shapes = [each.shape for each in reading.documents]
    assert all(isinstance(shape, Endpoints) and shape.subsets == shapes[0].subsets for shape in shapes)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "file", "whole"),
    [
        (SERVICE, "x.yaml", True),
        (SERVICE.rstrip(), "x.yaml", False),
        (json.dumps(manifest("Service")), "x.json", True),
        (json.dumps(manifest("Service")), "x.yaml", True),
        (json.dumps(manifest("Service"))[:-1], "x.json", False),
    ],
)
def test_how_a_text_ends_is_told(text: str, file: str, whole: bool) -> None:
    assert read_documents(text, file).whole is whole


@given(
    st.text() | st.binary().map(lambda data: data.decode(errors="replace")),
    st.sampled_from(["x.yaml", "x.json"]),
)
def test_no_text_raises(text: str, file: str) -> None:
    reading = read_documents(text, file)
    last = text.count("\n") + 1
    assert all(1 <= error.line <= last and error.document >= 1 for error in reading.errors)


@given(st.integers(0, len(SERVICE) - 2), st.characters(exclude_categories=["Cs"]))
def test_no_damage_raises(at: int, letter: str) -> None:
    text = SERVICE[:at] + letter + SERVICE[at + 1 :]
    reading = read_documents(text + "---\n" + SERVICE.replace("web", "after"), "x.yaml")
    assert reading.documents
    assert reading.documents[-1].name == "after"
