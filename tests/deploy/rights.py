"""Accounts with exactly the rights that deploy/ gives, in a real API server; and kdns run as one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.deploy.elsewhere import elsewhere
from tests.deploy.written import STATE
from tests.e2e.api import Api, Json
from tests.e2e.cluster import READER, ControlPlane
from tests.e2e.process import wait
from tests.e2e.questions import Served
from tests.processes import serving

KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
SOON = 20.0
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"


class Account(NamedTuple):
    """Who asks the API server: the token, and the name by which rights are given."""

    name: str
    token: str


def account_of(api: Api, objects: list[Json]) -> Account:
    """The service account among the objects, with a token as a Pod of its would get it."""
    (held,) = (each["metadata"] for each in objects if each["kind"] == "ServiceAccount")
    path = f"/api/v1/namespaces/{held['namespace']}/serviceaccounts/{held['name']}/token"
    made = api.call("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    return Account(f"system:serviceaccount:{held['namespace']}:{held['name']}", made["status"]["token"])


def reader_of(objects: list[Json]) -> tuple[Account, list[Json]]:
    """A user who is no service account, and the objects with the Role bound to that user instead."""
    user = {"apiGroup": _RBAC, "kind": "User", "name": "reader"}
    bound = [{**each, "subjects": [user]} if each["kind"].endswith("Binding") else each for each in objects]
    return Account("reader", READER), bound


def without(objects: list[Json], *resources: str) -> list[Json]:
    """The objects, with these resources taken out of every Role."""
    found = []
    for each in objects:
        if each["kind"] in {"Role", "ClusterRole"}:
            rules = [
                {**rule, "resources": [name for name in rule["resources"] if name not in resources]}
                for rule in each["rules"]
            ]
            each = {**each, "rules": [rule for rule in rules if rule["resources"]]}
        found.append(each)
    return found


def may(api: Api, account: Account, resource: str, verb: str = "list", namespace: str = "") -> bool:
    """Whether the API server lets an account do something."""
    group = "discovery.k8s.io" if resource == "endpointslices" else ""
    asked = {"group": group, "resource": resource, "verb": verb, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": account.name, "resourceAttributes": asked},
    }
    return bool(api.call("POST", f"{_AUTHORIZATION}/subjectaccessreviews", review)["status"]["allowed"])


def all_rights(plane: ControlPlane, account: Account, namespace: str) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that an account may do in a namespace, besides asking about itself."""
    own = Api(plane.port, account.token, str(plane.folder / "ca.crt"))
    try:
        review: Json = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
        review["spec"] = {"namespace": namespace}
        given = own.call("POST", f"{_AUTHORIZATION}/selfsubjectrulesreviews", review)["status"]["resourceRules"]
    finally:
        own.close()
    return {
        (group, resource, verb)
        for rule in given
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if not resource.startswith("selfsubject")
    }


def settled(api: Api, account: Account, expected: dict[str, bool], namespace: str = "") -> None:
    """Wait until the API server has heard of rights that were given or taken."""
    wait(
        lambda: all(may(api, account, name, namespace=namespace) == right for name, right in expected.items()),
        SOON,
        f"the rights of {account.name} are {expected}",
    )


def here(corefile: str, kubeconfig: Path, folder: Path, outside: str) -> str:
    """A Corefile of deploy/ for this machine: other addresses, ways to the API server and outside, another folder."""
    text = re.sub(r"^( *forward \.) \S+", rf"\1 {outside}", corefile.replace(STATE, str(folder)), flags=re.MULTILINE)
    text = re.sub(r"^(\S+):53 \{$", r"\1:0 {\n    bind 127.0.0.1", text, flags=re.MULTILINE)
    text = re.sub(r"^    bind (?!127\.0\.0\.1$).*\n", "", text, flags=re.MULTILINE)
    if text.count("    bind 127.0.0.1\n") > 1:
        text = text.replace("    bind 127.0.0.1\n", "", 1)
    text = re.sub(r"^    (health|ready|prometheus)( [\w.]*:\d+)?", r"    \1 127.0.0.1:0", text, flags=re.MULTILINE)
    added = f"kubeconfig {kubeconfig}\n        startup_timeout 2s"
    return re.sub(r"^(    kubernetes .*\{)$", rf"\1\n        {added}", text, flags=re.MULTILINE)


@contextmanager
def kdns_as(plane: ControlPlane, account: Account, corefile: str, folder: Path) -> Iterator[Served]:
    """A kdns that has the token of an account and nothing else, when it answers."""
    kubeconfig = plane.kubeconfig("account", token=account.token)
    file = folder / "Corefile"
    with elsewhere() as outside:
        file.write_text(here(corefile, kubeconfig, folder, outside))
        with serving("-conf", str(file), cwd=folder) as server:
            yield Served(server)
