from __future__ import annotations

import pytest

from kdns.kube import schema
from kdns.kube.controllers.ports import ports_of
from tests.kube.controllers.folder import read


def containers(ports: str, kind: str = "containers", more: str = "") -> str:
    return f"{kind}: [{{ports: [{ports}], {more}}}]"


@pytest.mark.parametrize(
    ("port", "spec", "number"),
    [
        pytest.param("port: 80", "", 80, id="no target: the port itself"),
        pytest.param("port: 80, targetPort: 0", "", 80, id="target 0: the port itself"),
        pytest.param("port: 80, targetPort: ''", "", 80, id="empty target: the port itself"),
        pytest.param("port: 80, targetPort: 8080", "", 8080, id="a number, though no container has it"),
        pytest.param("port: 80, targetPort: http", containers("{name: http, containerPort: 81}"), 81, id="a name"),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: web, containerPort: 81}"),
            None,
            id="no such name",
        ),
        pytest.param(
            "port: 80, targetPort: '8080'", containers("{containerPort: 8080}"), None, id="a number as a name"
        ),
        pytest.param(
            "port: 80, targetPort: dns, protocol: UDP",
            containers("{name: dns, containerPort: 53, protocol: TCP}, {name: dns, containerPort: 54, protocol: UDP}"),
            54,
            id="the protocol's",
        ),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: http, containerPort: 81, protocol: UDP}"),
            None,
            id="another protocol's",
        ),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: http, containerPort: 81}, {name: http, containerPort: 82}"),
            81,
            id="the first of two",
        ),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: http, containerPort: 81}", "initContainers", "restartPolicy: Always"),
            81,
            id="a sidecar's",
        ),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: http, containerPort: 81}", "initContainers"),
            None,
            id="not an init container's",
        ),
        pytest.param(
            "port: 80, targetPort: http",
            containers("{name: http, containerPort: 82}", "initContainers", "restartPolicy: Always")
            + ", "
            + containers("{name: http, containerPort: 81}"),
            81,
            id="a container's before a sidecar's",
        ),
    ],
)
def test_a_target_port_is_found_in_the_pod(port: str, spec: str, number: int | None) -> None:
    found = ports_of(*read_both(f"ports: [{{{port}}}]", spec))
    assert [each.port for each in found] == ([number] if number else [])


def read_both(service: str, pod: str) -> tuple[schema.ServiceSpec, schema.Pod]:
    """A Service's spec and a Pod."""
    one, other = read(
        f"{{kind: Service, metadata: {{name: s}}, spec: {{{service}}}}}\n---\n"
        f"{{kind: Pod, metadata: {{name: p}}, spec: {{{pod}}}}}"
    )
    assert isinstance(one.shape, schema.Service)
    assert one.shape.spec is not None
    assert isinstance(other.shape, schema.Pod)
    return one.shape.spec, other.shape


def test_a_port_keeps_its_name_and_protocol_and_the_services_order() -> None:
    ports = "ports: [{name: z, port: 53, protocol: UDP}, {port: 80, targetPort: nowhere}, {name: a, port: 81}]"
    assert ports_of(*read_both(ports, "")) == (("z", 53, "UDP"), ("a", 81, "TCP"))


def test_a_service_without_ports_has_none() -> None:
    assert ports_of(*read_both("", "")) == ()
