"""Objects of the API, in few words."""

from __future__ import annotations

from collections.abc import Iterable

from tests.e2e.api import Json


def held(kind: str, name: str, namespace: str = "default", version: str = "v1", **more: object) -> Json:
    """Any object."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}


def namespace(name: str) -> Json:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def service(name: str, namespace: str, **spec: object) -> Json:
    """A Service with one port, `http`."""
    ports = [{"name": "http", "port": 80}]
    return held("Service", name, namespace, spec={"ports": ports, **spec})


def headless(name: str, namespace: str, **spec: object) -> Json:
    """A Service without address."""
    return service(name, namespace, **{"clusterIP": "None", **spec})


def endpoint(address: str, hostname: str = "", *, ready: bool = True) -> Json:
    """An endpoint of a slice."""
    named = {"hostname": hostname} if hostname else {}
    return {"addresses": [address], "conditions": {"ready": ready}, **named}


def endpoint_slice(service: str, namespace: str, endpoints: Iterable[Json], name: str = "") -> Json:
    """An IPv4 slice of a Service with one port, `http`."""
    made = held(
        "EndpointSlice",
        name or f"{service}-1",
        namespace,
        "discovery.k8s.io/v1",
        addressType="IPv4",
        endpoints=list(endpoints),
        ports=[{"name": "http", "port": 8080, "protocol": "TCP"}],
    )
    made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    return made


def workload(kind: str, name: str, namespace: str, replicas: int, **spec: object) -> Json:
    """A Deployment or a StatefulSet whose Pods have the label app=NAME."""
    labels = {"app": name}
    containers = [{"name": "main", "image": "registry.example/main"}]
    pods = {"metadata": {"labels": labels}, "spec": {"containers": containers, "terminationGracePeriodSeconds": 1}}
    whole = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pods, **spec}
    return held(kind, name, namespace, "apps/v1", spec=whole)
