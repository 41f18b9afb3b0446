"""Objects put before a real API server, to be taken or refused without being kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from tests.e2e.api import Api, Json, RefusedError
from tests.e2e.process import wait

_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_STRICT = {"fieldManager": "kdns-tests", "fieldValidation": "Strict", "force": "true"}
RESTRICTED = "restricted"
"""A namespace that takes only Pods of the Pod Security Standard of this name."""


class Admission:
    """An API server's judgement."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}

    def judge(self, objects: Iterable[Json]) -> None:
        """Server-side dry run of each; unknown fields are errors. Raises RefusedError."""
        for each in objects:
            self._apply(each, dryRun="All")

    def keep(self, objects: Iterable[Json]) -> None:
        """Apply each for good. Raises RefusedError."""
        for each in objects:
            self._apply(each)

    def drop(self, objects: Iterable[Json]) -> None:
        """Delete each that is there."""
        for each in objects:
            try:
                self._api.call("DELETE", self._path(each))
            except RefusedError as error:
                if error.status != 404:
                    raise

    def judge_pod(self, template: Json, namespace: str) -> None:
        """Server-side dry run of a Pod of a workload's, with all that admits Pods. Raises RefusedError."""
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "judged"}}
        path = f"/api/v1/namespaces/{namespace}/pods"
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        self._api.call("POST", path, {**pod, "spec": template["spec"]}, query=query)

    def define(self, definitions: Iterable[Json]) -> None:
        """Create custom resource definitions; return when objects of them are taken."""
        for each in definitions:
            self._api.replace(each)
            group, version = each["spec"]["group"], each["spec"]["versions"][0]["name"]
            kind = each["spec"]["names"]["kind"]
            wait(partial(self._serves, f"{group}/{version}", kind), 20.0, f"{kind} is served")

    def _serves(self, version: str, kind: str) -> bool:
        return kind in self._served(version)

    def _apply(self, held: Json, **query: str) -> None:
        self._api.call("PATCH", self._path(held), held, query={**_STRICT, **query}, headers=_APPLY)

    def _path(self, held: Json) -> str:
        version, metadata = held["apiVersion"], held["metadata"]
        kinds = self._kinds.get(version) or self._kinds.setdefault(version, self._served(version))
        plural, namespaced = kinds[held["kind"]]
        where = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{_root(version)}{where}/{plural}/{metadata['name'].replace(':', '%3A')}"

    def _served(self, version: str) -> dict[str, tuple[str, bool]]:
        """Plural and whether it lies in namespaces, by kind."""
        try:
            resources = self._api.call("GET", _root(version))["resources"]
        except RefusedError as error:
            if error.status != 404:
                raise
            return {}
        return {each["kind"]: (each["name"], each["namespaced"]) for each in resources if "/" not in each["name"]}


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
