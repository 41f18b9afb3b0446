"""What holds of `control` as a whole; each step has a file of its own."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube import schema
from kdns.kube.controllers import Settings, control
from kdns.kube.document import Document, Origin
from tests.kube.controllers.folder import OFF, controlled, read, read_folder

SHOP = """
{kind: Namespace, metadata: {name: shop}}
---
{kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{kind: Service, metadata: {name: db, namespace: shop}, spec: {clusterIP: None, selector: {app: db}}}
---
{kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 2,
 selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}}
---
{kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 2, serviceName: db,
 selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}}
---
{kind: DaemonSet, metadata: {name: agent}, spec: {
 selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}}}}
---
{kind: Pod, metadata: {name: bare, namespace: shop, labels: {app: web}}}
---
{kind: Node, metadata: {name: one}}
---
{kind: Endpoints, metadata: {name: outside, namespace: other}, subsets: [{addresses: [{ip: 192.0.2.1}]}]}
"""

TIGHT = Settings(
    service_cidrs=(ip_network("10.9.0.0/28"), ip_network("fd00:9::/124")),
    pod_cidrs=(ip_network("10.8.0.0/28"), ip_network("fd00:8::/124")),
)


def test_everything_that_is_derived_tells_from_what() -> None:
    world = controlled(SHOP)
    made = {
        f"{each.kind} {each.namespace}/{each.name[:3]}": each.origin.made_from
        for each in world.documents
        if each.origin.made_from
    }
    assert made == {
        "EndpointSlice shop/db-": "Service shop/db",
        "EndpointSlice shop/web": "Service shop/web",
        "Namespace default/def": "its mention",
        "Namespace default/oth": "its mention",
        "Pod default/age": "DaemonSet default/agent",
        "Pod shop/db-": "StatefulSet shop/db",
        "Pod shop/web": "Deployment shop/web",
        "Service default/kub": "the control plane",
    }
    assert world.problems == []


def test_a_service_finds_the_pods_of_workloads_and_bare_ones() -> None:
    world = controlled(SHOP)
    targets = {each.target_ref.name for each in world.endpoints("shop/web").values() if each.target_ref}
    assert targets == {name for name in world.pods("shop") if not name.startswith("db-")}
    assert len(targets) == 3


def test_documents_come_by_kind_namespace_and_name() -> None:
    found = [(each.kind, each.namespace, each.name) for each in controlled(SHOP).documents]
    assert found == sorted(found)


def test_with_settings_off_only_namespaces_are_made() -> None:
    documents = read(SHOP)
    found, problems = control(documents, OFF)
    assert [each for each in found if not each.origin.made_from] == sorted(
        documents, key=lambda each: (each.kind, each.namespace, each.name)
    )
    assert {each.name for each in found if each.origin.made_from} == {"default", "other"}
    assert problems == []


def test_what_is_given_is_kept_as_it_is_but_for_its_addresses() -> None:
    found, _ = control(read(SHOP), Settings())
    kept = {(each.kind, each.namespace, each.name): each for each in found if not each.origin.made_from}
    for each in read(SHOP):
        same = kept[each.kind, each.namespace, each.name]
        assert same.origin == each.origin
        if each.kind not in {"Service", "Pod", "Namespace"}:
            assert same == each


@pytest.mark.parametrize(
    "text",
    [
        *(f"{{kind: {kind}, metadata: {{}}}}" for kind in schema.SHAPES),
        *(f"{{kind: {kind}, metadata: {{name: x}}}}" for kind in schema.SHAPES),
        *(
            f"{{kind: {kind}, metadata: {{name: x, namespace: '', labels: null, ownerReferences: null}}, "
            "spec: {}, status: {}}"
            for kind in schema.SHAPES
        ),
        *(
            f"{{kind: {kind}, metadata: {{name: x}}, spec: {{replicas: 2, selector: {{}}, template: {{}}}}}}"
            for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
        ),
        "{kind: Service, metadata: {name: x}, spec: {clusterIPs: [a, a, 10.0.0.1, 10.0.0.1]}}",
        "{kind: Service, metadata: {name: x}, spec: {ipFamilies: [y]}}",
        "{kind: Pod, metadata: {name: x}, status: {podIPs: [{ip: ''}], podIP: ''}}",
        "{kind: Pod, metadata: {name: x}, spec: {containers: [{}], initContainers: [{ports: null}]}}",
        "{kind: Endpoints, metadata: {name: x}, subsets: [{}]}",
        "{kind: EndpointSlice, metadata: {name: x}, endpoints: [{}]}",
    ],
)
def test_no_object_makes_it_raise(text: str) -> None:
    selecting = "{kind: Service, metadata: {name: s}, spec: {selector: {app: x}}}"
    documents = [*read(text), *read(text, "again.yaml"), *read(selecting)]
    for chosen in (Settings(), OFF, Settings(service_cidrs=(), pod_cidrs=())):
        found, _ = control(documents, chosen)
        assert {each.name for each in found} >= {each.name for each in documents}


def test_texts_that_no_encoding_has_do_not_make_it_raise() -> None:
    metadata = schema.Metadata(name="x/\0\ud800", namespace="\udfff", labels={"\ud800": "\0"})
    selector = schema.LabelSelector(match_labels={"a": "b"})
    template = schema.PodTemplate(metadata=schema.TemplateMetadata(labels={"a": "b", "\ud800": ""}))
    shapes: list[schema.Shaped] = [
        schema.Service(metadata=metadata, spec=schema.ServiceSpec(selector={"\ud800": "\0"})),
        schema.Pod(metadata=metadata),
        schema.Workload(metadata=metadata, spec=schema.WorkloadSpec(selector=selector, template=template)),
    ]
    kinds = ["Service", "Pod", "Deployment"]
    documents = [
        Document(kind, shape, Origin(file, 1, 1))
        for file in ("\ud800.yaml", "b.yaml")
        for kind, shape in zip(kinds, shapes, strict=True)
    ]
    found, problems = control(documents, Settings())
    assert len(problems) == 3
    assert [each.kind for each in found if each.origin.made_from].count("EndpointSlice") == 1


NAMES = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from(["app: a", "app: b", "app: a, x: y", "app: b, pod-template-hash: h", ""])
SELECTORS = st.sampled_from(["app: a", "app: b", "x: y"])
SERVICES = st.builds(
    lambda name, where, spec, selector: (
        f"{{kind: Service, metadata: {{name: {name}, namespace: {where}}}, spec: {{selector: {{{selector}}}, {spec}}}}}"
    ),
    NAMES,
    NAMES,
    st.sampled_from(
        [
            "",
            "clusterIP: None",
            "clusterIP: 10.9.0.1",
            "clusterIP: 10.9.0.5, ipFamilyPolicy: RequireDualStack",
            "ipFamilyPolicy: PreferDualStack",
            "ports: [{port: 80, targetPort: http}]",
        ]
    ),
    SELECTORS,
)
PODS = st.builds(
    lambda name, where, labels, owner, rest: (
        f"{{kind: Pod, metadata: {{name: {name}, namespace: {where}, labels: {{{labels}}}, {owner}}}, {rest}}}"
    ),
    st.sampled_from(["a", "b", "c", "a-0", "b-1"]),
    NAMES,
    LABELS,
    st.sampled_from(["", "ownerReferences: [{kind: ReplicaSet, name: a, controller: true}]"]),
    st.sampled_from(
        [
            "",
            "status: {podIP: 10.8.0.3}",
            "status: {phase: Failed}",
            "spec: {containers: [{ports: [{name: http, containerPort: 81}]}]}",
        ]
    ),
)
WORKLOADS = st.builds(
    lambda kind, name, where, count, label: (
        f"{{kind: {kind}, metadata: {{name: {name}, namespace: {where}, labels: {{{label}}}}}, spec: "
        f"{{replicas: {count}, selector: {{matchLabels: {{{label}}}}}, "
        f"template: {{metadata: {{labels: {{{label}}}}}}}}}}}"
    ),
    st.sampled_from(["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"]),
    NAMES,
    NAMES,
    st.integers(0, 3),
    SELECTORS,
)
OTHERS = st.sampled_from(
    [
        "{kind: Node, metadata: {name: one}}",
        "{kind: Node, metadata: {name: two}}",
        "{kind: Namespace, metadata: {name: a}}",
        "{kind: Endpoints, metadata: {name: a, namespace: a}}",
        "{kind: Pod, metadata: {}}",
        "{kind: Service, metadata: {name: kubernetes}}",
    ]
)
TEXTS = st.lists(st.one_of(SERVICES, PODS, WORKLOADS, OTHERS), max_size=25)


def scattered(texts: list[str]) -> list[Document]:
    """Three files of documents, by turns."""
    files = {f"{name}.yaml": "\n---\n".join(texts[start::3]) for start, name in enumerate("xyz")}
    return read_folder({file: text for file, text in files.items() if text})


@settings(deadline=None)
@given(TEXTS.map(scattered).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_the_documents_does_not_matter(orders: tuple[list[Document], list[Document]]) -> None:
    one, other = (control(documents, TIGHT) for documents in orders)
    assert one == other


@settings(deadline=None)
@given(st.data())
def test_neither_does_their_distribution_over_files_where_they_do_not_clash(data: st.DataObject) -> None:
    texts = data.draw(
        st.lists(
            st.one_of(SERVICES.filter(lambda text: "10.9" not in text), PODS, WORKLOADS),
            max_size=20,
            unique_by=lambda text: tuple(text.split(", ")[:3]),
        )
    )
    shuffled = data.draw(st.permutations(texts))
    one, other = (control(scattered(order), Settings())[0] for order in (texts, shuffled))
    assert [(each.kind, each.shape) for each in one] == [(each.kind, each.shape) for each in other]


@settings(deadline=None)
@given(TEXTS)
def test_what_was_controlled_once_is_complete(texts: list[str]) -> None:
    # Addresses that clash are left out: who loses one goes without, which looks like asking for one.
    documents = scattered([text for text in texts if "clusterIP: 10" not in text])
    once, _ = control(documents, Settings())
    twice, _ = control(once, Settings())
    assert [(each.kind, each.shape) for each in twice] == [(each.kind, each.shape) for each in once]


@settings(deadline=None)
@given(TEXTS)
def test_no_two_objects_have_one_name(texts: list[str]) -> None:
    found, _ = control(scattered(texts), TIGHT)
    names = [(each.kind, each.namespace, each.name) for each in found if each.name]
    assert len(names) == len(set(names))


@settings(deadline=None)
@given(TEXTS)
def test_no_two_made_pods_or_services_have_one_address(texts: list[str]) -> None:
    found, _ = control(scattered(texts), TIGHT)
    held: list[str] = []
    for each in found:
        match each.shape:
            case schema.Service(spec=schema.ServiceSpec(cluster_ips=[*ips])):
                held += [ip for ip in ips if ip != "None"]
            case schema.Pod(status=schema.PodStatus(pod_ips=[*pod_ips])):
                held += [each.ip for each in pod_ips]
    assert len(held) == len(set(held))


def test_the_origin_of_what_the_control_plane_makes_is_no_file() -> None:
    found, _ = control([], Settings())
    assert {each.origin for each in found} == {Origin("", 0, 0, "the control plane")}
