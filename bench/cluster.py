"""The cluster that is measured: its objects as the API shows them, and what each is called in the DNS.

Service N is `svc-N` in namespace `ns-(N % 20)`, with one port, a slice and its endpoints; every fifth is headless.
`wide-100` and `wide-1000` in `ns-0` are headless with so many addresses each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ZONE = "cluster.local"
NAMESPACES = 20
WIDE = (100, 1000)
"""Addresses of the headless Services that are there besides."""
_IN_A_SLICE = 100
_WIDE_FROM = 0xF00000


class Shape(NamedTuple):
    """How much cluster: Services, and endpoints of each."""

    services: int
    each: int

    @property
    def endpoints(self) -> int:
        """Of all, those of the wide Services left out."""
        return self.services * self.each

    def exposed(self) -> Iterator[int]:
        """Numbers of the Services with a cluster IP."""
        return (number for number in range(self.services) if number % 5)

    def headless(self) -> Iterator[int]:
        """Numbers of those without."""
        return iter(range(0, self.services, 5))


def space(number: int) -> str:
    """The namespace of a Service."""
    return f"ns-{number % NAMESPACES}"


def owner(number: int) -> str:
    """What a Service is called, without a dot at the end."""
    return f"svc-{number}.{space(number)}.svc.{ZONE}"


def wide_owner(width: int) -> str:
    """What a wide Service is called."""
    return f"wide-{width}.ns-0.svc.{ZONE}"


def cluster_ip(number: int) -> str:
    """The address of a Service that has one; the first addresses are the control plane's."""
    at = number + 256
    return f"10.{96 + (at >> 16)}.{at >> 8 & 255}.{at & 255}"


def addresses(number: int, each: int, shift: int = 0) -> list[str]:
    """Those of a Service's endpoints; `shift` moves them."""
    first = number * each + shift * 7919
    return [_address(first + place) for place in range(each)]


def wide_addresses(width: int) -> list[str]:
    """Those of a wide Service."""
    return [_address(_WIDE_FROM + (width << 4) + place) for place in range(width)]


def service(number: int, version: int) -> dict[str, object]:
    """A Service with a cluster IP, or a headless one."""
    address = cluster_ip(number) if number % 5 else "None"
    return _service(f"svc-{number}", space(number), address, number, version)


def endpoint_slice(number: int, version: int, each: int, shift: int = 0) -> dict[str, object]:
    """The slice of a Service with its endpoints; `shift` moves the addresses."""
    return _slice(f"svc-{number}", space(number), addresses(number, each, shift), number, version)


def namespace(number: int, version: int) -> dict[str, object]:
    """A Namespace."""
    name = f"ns-{number}"
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": name, "uid": name, "resourceVersion": str(version)},
    }


def wide_services(version: int) -> Iterator[dict[str, object]]:
    """The wide Services."""
    for width in WIDE:
        yield _service(f"wide-{width}", "ns-0", "None", 10**6 + width, version)


def wide_slices(version: int) -> Iterator[dict[str, object]]:
    """Their slices, with a hundred endpoints each, as the control plane cuts them."""
    for width in WIDE:
        found = wide_addresses(width)
        for at in range(0, width, _IN_A_SLICE):
            number = 10**6 + width * 100 + at
            yield _slice(f"wide-{width}", "ns-0", found[at : at + _IN_A_SLICE], number, version)


def _address(at: int) -> str:
    return f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}"


def _service(name: str, space: str, address: str, number: int, version: int) -> dict[str, object]:
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": _metadata(name, space, number, version, labels={"app": name}),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
            "selector": {"app": name},
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    }


def _slice(service: str, space: str, addresses: list[str], number: int, version: int) -> dict[str, object]:
    endpoints = [
        {
            "addresses": [address],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {
                "kind": "Pod",
                "namespace": space,
                "name": f"{service}-{place}",
                "uid": f"{number:016x}{place:016x}",
            },
            "nodeName": f"node-{(number + place) % 500}",
            "zone": f"zone-{place % 3}",
        }
        for place, address in enumerate(addresses)
    ]
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": _metadata(
            f"slice-{number}", space, number, version, labels={"kubernetes.io/service-name": service}
        ),
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def _metadata(name: str, space: str, number: int, version: int, **more: object) -> dict[str, object]:
    """Metadata as a cluster's objects have it, managed fields included: most bytes of a list are such."""
    return {
        "name": name,
        "namespace": space,
        "uid": f"{name[:4]:x<8}-0000-4000-8000-{number:012d}",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        **more,
        "managedFields": [
            {
                "manager": "kube-controller-manager",
                "operation": "Update",
                "apiVersion": "v1",
                "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:ports": {}}},
            }
        ],
    }
