"""kdns with exactly the rights that deploy/ gives: they are enough, none is more than it needs, each is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.admission import Admission
from tests.deploy.elsewhere import ADDRESS, TTL
from tests.deploy.renderers import DEPLOY, OVERLAYS, Renderers
from tests.deploy.rights import KINDS, Account, account_of, all_rights, kdns_as, may, reader_of, settled, without
from tests.deploy.written import RULES, one
from tests.e2e.answers import Answer, Question, full
from tests.e2e.api import Api, Json
from tests.e2e.cluster import ControlPlane
from tests.e2e.objects import endpoint, endpoint_slice, headless, held, namespace, service
from tests.e2e.questions import Served

pytestmark = pytest.mark.e2e

SHOP = "shop"
SOON = 10.0
SOURCES: dict[str, Callable[[Renderers], list[Json]]] = {
    "base": lambda render: render.kustomized(DEPLOY / "base"),
    "node-local": lambda render: render.kustomized(OVERLAYS / "node-local"),
    "chart": lambda render: render.charted(),
}
every_source = pytest.mark.parametrize("source", SOURCES)


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Api:
    """The API server of one who may do everything, with a shop."""
    api = plane.api
    subsets = [{"addresses": [{"ip": "10.244.1.1"}], "ports": [{"name": "http", "port": 8080}]}]
    running = {"phase": "Running", "podIP": "10.244.1.1", "podIPs": [{"ip": "10.244.1.1"}]}
    containers = [{"name": "main", "image": "registry.example/main"}]
    for name in (SHOP, "elsewhere"):
        api.create(
            namespace(name),
            service("web", name, clusterIP="10.96.7.7" if name == SHOP else "10.96.7.8"),
            headless("db", name),
            endpoint_slice("db", name, [endpoint("10.244.1.1")]),
            held("Endpoints", "db", name, subsets=subsets),
            held("Pod", "db-0", name, spec={"containers": containers}),
        )
        api.patch("Pod", "db-0", {"status": running}, name, part="status")
    return api


@pytest.fixture
def given(api: Api) -> Iterator[Callable[[list[Json]], list[Json]]]:
    """Give the rights that are among objects; they are taken away after the test."""
    admission = Admission(api)
    gone: list[Json] = []

    def give(objects: list[Json]) -> list[Json]:
        rights = [each for each in objects if each["kind"] in KINDS]
        gone.extend(rights)
        admission.keep(rights)
        return rights

    yield give
    admission.drop(gone)


def corefile(objects: list[Json]) -> str:
    return str(one(objects, "ConfigMap")["data"]["Corefile"])


def expected(ttl: int) -> dict[Question, Answer]:
    """What a kdns that knows the shop says."""
    web, db, gone = full(f"web.{SHOP}"), full(f"db.{SHOP}"), full(f"gone.{SHOP}")
    return {
        (web, "A"): Answer("NOERROR", (f"{web}. {ttl} IN A 10.96.7.7",)),
        (db, "A"): Answer("NOERROR", (f"{db}. {ttl} IN A 10.244.1.1",)),
        (f"_http._tcp.{db}", "SRV"): Answer("NOERROR", (f"_http._tcp.{db}. {ttl} IN SRV 0 100 8080 10-244-1-1.{db}.",)),
        ("7.7.96.10.in-addr.arpa", "PTR"): Answer("NOERROR", (f"7.7.96.10.in-addr.arpa. {ttl} IN PTR {web}.",)),
        (gone, "A"): Answer("NXDOMAIN"),
    }


def outside(name: str) -> Answer:
    """What is answered by whom the Corefile forwards to."""
    return Answer("NOERROR", (f"{name}. {TTL} IN A {ADDRESS}",))


def assert_knows_nothing(served: Served) -> None:
    assert served.ready() == 503
    assert served.ask(full(f"web.{SHOP}")) == Answer("SERVFAIL")


@every_source
def test_a_pod_s_account_can_run_kdns(
    plane: ControlPlane,
    api: Api,
    render: Renderers,
    given: Callable[[list[Json]], list[Json]],
    source: str,
    tmp_path: Path,
) -> None:
    objects = SOURCES[source](render)
    account = account_of(api, given(objects))
    settled(api, account, {"services": True, "endpointslices": True})
    with kdns_as(plane, account, corefile(objects), tmp_path) as served:
        served.right(expected(30), SOON)
        assert served.ready() == 200
        name = full("web.elsewhere")
        assert served.ask(name) == Answer("NOERROR", (f"{name}. 30 IN A 10.96.7.8",))
        assert served.ask("example.com") == outside("example.com")


@every_source
def test_a_pod_s_account_can_do_nothing_else(
    plane: ControlPlane, api: Api, render: Renderers, given: Callable[[list[Json]], list[Json]], source: str
) -> None:
    account = account_of(api, given(SOURCES[source](render)))
    settled(api, account, {"services": True, "endpointslices": True})
    rights = {(group, resource, verb) for (group, resource), verbs in RULES.items() for verb in verbs}
    assert all_rights(plane, account, "kube-system") == rights
    assert not may(api, account, "pods")
    assert not may(api, account, "secrets")


@pytest.mark.parametrize(
    ("taken", "knows"),
    [
        ((), True),
        (("endpoints",), True),
        (("endpointslices",), True),
        (("endpoints", "endpointslices"), False),
        (("services",), False),
        (("namespaces",), False),
    ],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_each_right_is_needed(
    plane: ControlPlane,
    api: Api,
    render: Renderers,
    given: Callable[[list[Json]], list[Json]],
    taken: tuple[str, ...],
    knows: bool,
    tmp_path: Path,
) -> None:
    """For a user bound to the Role. Of EndpointSlices and Endpoints one is enough, and only both are needed."""
    objects = SOURCES["base"](render)
    account, bound = reader_of([each for each in objects if each["kind"] in KINDS])
    given(without(bound, *taken))
    settled(api, account, {resource: resource not in taken for _, resource in RULES})
    with kdns_as(plane, account, corefile(objects), tmp_path) as served:
        if knows:
            served.right(expected(30), SOON)
            assert served.ready() == 200
        else:
            assert_knows_nothing(served)
            assert any(name in served.page("ready") for name in taken)


@pytest.mark.parametrize("allowed", [True, False], ids=["with its overlay", "without"])
def test_pods_verified_needs_the_overlay_pods(
    plane: ControlPlane,
    api: Api,
    render: Renderers,
    given: Callable[[list[Json]], list[Json]],
    allowed: bool,
    tmp_path: Path,
) -> None:
    objects = SOURCES["base"](render)
    account = account_of(api, given(objects))
    if allowed:
        given(render.kustomized(OVERLAYS / "pods"))
    settled(api, account, {"services": True, "pods": allowed})
    text = corefile(objects).replace("pods insecure", "pods verified")
    with kdns_as(plane, account, text, tmp_path) as served:
        if allowed:
            name = f"10-244-1-1.{SHOP}.pod.cluster.local"
            served.right({(name, "A"): Answer("NOERROR", (f"{name}. 30 IN A 10.244.1.1",))}, SOON)
            assert served.ask(f"10-244-9-9.{SHOP}.pod.cluster.local") == Answer("NXDOMAIN")
        else:
            assert_knows_nothing(served)


def in_shop(objects: list[Json]) -> list[Json]:
    """A sidecar's objects in the namespace of the shop."""
    moved = []
    for each in objects:
        made = {**each, "metadata": {**each["metadata"], "namespace": SHOP}}
        if "subjects" in made:
            made["subjects"] = [{**subject, "namespace": SHOP} for subject in made["subjects"]]
        moved.append(made)
    return moved


@pytest.mark.parametrize(
    ("taken", "knows"),
    [((), True), (("services",), False), (("endpoints", "endpointslices"), False)],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_a_role_in_one_namespace_is_enough_for_a_sidecar(
    plane: ControlPlane,
    api: Api,
    render: Renderers,
    given: Callable[[list[Json]], list[Json]],
    taken: tuple[str, ...],
    knows: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POD_NAMESPACE", SHOP)
    objects = in_shop(render.kustomized(OVERLAYS / "sidecar"))
    account: Account = account_of(api, given(without(objects, *taken)))
    settled(api, account, {name: name not in taken for name in ("services", "endpointslices")}, SHOP)
    assert not may(api, account, "services")
    assert not may(api, account, "namespaces")
    with kdns_as(plane, account, corefile(objects), tmp_path) as served:
        if not knows:
            assert_knows_nothing(served)
            return
        wanted = expected(5)
        del wanted[full(f"gone.{SHOP}"), "A"]
        served.right(wanted, SOON)
        assert served.ready() == 200
        for name in (full("web.elsewhere"), full(f"gone.{SHOP}"), "example.com"):
            assert served.ask(name) == outside(name), "the cluster's DNS knows it"
