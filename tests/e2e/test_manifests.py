"""Manifests in a cluster: what kdns's controllers make of the files, the real ones make of the objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.api import Json
from tests.e2e.kit import Cluster, Figures
from tests.e2e.manifests import apply, documents
from tests.e2e.observed import known, observed
from tests.e2e.process import wait
from tests.e2e.questions import Served, kdns
from tests.processes import ROOT

SEED = ROOT.parent / "shared" / "seed-manifests"
FOLDERS = {"examples": ROOT / "examples", "seed manifests": SEED}
SETTLED = 20.0
"""Seconds within which controllers and kubelet have made what they make of the manifests."""
SLICES = ("EndpointSlice", "", "discovery.k8s.io/v1")


class Sides(NamedTuple):
    """The same manifests twice: in a cluster that is followed, and as files."""

    live: Served
    files: Served
    objects: list[Json]


@pytest.fixture(scope="module", params=FOLDERS)
def sides(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sides]:
    """Both."""
    folder = FOLDERS[request.param]
    if not folder.is_dir():
        pytest.skip(f"there is no {folder.name} beside this checkout")
    objects = documents([folder])
    apply(cluster, objects)
    here, there = (tmp_path_factory.mktemp(name) for name in ("live", "files"))
    with kdns(here, f"kubeconfig {cluster.plane.kubeconfig()}") as live, kdns(there, f"manifests {folder}") as files:
        yield Sides(live, files, objects)


def test_what_real_controllers_and_ours_make_is_answered_the_same(cluster: Cluster, sides: Sides) -> None:
    """But for the endpoints that the files bring along: kdns takes those as a control plane's own, see below."""
    apart = taken_as_made(sides.objects)

    def differences() -> dict[str, object]:
        there = known([*sides.objects, *cluster.api.list(*SLICES)], apart)
        assert len(there.labels) > 3
        live, files = observed(sides.live, there), observed(sides.files, there)
        return {name: (live[name], files[name]) for name in live if live[name] != files[name]}

    with suppress(AssertionError):
        wait(lambda: not differences(), SETTLED, "the controllers have made what they make")
    assert differences() == {}


def test_a_dump_of_the_cluster_is_answered_as_the_cluster_is(
    cluster: Cluster, sides: Sides, tmp_path: Path, figures: Figures
) -> None:
    """Every name of every Service of these namespaces, with every address; over UDP and TCP."""
    kinds = [("Namespace",), ("Service",), ("Endpoints",), ("Pod",), SLICES]
    objects = [each for kind in kinds for each in cluster.api.list(*kind)]
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    (tmp_path / "files").mkdir()
    with kdns(tmp_path / "files", f"manifests {dump}") as files:
        spaces = {each["metadata"]["namespace"] for each in sides.objects}
        there = known(each for each in objects if each["metadata"].get("namespace") in spaces)
        live = observed(sides.live, there, addresses=True)
        assert observed(files, there, addresses=True) == live
    for name, type in there.questions():
        assert (sides.live.ask(name, type, tcp=True),) == live[f"{name} {type}"]
    figures.tell("names asked of the cluster and of its dump, on their way as far as they lead", str(len(live)))


def taken_as_made(objects: list[Json]) -> set[tuple[str, str]]:
    """The Services whose endpoints a control plane would make, or mirror, beside those that the files have for them.

    kdns takes such files as the dump of a cluster: it makes nothing where endpoints are given. A cluster
    overwrites Endpoints of a Service that has a selector, and adds slices of its own to those that are there.
    """
    given: dict[tuple[str, str], set[str]] = {}
    for each in objects:
        metadata = each["metadata"]
        name = metadata.get("labels", {}).get("kubernetes.io/service-name") if each["kind"] == "EndpointSlice" else None
        if each["kind"] in {"Endpoints", "EndpointSlice"}:
            given.setdefault((metadata["namespace"], name or metadata["name"]), set()).add(each["kind"])
    selecting = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in objects
        if each["kind"] == "Service" and each["spec"].get("selector")
    }
    return {key for key, kinds in given.items() if key in selecting or len(kinds) > 1}
