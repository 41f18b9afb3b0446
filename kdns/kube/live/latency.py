"""DNS programming latency: from the change of a Pod or Service to the answers that show it.

The service-level indicator of Kubernetes' scalability group, measured from the annotation that the endpoint
slice controller leaves (CoreDNS: plugin/kubernetes/object/metrics.go).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kdns.kube.index import Index, service_key
from kdns.kube.live.resources import Item
from kdns.kube.objects import Endpoints, Slice
from kdns.metrics import Metrics

_CLUSTER_IP = "cluster_ip"
_HEADLESS = "headless_with_selector"


class Latency:
    """Observes objects as they are applied. `wall` is Unix time in seconds."""

    def __init__(self, index: Index, metrics: Metrics, wall: Callable[[], float]) -> None:
        self._index = index
        self._observe = {kind: metrics.programming.labels(kind).observe for kind in (_CLUSTER_IP, _HEADLESS)}
        self._wall = wall

    def applied(self, item: Item) -> None:
        """An object is in the index now. One without the annotation, or of an unknown Service, says nothing."""
        if not item.triggered:
            return
        match item.object:
            case Slice(namespace, _, service) | Endpoints(namespace, service):
                backed = self._index.services.get(service_key(namespace, service))
            case _:
                return
        if backed is None or backed.service is None:
            return
        try:
            triggered = datetime.fromisoformat(item.triggered).timestamp()
        except ValueError:
            return
        self._observe[_HEADLESS if backed.service.headless else _CLUSTER_IP](max(0.0, self._wall() - triggered))
