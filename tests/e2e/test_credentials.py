"""Rights and tokens as an API server really gives and takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import NODATA, NXDOMAIN, full, records
from tests.e2e.api import Api, Json, RefusedError
from tests.e2e.cluster import READER, ControlPlane
from tests.e2e.kit import Cluster, Figures, space_name
from tests.e2e.objects import headless, held, service
from tests.e2e.questions import kdns
from tests.e2e.world import World

SOON = 5.0
RBAC = "rbac.authorization.k8s.io/v1"
GROUPS = {"services": "", "endpoints": "", "namespaces": "", "endpointslices": "discovery.k8s.io"}


def rules(resources: Iterable[str]) -> list[Json]:
    """What kdns needs of each: to list and to watch."""
    return [{"apiGroups": [GROUPS[each]], "resources": [each], "verbs": ["list", "watch"]} for each in resources]


def bound(kind: str, name: str, space: str, subject: Json) -> Json:
    """A RoleBinding or a ClusterRoleBinding to the role of its name."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind.removesuffix("Binding"), "name": name}
    return held(kind, name, space, RBAC, roleRef=role, subjects=[subject])


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        pytest.param(["services", "endpointslices"], "namespace .* is taken to exist", id="slices"),
        pytest.param(["services", "endpoints"], "endpointslices .*; following endpoints", id="endpoints"),
    ],
)
def test_a_role_in_one_namespace_is_enough(
    cluster: Cluster, space: str, tmp_path: Path, resources: list[str], told: str
) -> None:
    api, db, web = cluster.api, full(f"db.{space}"), full(f"web.{space}")
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}
    api.create(held("Role", "dns", space, RBAC, rules=rules(resources)), bound("RoleBinding", "dns", space, user))
    api.create(headless("db", space))
    ip = api.create(service("web", space))["spec"]["clusterIP"]
    api.create(held("Endpoints", "db", space, subsets=[{"addresses": [{"ip": "192.0.2.1", "hostname": "one"}]}]))
    config = cluster.plane.kubeconfig("reader", token=READER)
    with kdns(tmp_path, f"kubeconfig {config}", f"namespaces {space}") as served:
        right = {(web, "A"): records(web, "A", ip), (f"one.{db}", "A"): records(f"one.{db}", "A", "192.0.2.1")}
        served.right({**right, (f"{space}.svc.cluster.local", "A"): NODATA}, SOON)
        served.right({("kubernetes.default.svc.cluster.local", "A"): NXDOMAIN}, SOON)
        served.said(told)
        assert served.ready() == 200
        api.delete("Endpoints", "db", space)
        api.delete("Service", "web", space)
        served.right({(web, "A"): NXDOMAIN, (f"one.{db}", "A"): NXDOMAIN}, SOON)


@pytest.fixture
def world(request: pytest.FixtureRequest, plane: ControlPlane) -> Iterator[World]:
    """A namespace of the test's own, of an API server that may be ended."""
    yield World(plane, space_name(request))
    plane.heal()


class Account:
    """A service account that may read what kdns reads."""

    def __init__(self, api: Api, space: str) -> None:
        self._api = api
        self._space = space
        subject = {"kind": "ServiceAccount", "name": "kdns", "namespace": space}
        resources = ("services", "endpointslices", "namespaces")
        role = {**held("ClusterRole", "kdns", version=RBAC, rules=rules(resources))}
        binding = bound("ClusterRoleBinding", "kdns", "", subject)
        for each in (role, binding):
            del each["metadata"]["namespace"]
        api.create(held("ServiceAccount", "kdns", space), role, binding)

    def token(self, number: int) -> str:
        """A token that is good as long as the Secret of this number is there."""
        secret = self._api.create(held("Secret", f"token-{number}", self._space))
        bound = {"apiVersion": "v1", "kind": "Secret", "name": f"token-{number}", "uid": secret["metadata"]["uid"]}
        where = f"/api/v1/namespaces/{self._space}/serviceaccounts/kdns/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": bound}}
        return str(self._api.call("POST", where, wanted)["status"]["token"])


def test_a_token_is_exchanged_and_the_old_one_refused(world: World, tmp_path: Path, figures: Figures) -> None:
    plane = world.plane
    account = Account(plane.api, world.space)
    old, new = account.token(1), account.token(2)
    file = tmp_path / "token"
    file.write_text(old)
    with kdns(tmp_path, f"kubeconfig {plane.kubeconfig('kdns', token_file=file)}") as served:
        with served.steady(world.still(served)):
            plane.api.delete("Secret", "token-1", world.space)
            plane.apiserver.kill()
            (tmp_path / "new").write_text(new)
            (tmp_path / "new").rename(file)
            plane.restart()
            took = world.until_right(served, SOON)
        refused = Api(plane.port, old, str(plane.folder / "ca.crt"))
        with pytest.raises(RefusedError, match="401"):
            refused.list("Service", world.space)
        refused.close()
    figures.seconds("token exchanged, API server restarted, the old token refused: right after its return", took)
