"""Names at their limits: letters (RFC 4343), any octet (RFC 2181 §11), 63 and 255 octets (RFC 1035 §2.3.4)."""

from __future__ import annotations

from pathlib import Path

import dns.message
import dns.name
import dns.rdatatype
import pytest

from tests.asking import Asked, ede, lines, rcode, serving
from tests.spec.table import Case, Serve, Setting, alternating, hold, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
NO_FORM = "no name of the Kubernetes DNS schema has this form"

OCTETS = rows(
    PLAIN,
    nxdomain(r"web\.shop.svc.cluster.local. A", r"namespace web.shop does not exist"),
    nxdomain(r"web.shop\.svc.cluster.local. A", NO_FORM),
    nxdomain(r"w\000b.shop.svc.cluster.local. A", "namespace shop has no Service w\0b"),
    nxdomain(r"w\233b.shop.svc.cluster.local. A", "namespace shop has no Service w\xe9b"),
    nxdomain(r"web\032.shop.svc.cluster.local. A", "namespace shop has no Service web "),
    nxdomain("xn--caf-dma.shop.svc.cluster.local. A", "namespace shop has no Service xn--caf-dma"),
)

# Three labels of 64 octets with their lengths, one of 48, and the zone's 15.
LONG = f"{'a' * 63}.{'b' * 63}.{'c' * 63}"
LONGEST = f"{LONG}.{'d' * 47}.cluster.local."


def wire(name: str) -> bytes:
    return dns.name.from_text(name).to_wire() or b""


@pytest.mark.parametrize(("where", "each"), OCTETS)
async def test_a_label_may_hold_any_octet(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


async def test_a_name_of_255_octets_is_denied_as_any_other(serve: Serve) -> None:
    assert len(wire(LONGEST)) == 255
    await hold(serve, PLAIN, nxdomain(f"{LONGEST} A", NO_FORM))
    await hold(
        serve, PLAIN, nxdomain(f"{LONG}.{'d' * 43}.svc.cluster.local. SRV", f"namespace {'d' * 43} does not exist")
    )


@pytest.mark.parametrize(
    ("asked_as", "answered"),
    [
        pytest.param("WEB.SHOP.SVC.CLUSTER.LOCAL.", "WEB.SHOP.SVC.CLUSTER.LOCAL. 5 IN A 10.96.0.10", id="capitals"),
        pytest.param("Web.Shop.svc.cluster.LOCAL.", "Web.Shop.svc.cluster.LOCAL. 5 IN A 10.96.0.10", id="mixed"),
        pytest.param(
            "Db-1.dB.shop.svc.cluster.local.", "Db-1.dB.shop.svc.cluster.local. 5 IN A 10.244.1.2", id="endpoint"
        ),
        pytest.param(
            "_HTTP._TCP.web.shop.svc.cluster.local.",
            "_HTTP._TCP.web.shop.svc.cluster.local. 5 IN A 10.96.0.10",
            id="port",
        ),
    ],
)
async def test_letters_do_not_matter_and_come_back_as_they_were(serve: Serve, asked_as: str, answered: str) -> None:
    asked = await serve(PLAIN)
    for _ in range(2):
        assert lines((await asked.ask(asked_as, "A")).answer) == [answered]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param("web.shop.svc.cluster.local.", "web.shop.svc.cluster.local.", id="a Service"),
        pytest.param("_http._tcp.pair.shop.svc.cluster.local.", "WEB-3.pair.shop.svc.cluster.local.", id="a port"),
        pytest.param("web-3.pair.shop.svc.cluster.local.", "WEB-3.pair.shop.svc.cluster.local.", id="an endpoint"),
    ],
)
async def test_a_target_is_in_the_letters_of_its_object_for_every_client(serve: Serve, name: str, target: str) -> None:
    asked = await serve(PLAIN)
    for letters in (name.upper(), name, alternating(name)):
        reply = await asked.ask(letters, "SRV")
        assert {str(record.target) for rrset in reply.answer for record in rrset} == {target}


async def test_a_pods_srv_target_is_the_same_for_every_client(serve: Serve) -> None:
    asked = await serve(setting("pods insecure"))
    for name in ("FD00--A.Shop.pod.cluster.local.", "fd00--a.shop.pod.cluster.local."):
        reply = await asked.ask(name, "SRV")
        (target,) = {str(record.target) for rrset in reply.answer for record in rrset}
        assert target == "fd00--a.shop.pod.cluster.local."


HEADLESS = """\
apiVersion: v1
kind: Service
metadata: {{name: {service}, namespace: {namespace}}}
spec: {{clusterIP: None, ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s, namespace: {namespace}, labels: {{kubernetes.io/service-name: {service}}}}}
addressType: IPv4
ports: [{{name: http, port: 80}}]
endpoints:
- {{addresses: [10.244.0.1], hostname: {hostname}, targetRef: {{kind: Pod, name: {pod}}}}}
- {{addresses: [10.244.0.2], hostname: fine}}
"""


async def ask_all(asked: Asked, service: str) -> tuple[list[str], list[str], list[str]]:
    """A Service's SRV targets, its first endpoint's pointers, and the addresses that those targets have."""
    srv = await asked.ask(service, "SRV")
    targets = sorted(str(record.target) for rrset in srv.answer for record in rrset)
    ptr = await asked.ask("1.0.244.10.in-addr.arpa.", "PTR")
    pointers = sorted(str(record.target) for rrset in ptr.answer for record in rrset)
    answers = [line for target in targets for line in lines((await asked.ask(target, "A")).answer)]
    return targets, pointers, [line.split()[-1] for line in answers]


@pytest.mark.parametrize(
    ("hostname", "pod", "options", "label"),
    [
        pytest.param("h" * 63, "p", "", "h" * 63, id="63 octets"),
        pytest.param("h" * 64, "p", "", "10-244-0-1", id="64 octets"),
        pytest.param("h.h", "p", "", "10-244-0-1", id="a dot"),
        pytest.param('"é"', "p", "", "10-244-0-1", id="not ASCII"),
        pytest.param('""', "p" * 63, "endpoint_pod_names", "p" * 63, id="a Pod of 63 octets"),
        pytest.param('""', "p" * 64, "endpoint_pod_names", "10-244-0-1", id="a Pod of 64 octets"),
        pytest.param('""', "p.p", "endpoint_pod_names", "10-244-0-1", id="a Pod with a dot"),
        pytest.param("h" * 64, "p", "endpoint_pod_names", "p", id="a Pod for a hostname that is too long"),
    ],
)
async def test_an_endpoint_whose_hostname_is_no_label_has_another_name_and_that_one_resolves(
    tmp_path: Path, hostname: str, pod: str, options: str, label: str
) -> None:
    text = HEADLESS.format(service="web", namespace="shop", hostname=hostname, pod=pod)
    (tmp_path / "web.yaml").write_text(text)
    async with serving(Setting((options,) if options else (), manifests="web.yaml").corefile, tmp_path) as asked:
        targets, pointers, answers = await ask_all(asked, "web.shop.svc.cluster.local.")
        assert targets == sorted([f"{label}.web.shop.svc.cluster.local.", "fine.web.shop.svc.cluster.local."])
        assert pointers == [f"{label}.web.shop.svc.cluster.local."]
        assert sorted(answers) == ["10.244.0.1", "10.244.0.2"]


def zone_of(octets: int) -> str:
    """A zone of this many octets on the wire: each label's and its length's, and the root's."""
    labels, left = [], octets - 1
    while left:
        taken = min(32, left if left != 33 else 31)
        labels.append("z" * (taken - 1))
        left -= taken
    return ".".join(labels)


@pytest.mark.parametrize(
    ("hostname", "label"),
    [
        pytest.param("h" * 40, "h" * 40, id="just fits"),
        pytest.param("h" * 41, "10-244-0-1", id="one octet too long: the address"),
    ],
)
async def test_an_endpoint_whose_name_would_be_too_long_is_called_by_its_address(
    tmp_path: Path, hostname: str, label: str
) -> None:
    namespace, name = "n" * 40, "s" * 63
    zone = zone_of(255 - (1 + 40) - (1 + 63) - (1 + 40) - (1 + 3))
    (tmp_path / "web.yaml").write_text(HEADLESS.format(service=name, namespace=namespace, hostname=hostname, pod="p"))
    service = f"{name}.{namespace}.svc.{zone}."
    async with serving(Setting(zones=(zone, "in-addr.arpa"), manifests="web.yaml").corefile, tmp_path) as asked:
        targets, pointers, answers = await ask_all(asked, service)
        assert targets == sorted([f"{label}.{service}", f"fine.{service}"])
        assert pointers == [f"{label}.{service}"]
        assert sorted(answers) == ["10.244.0.1", "10.244.0.2"]


async def test_where_no_name_fits_an_endpoint_has_none_and_its_address_stays(tmp_path: Path) -> None:
    zone = zone_of(123)
    (tmp_path / "web.yaml").write_text(HEADLESS.format(service="s" * 63, namespace="n" * 63, hostname="h", pod="p"))
    service = f"{'s' * 63}.{'n' * 63}.svc.{zone}."
    async with serving(Setting(zones=(zone, "in-addr.arpa"), manifests="web.yaml").corefile, tmp_path) as asked:
        reply = await asked.ask(service, "A")
        assert len(wire(service)) == 255
        assert [line.split()[-1] for line in lines(reply.answer)] == ["10.244.0.1", "10.244.0.2"]
        srv = await asked.ask(service, "SRV")
        assert (rcode(srv), srv.answer) == ("NOERROR", [])
        assert ede(srv) == f"Service {'n' * 63}/{'s' * 63} exists, but has no records of this type"
        ptr = await asked.ask("1.0.244.10.in-addr.arpa.", "PTR")
        assert rcode(ptr) == "NXDOMAIN"
