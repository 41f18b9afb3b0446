from __future__ import annotations

from itertools import permutations

import pytest

from kdns.kube import schema
from kdns.kube.controllers import Settings, control
from kdns.kube.controllers.duplicates import last_of_each
from tests.kube.controllers.folder import OFF, controlled_folder, read, read_folder

WEB = "{{kind: Service, metadata: {{name: web, namespace: shop}}, spec: {{clusterIP: {ip}}}}}"


def web(ip: str) -> str:
    return WEB.format(ip=ip)


@pytest.mark.parametrize(
    ("files", "winner"),
    [
        pytest.param({"a.yaml": web("10.0.0.1"), "b.yaml": web("10.0.0.2")}, "10.0.0.2", id="by file"),
        pytest.param({"a.yaml": web("10.0.0.1") + "\n---\n" + web("10.0.0.2")}, "10.0.0.2", id="by document in a file"),
        pytest.param(
            {"b/a.yaml": web("10.0.0.1"), "b.yaml": web("10.0.0.2"), "a/z.yaml": web("10.0.0.3")},
            "10.0.0.2",
            id="folders as a walk meets them",
        ),
        pytest.param(
            {
                "a.yaml": "\n---\n".join(
                    ["{kind: Namespace, metadata: {name: x}}"] * 9 + [web("10.0.0.9")] + [web("10.0.0.10")]
                )
            },
            "10.0.0.10",
            id="documents by number, not by text",
        ),
    ],
)
@pytest.mark.parametrize("settings", [Settings(), OFF], ids=["on", "off"])
def test_the_last_document_of_an_object_counts(files: dict[str, str], winner: str, settings: Settings) -> None:
    documents = read_folder(files)
    for turned in (documents, documents[::-1]):
        found, _ = control(turned, settings)
        (kept,) = [
            each.shape
            for each in found
            if isinstance(each.shape, schema.Service) and each.name == "web" and each.shape.spec
        ]
        assert kept.spec is not None
        assert kept.spec.cluster_ip == winner


def test_a_problem_names_both_places() -> None:
    world = controlled_folder({"a.yaml": "\n\n" + web("10.0.0.1"), "b.yaml": web("10.0.0.2")}, OFF)
    (problem,) = world.problems
    assert str(problem.origin) == "a.yaml, document 1 (line 3)"
    assert problem.text == "Service shop/web is given again in b.yaml:1:1; that one counts, being the last"


def test_each_former_document_is_a_problem_that_names_the_last() -> None:
    world = controlled_folder({name: web("10.0.0.1") for name in ("a.yaml", "b.yaml", "c.yaml")}, OFF)
    assert [problem.origin.file for problem in world.problems] == ["a.yaml", "b.yaml"]
    assert all("c.yaml:1:1" in text for text in world.texts)


def test_the_same_document_read_twice_is_one() -> None:
    twice = [*read(web("10.0.0.1")), *read(web("10.0.0.1"))]
    assert last_of_each(twice) == (read(web("10.0.0.1")), [])


def test_kinds_and_namespaces_tell_objects_apart() -> None:
    texts = [
        "{kind: Service, metadata: {name: web}}",
        "{kind: Service, metadata: {name: web, namespace: shop}}",
        "{kind: Endpoints, metadata: {name: web}}",
    ]
    documents = read("\n---\n".join(texts))
    assert last_of_each(documents) == (documents, [])


def test_a_namespace_and_a_node_are_in_no_namespace() -> None:
    texts = ["{kind: Node, metadata: {name: one}}", "{kind: Node, metadata: {name: one, namespace: shop}}"]
    kept, problems = last_of_each(read("\n---\n".join(texts)))
    assert len(kept) == 1
    assert problems[0].text.startswith("Node one is given again in ")


def test_documents_without_a_name_are_left_alone() -> None:
    documents = read("\n---\n".join(["{kind: Pod, metadata: {}}"] * 3))
    assert last_of_each(documents) == (documents, [])


def test_objects_of_one_list_on_one_line_are_told_by_their_contents() -> None:
    documents = [
        each._replace(origin=each.origin._replace(document=1, line=1))
        for each in read("\n---\n".join([web("10.0.0.1"), web("10.0.0.3"), web("10.0.0.2")]))
    ]
    outcomes = {repr(last_of_each(turned)[0]) for turned in permutations(documents)}
    assert len(outcomes) == 1
