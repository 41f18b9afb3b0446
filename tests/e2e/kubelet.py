"""What a scheduler and the kubelets would do, without containers: Pods are placed, run, and go."""

from __future__ import annotations

import http.client
import itertools
import threading
from contextlib import suppress

from tests.e2e.api import Api, Json, RefusedError, path
from tests.e2e.objects import held

NODES = ("node-1", "node-2", "node-3")
_RUNS = [{"type": "Ready", "status": "True"}]


class Kubelet:
    """Follows the Pods of all nodes. `given` are statuses of Pods that have one of their own, by namespace and name."""

    def __init__(self, api: Api) -> None:
        self.given: dict[tuple[str, str], Json] = {}
        self._api = api
        self._numbers = itertools.count(1)
        self._nodes = itertools.cycle(NODES)

    def start(self) -> None:
        """Create the nodes, then follow until the API server ends."""
        for name in NODES:
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            self._api.create(node)
        threading.Thread(target=self._follow, daemon=True, name="kubelet").start()

    def tell(self, name: str, namespace: str, *, ready: bool) -> None:
        """Say of a Pod that runs whether it is ready."""
        conditions = [{"type": "Ready", "status": str(ready)}]
        self._api.patch("Pod", name, {"status": {"conditions": conditions}}, namespace, part="status")

    def _follow(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):
            while True:
                for event in self._api.watch("/api/v1/pods"):
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        self._look_at(event["object"])

    def _look_at(self, pod: Json) -> None:
        metadata = pod["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        with suppress(RefusedError):  # it is gone, or another look was faster
            if "deletionTimestamp" in metadata:
                self._api.delete("Pod", name, namespace, gracePeriodSeconds="0")
            elif not pod["spec"].get("nodeName"):
                self._bind(name, namespace)
            elif pod["status"]["phase"] == "Pending":
                status = self.given.get((namespace, name)) or self._running()
                self._api.patch("Pod", name, {"status": status}, namespace, part="status")

    def _bind(self, name: str, namespace: str) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": next(self._nodes)}
        where = path("v1", "Pod", namespace, name) + "/binding"
        self._api.call("POST", where, held("Binding", name, namespace, target=target))

    def _running(self) -> Json:
        """The status of a Pod that runs, with addresses that no other has had."""
        high, low = divmod(next(self._numbers), 256)
        ips = [f"10.244.{128 + high}.{low}", f"fd00:10:244::{128 + high:x}:{low:x}"]
        return status(*ips)


def status(*ips: str) -> Json:
    """The status of a Pod that runs."""
    return {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips], "conditions": _RUNS}
