"""An API server spoken to as plainly as can be: JSON over one connection for each thread."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
"""An object of the API."""
PATIENCE = 20.0

_GROUPS = {
    "v1": "/api/v1",
    **{
        group: f"/apis/{group}"
        for group in ("apps/v1", "discovery.k8s.io/v1", "rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1")
    },
}
_PLURALS = {"Endpoints": "endpoints"}
_OF_CLUSTER = frozenset({"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"})
_KEPT = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
_PATCH = {"Content-Type": "application/strategic-merge-patch+json"}


class RefusedError(Exception):
    """An answer that says no; `status` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    """A client. `authority` is the file of the certificate that signs the server's."""

    def __init__(self, port: int, token: str, authority: str) -> None:
        self._port = port
        self._token = token
        self._authority = authority
        self._own = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []

    def close(self) -> None:
        """End all connections."""
        for connection in self._connections:
            connection.close()

    def get(self, kind: str, name: str, namespace: str = "default", version: str = "v1") -> Json:
        """An object. Raises RefusedError."""
        return self.call("GET", path(version, kind, namespace, name))

    def list(self, kind: str, namespace: str = "", version: str = "v1", **query: str) -> list[Json]:
        """All objects of a kind, in one namespace or in all, each with its kind in it."""
        found = self.call("GET", path(version, kind, namespace), query=query)["items"] or ()
        return [{"apiVersion": version, "kind": kind, **each} for each in found]

    def create(self, *objects: Json) -> Json:
        """Create objects; the last as the server has it now. Raises RefusedError."""
        made: Json = {}
        for each in objects:
            made = self.call("POST", path_of(each, named=False), each)
        return made

    def replace(self, held: Json) -> Json:
        """Put an object in the place of another version of it, or where none is. A Service keeps its address."""
        try:
            return self.create(held)
        except RefusedError as error:
            if error.status != 409:
                raise
        if held["kind"] == "Service":
            old = self.call("GET", path_of(held))["spec"]
            held = {**held, "spec": {**{key: old[key] for key in _KEPT if key in old}, **held["spec"]}}
        return self.call("PUT", path_of(held), held)

    def patch(
        self, kind: str, name: str, change: Json, namespace: str = "default", version: str = "v1", part: str = ""
    ) -> Json:
        """A strategic merge patch, of the object or of a `part` of it (`status`, `scale`)."""
        where = path(version, kind, namespace, name) + (f"/{part}" if part else "")
        return self.call("PATCH", where, change, headers=_PATCH)

    def delete(self, kind: str, name: str, namespace: str = "default", version: str = "v1", **query: str) -> None:
        """Delete an object. Raises RefusedError."""
        self.call("DELETE", path(version, kind, namespace, name), query=query)

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """One exchange. Raises RefusedError; OSError and HTTPException where the server cannot be reached."""
        response = self._send(method, _with(path, query), body, headers or {})
        text = response.read().decode()
        if response.status >= 300:
            raise RefusedError(response.status, text)
        return json.loads(text) if text.startswith("{") else {"text": text}

    def watch(self, path: str) -> Iterator[Json]:
        """Events of everything there is and comes, until the server ends it or the connection breaks."""
        connection = self._connection(timeout=None)
        try:
            connection.request("GET", f"{path}?watch=true", headers=self._headers())
            response = connection.getresponse()
            with response:
                while line := response.readline():
                    yield json.loads(line)
        finally:
            connection.close()

    def _send(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body)
        given = {**self._headers(), "Content-Type": "application/json", **headers}
        fresh = getattr(self._own, "connection", None) is None
        connection = self._own.connection = self._connection() if fresh else self._own.connection
        try:
            connection.request(method, path, data, given)
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._own.connection = None
            if fresh:
                raise
            return self._send(method, path, body, headers)  # the server has ended a connection that was idle

    def _connection(self, timeout: float | None = PATIENCE) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self._authority)
        made = http.client.HTTPSConnection("127.0.0.1", self._port, context=context, timeout=timeout)
        self._connections.append(made)
        return made

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}


def path(version: str, kind: str, namespace: str = "", name: str = "") -> str:
    """Where a kind, or an object of it, is. `namespace` is for the kinds that are in one."""
    where = f"/namespaces/{namespace}" if namespace and kind not in _OF_CLUSTER else ""
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    return f"{_GROUPS[version]}{where}/{plural}" + (f"/{quote(name)}" if name else "")


def path_of(held: Json, *, named: bool = True) -> str:
    """Where an object is, or where such are created."""
    metadata = held["metadata"]
    name = metadata["name"] if named else ""
    return path(held["apiVersion"], held["kind"], metadata.get("namespace", "default"), name)


def _with(path: str, query: Mapping[str, str] | None) -> str:
    return path + ("?" + "&".join(f"{key}={quote(value)}" for key, value in query.items()) if query else "")
