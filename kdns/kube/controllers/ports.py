"""At which ports a Pod serves a Service (kubernetes: staging/src/k8s.io/endpointslice/utils.go, FindPort)."""

from __future__ import annotations

from typing import NamedTuple

from kdns.kube import schema


class Port(NamedTuple):
    """A port of an endpoint, by the name of the Service's port (which may be empty)."""

    name: str
    port: int
    protocol: str


Ports = tuple[Port, ...]


def ports_of(spec: schema.ServiceSpec, pod: schema.Pod) -> Ports:
    """The Service's ports as this Pod has them; those that it does not name are left out."""
    named = _named_ports(pod)
    found: list[Port] = []
    for port in spec.ports or ():
        protocol = port.protocol or "TCP"
        # The API server sets a target that is absent, empty or 0 to the port itself.
        target = port.target_port or port.port
        number = named.get((target, protocol)) if isinstance(target, str) else target
        if number is not None:
            found.append(Port(port.name or "", number, protocol))
    return tuple(found)


def _named_ports(pod: schema.Pod) -> dict[tuple[str, str], int]:
    """Numbers by name and protocol; of equal ones the first, and sidecars (restartPolicy Always) last."""
    spec = pod.spec or schema.PodSpec()
    sidecars = [each for each in spec.init_containers or () if each.restart_policy == "Always"]
    found: dict[tuple[str, str], int] = {}
    for container in [*(spec.containers or ()), *sidecars]:
        for port in container.ports or ():
            if port.name:
                found.setdefault((port.name, port.protocol or "TCP"), port.container_port)
    return found
