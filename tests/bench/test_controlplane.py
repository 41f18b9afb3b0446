"""What is created in a real API server, spoken to by a recorder; the server itself is `make e2e`'s."""

from __future__ import annotations

from typing import Any, cast

from bench.cluster import NAMESPACES, Shape
from bench.controlplane import bare, fill
from tests.e2e.api import Api


class Recorder:
    """Takes down what is created."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def create(self, *objects: dict[str, Any]) -> None:
        self.made += objects

    def list(self, kind: str, **asked: str) -> list[dict[str, Any]]:  # noqa: ARG002
        return [each for each in self.made if each["kind"] == kind]


def test_all_of_a_cluster_is_created_without_what_the_server_gives() -> None:
    recorder, said = Recorder(), list[str]()
    fill(cast("Api", recorder), Shape(1001, 2), said.append)
    kinds = [each["kind"] for each in recorder.made]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "Namespace": NAMESPACES,
        "Service": 1001,
        "EndpointSlice": 1001,
    }
    assert all("resourceVersion" not in each["metadata"] and "uid" not in each["metadata"] for each in recorder.made)
    assert said == [
        "1000 of 1001 Services are created",
        "the API server knows 1001 Services",
        "the API server knows 1001 EndpointSlices",
    ]


def test_labels_and_names_stay() -> None:
    made = bare(
        {"kind": "X", "metadata": {"name": "a", "labels": {"b": "c"}, "uid": "1"}, "status": {}, "spec": {"d": 1}}
    )
    assert made == {"kind": "X", "metadata": {"name": "a", "labels": {"b": "c"}}, "spec": {"d": 1}}
