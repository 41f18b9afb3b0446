"""Objects come, change and go in the API; what is answered follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.answers import NODATA, NXDOMAIN, full, records
from tests.e2e.kit import Cluster, Figures
from tests.e2e.objects import endpoint, endpoint_slice, headless, namespace, service, workload
from tests.e2e.process import wait
from tests.e2e.questions import Served, kdns

SOON = 5.0
"""Seconds; most of it is the controllers' time."""


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A kdns that follows the cluster."""
    with kdns(tmp_path_factory.mktemp("kdns"), f"kubeconfig {cluster.plane.kubeconfig()}", "pods verified") as served:
        yield served


def test_a_service_is_answered_as_it_comes_changes_and_goes(
    cluster: Cluster, served: Served, space: str, figures: Figures
) -> None:
    web, api = full(f"web.{space}"), cluster.api
    assert served.ask(web) == NXDOMAIN
    ip = api.create(service("web", space))["spec"]["clusterIP"]
    figures.seconds("a new Service is answered", served.right({(web, "A"): records(web, "A", ip)}, SOON))
    port = f"_metrics._tcp.{web}"
    api.patch("Service", "web", {"spec": {"ports": [{"name": "metrics", "port": 9090}]}}, space)
    expected = {(port, "SRV"): records(port, "SRV", f"0 100 9090 {web}."), (web, "AAAA"): NODATA}
    figures.seconds("a port is added", served.right(expected, SOON))
    api.delete("Service", "web", space)
    figures.seconds("a Service is gone", served.right({(web, "A"): NXDOMAIN, (port, "SRV"): NXDOMAIN}, SOON))


def test_a_service_that_is_made_again_has_its_new_address(cluster: Cluster, served: Served, space: str) -> None:
    web, api = full(f"web.{space}"), cluster.api
    first = api.create(service("web", space))["spec"]["clusterIP"]
    api.delete("Service", "web", space)
    ip = api.create(service("web", space, clusterIP="10.96.77.77"))["spec"]["clusterIP"]
    assert ip != first
    there, before = (".".join(reversed(each.split("."))) + ".in-addr.arpa" for each in (ip, first))
    expected = {(web, "A"): records(web, "A", ip), (there, "PTR"): records(there, "PTR", f"{web}.")}
    served.right({**expected, (before, "PTR"): NXDOMAIN}, SOON)


def test_a_service_that_becomes_a_name_of_elsewhere_and_headless_again(
    cluster: Cluster, served: Served, space: str
) -> None:
    name, api = full(f"shifty.{space}"), cluster.api
    api.create(headless("shifty", space), endpoint_slice("shifty", space, [endpoint("10.244.1.1", "one")]))
    served.right({(name, "A"): records(name, "A", "10.244.1.1")}, SOON)
    api.delete("Service", "shifty", space)
    api.create(service("shifty", space, type="ExternalName", externalName="elsewhere.example.com", ports=None))
    served.right({(name, "A"): records(name, "CNAME", "elsewhere.example.com.")}, SOON)


def test_endpoints_made_by_hand_come_change_and_go(cluster: Cluster, served: Served, space: str) -> None:
    db, api = full(f"db.{space}"), cluster.api
    api.create(headless("db", space), endpoint_slice("db", space, [endpoint("10.244.1.1", "one")], "db-a"))
    api.create(endpoint_slice("db", space, [endpoint("10.244.1.2", "two")], "db-b"))
    port = f"_http._tcp.{db}"
    srv = [f"0 50 8080 {name}.{db}." for name in ("one", "two")]
    both = {(db, "A"): records(db, "A", "10.244.1.1", "10.244.1.2"), (port, "SRV"): records(port, "SRV", *srv)}
    served.right({**both, (f"two.{db}", "A"): records(f"two.{db}", "A", "10.244.1.2")}, SOON)
    api.replace(endpoint_slice("db", space, [endpoint("10.244.1.2", "two", ready=False)], "db-b"))
    served.right({(db, "A"): records(db, "A", "10.244.1.1"), (f"two.{db}", "A"): NXDOMAIN}, SOON)
    api.delete("EndpointSlice", "db-a", space, "discovery.k8s.io/v1")
    served.right({(db, "A"): NXDOMAIN, (f"one.{db}", "A"): NXDOMAIN}, SOON)


def test_a_deployment_is_scaled(cluster: Cluster, served: Served, space: str, figures: Figures) -> None:
    api, name = cluster.api, full(f"web.{space}")
    api.create(headless("web", space, selector={"app": "web"}), workload("Deployment", "web", space, 2))
    until_running(cluster, served, space, name, 2)
    for replicas in (5, 1, 0):
        api.patch("Deployment", "web", {"spec": {"replicas": replicas}}, space, "apps/v1", part="scale")
        took = until_running(cluster, served, space, name, replicas)
        figures.seconds(f"a Deployment is scaled to {replicas}, by controllers and kubelet", took)


def test_a_pod_is_replaced(cluster: Cluster, served: Served, space: str, figures: Figures) -> None:
    api, name = cluster.api, full(f"db.{space}")
    api.create(headless("db", space, selector={"app": "db"}))
    api.create(workload("StatefulSet", "db", space, 2, serviceName="db"))
    until_running(cluster, served, space, name, 2)
    (before,) = served.addresses(f"db-0.{name}")
    assert served.ask(f"{before.replace('.', '-')}.{space}.pod.cluster.local").rcode == "NOERROR"
    api.delete("Pod", "db-0", space)
    took = wait_for(lambda: served.addresses(f"db-0.{name}") not in ([], [before]))
    figures.seconds("a StatefulSet's Pod is replaced, by controllers and kubelet", took)
    until_running(cluster, served, space, name, 2)
    assert before not in served.addresses(name)
    served.right({(f"{before.replace('.', '-')}.{space}.pod.cluster.local", "A"): NXDOMAIN}, SOON)


def test_a_pod_that_is_not_ready_has_no_name(cluster: Cluster, served: Served, space: str) -> None:
    api, name = cluster.api, full(f"db.{space}")
    api.create(headless("db", space, selector={"app": "db"}))
    api.create(workload("StatefulSet", "db", space, 2, serviceName="db"))
    until_running(cluster, served, space, name, 2)
    cluster.kubelet.tell("db-1", space, ready=False)
    served.right({(f"db-1.{name}", "A"): NXDOMAIN}, SOON)
    assert served.why(f"db-1.{name}") == f"endpoint db-1 of Service {space}/db is not ready"
    cluster.kubelet.tell("db-1", space, ready=True)
    until_running(cluster, served, space, name, 2)


def test_a_namespace_is_gone_with_all_that_was_in_it(
    cluster: Cluster, served: Served, space: str, figures: Figures
) -> None:
    api, name = cluster.api, f"{space}-2"
    api.create(namespace(name), service("web", name), headless("db", name, selector={"app": "db"}))
    api.create(workload("StatefulSet", "db", name, 1, serviceName="db"))
    db, web = full(f"db.{name}"), full(f"web.{name}")
    until_running(cluster, served, name, db, 1)
    served.right({(f"{name}.svc.cluster.local", "A"): NODATA}, SOON)
    assert served.ask(web).records
    api.delete("Namespace", name)
    gone = {(each, "A"): NXDOMAIN for each in (web, db, f"db-0.{db}", f"{name}.svc.cluster.local")}
    figures.seconds("a namespace is gone, by its controller", served.right(gone, 30.0))


def until_running(cluster: Cluster, served: Served, space: str, name: str, replicas: int) -> float:
    """Seconds until a headless name has the addresses of the Pods there are, and as many as there shall be."""

    def is_right() -> bool:
        pods = cluster.api.list("Pod", space)
        ips = sorted(pod["status"].get("podIP", "") for pod in pods if "deletionTimestamp" not in pod["metadata"])
        return len(ips) == replicas and served.addresses(name) == ips

    return wait_for(is_right)


def wait_for(is_right: Callable[[], bool]) -> float:
    """Seconds until it is."""
    began = time.monotonic()
    wait(is_right, SOON, "controllers, kubelet and kdns")
    return time.monotonic() - began
