from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube import schema
from kdns.kube.controllers import Settings
from tests.kube.controllers.folder import OFF, controlled, controlled_folder

V4 = ip_network("10.96.0.0/16")
V6 = ip_network("fd00:10:96::/112")
ONE_FAMILY = Settings(service_cidrs=(V4,))
V6_FIRST = Settings(service_cidrs=(V6, V4))
TINY = Settings(service_cidrs=(ip_network("10.9.0.0/30"),))
NO_RANGES = Settings(service_cidrs=())


def service(spec: str = "", name: str = "web") -> str:
    return f"{{kind: Service, metadata: {{name: {name}, namespace: shop}}, spec: {{{spec}}}}}"


def folder(*services: str) -> str:
    return "\n---\n".join(services)


def shape(ip: str) -> str:
    """`4`, `6`, or the address itself where it is none of the ranges'."""
    address = ip_address(ip)
    return next((str(network.version) for network in (V4, V6) if address in network), ip)


@pytest.mark.parametrize(
    ("spec", "settings", "families"),
    [
        pytest.param("", Settings(), "4", id="by default the first range's"),
        pytest.param("", V6_FIRST, "6", id="by default the first range's, IPv6"),
        pytest.param("clusterIP: ''", Settings(), "4", id="an empty address is none"),
        pytest.param("clusterIPs: ['']", Settings(), "4", id="a list of empty ones too"),
        pytest.param("type: NodePort", Settings(), "4", id="NodePort"),
        pytest.param("ipFamilyPolicy: SingleStack", Settings(), "4", id="SingleStack"),
        pytest.param("ipFamilies: [IPv6]", Settings(), "6", id="a family"),
        pytest.param("ipFamilies: [IPv6, IPv4]", Settings(), "64", id="families in their order"),
        pytest.param("ipFamilyPolicy: PreferDualStack", Settings(), "46", id="PreferDualStack"),
        pytest.param("ipFamilyPolicy: RequireDualStack", Settings(), "46", id="RequireDualStack"),
        pytest.param("ipFamilyPolicy: PreferDualStack", V6_FIRST, "64", id="the primary one first"),
        pytest.param("ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6]", Settings(), "64", id="one family and both"),
        pytest.param("ipFamilyPolicy: PreferDualStack", ONE_FAMILY, "4", id="what is only preferred"),
        pytest.param(
            "clusterIP: 10.96.7.7, clusterIPs: [10.96.7.7], ipFamilyPolicy: RequireDualStack",
            Settings(),
            "46",
            id="a list that lacks one, required",
        ),
        pytest.param(
            "clusterIPs: [10.96.7.7], ipFamilyPolicy: PreferDualStack", Settings(), "46", id="a list that lacks one"
        ),
    ],
)
def test_a_service_gets_an_address_of_each_family_that_it_asks_for(
    spec: str, settings: Settings, families: str
) -> None:
    world = controlled(service(spec), settings)
    assert "".join(map(shape, world.ips("shop/web"))) == families
    assert world.problems == []


@pytest.mark.parametrize(
    ("spec", "settings", "families", "problem"),
    [
        pytest.param(
            "ipFamilyPolicy: RequireDualStack",
            ONE_FAMILY,
            "4",
            "it gets no IPv6 address: there is no service range of that family",
            id="required",
        ),
        pytest.param(
            "ipFamilies: [IPv6]",
            ONE_FAMILY,
            "",
            "it gets no IPv6 address: there is no service range of that family",
            id="named",
        ),
        pytest.param(
            "ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack",
            ONE_FAMILY,
            "4",
            "it gets no IPv6 address: there is no service range of that family",
            id="named, though preferred",
        ),
        pytest.param("", NO_RANGES, "", "it gets no cluster IP: there is no service range", id="no ranges at all"),
        pytest.param(
            "ipFamilies: [IPv5]",
            Settings(),
            "4",
            "spec.ipFamilies: 'IPv5' is neither IPv4 nor IPv6",
            id="a family that does not exist",
        ),
    ],
)
def test_a_family_that_cannot_be_had_is_a_problem(spec: str, settings: Settings, families: str, problem: str) -> None:
    world = controlled(service(spec), settings)
    assert "".join(map(shape, world.ips("shop/web"))) == families
    assert f"Service shop/web: {problem}" in world.texts


@pytest.mark.parametrize(
    ("spec", "ips"),
    [
        pytest.param("clusterIP: None", ["None"], id="headless"),
        pytest.param("clusterIPs: [None]", ["None"], id="headless by its list"),
        pytest.param("clusterIP: None, ipFamilyPolicy: RequireDualStack", ["None"], id="headless, dual-stack"),
        pytest.param("type: ExternalName, externalName: example.org", [], id="ExternalName"),
        pytest.param("clusterIP: 10.96.7.7", ["10.96.7.7"], id="its own"),
        pytest.param("clusterIP: 172.16.1.1", ["172.16.1.1"], id="its own out of another cluster's range"),
        pytest.param("clusterIPs: ['fd00:10:96::7']", ["fd00:10:96::7"], id="its own, IPv6"),
        pytest.param("clusterIP: ten", ["ten"], id="one that is no address"),
        pytest.param("clusterIP: ten, ipFamilyPolicy: RequireDualStack", ["ten"], id="nor for both families"),
        pytest.param(
            "clusterIPs: [10.96.7.7], ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack",
            ["10.96.7.7"],
            id="as a cluster of one family shows it",
        ),
    ],
)
def test_a_service_that_needs_no_address_gets_none(spec: str, ips: list[str]) -> None:
    text = service(spec)
    world = controlled(text)
    assert world.ips("shop/web") == ips
    assert world.document("Service", "shop/web") == controlled(text, OFF).document("Service", "shop/web")
    assert world.problems == []


@pytest.mark.parametrize("policy", ["PreferDualStack", "RequireDualStack"])
@pytest.mark.parametrize(("given", "family"), [("10.96.7.7", "6"), ("'fd00:10:96::7'", "4")], ids=["IPv4", "IPv6"])
def test_a_dual_stack_service_keeps_its_address_and_gets_the_other_family(policy: str, given: str, family: str) -> None:
    own, other = controlled(service(f"clusterIP: {given}, ipFamilyPolicy: {policy}")).ips("shop/web")
    assert own == given.strip("'")
    assert shape(other) == family


def test_both_fields_tell_the_addresses() -> None:
    found = controlled(service("ipFamilyPolicy: PreferDualStack")).get(schema.Service, "shop/web").spec
    assert found is not None
    assert found.cluster_ips is not None
    assert found.cluster_ip == found.cluster_ips[0]


def test_a_derived_address_is_not_in_the_static_band() -> None:
    world = controlled(folder(*(service(name=f"web-{number}") for number in range(300))))
    ips = [IPv4Address(world.ips(name)[0]) for name in world.names("Service") if name.startswith("shop/")]
    assert min(ips) > IPv4Address("10.96.1.0")
    assert len(set(ips)) == 300


def test_a_derived_address_is_never_one_that_a_document_gives() -> None:
    home = controlled(service()).ips("shop/web")[0]
    others = [
        service(f"clusterIP: {home}", "other"),
        f"{{kind: Pod, metadata: {{name: p}}, status: {{podIP: {home}}}}}",
        f"{{kind: Endpoints, metadata: {{name: e}}, subsets: [{{addresses: [{{ip: {home}}}]}}]}}",
        f"{{kind: Endpoints, metadata: {{name: e}}, subsets: [{{notReadyAddresses: [{{ip: {home}}}]}}]}}",
        f"{{kind: EndpointSlice, metadata: {{name: e}}, endpoints: [{{addresses: [{home}]}}]}}",
        f"{{kind: ServiceImport, metadata: {{name: i}}, spec: {{ips: [{home}]}}}}",
    ]
    for other in others:
        (moved,) = controlled(folder(service(), other)).ips("shop/web")
        assert moved != home, other
        assert shape(moved) == "4"


def test_an_address_does_not_depend_on_other_services() -> None:
    alone = controlled(service()).ips("shop/web")
    among = controlled(folder(service(), *(service(name=f"web-{number}") for number in range(50))))
    assert among.ips("shop/web") == alone


def test_the_first_of_two_services_keeps_their_address() -> None:
    files = {
        "b.yaml": service("clusterIP: 10.96.0.10", "first"),
        "c.yaml": "\n" + service("clusterIP: 10.96.0.10", "amid"),
        "a.yaml": folder(service(name="x"), service("clusterIPs: [10.96.0.10, 'fd00:10:96::a']", "zero")),
    }
    world = controlled_folder(files)
    assert world.ips("shop/zero") == ["10.96.0.10", "fd00:10:96::a"]
    assert world.ips("shop/first") == []
    assert world.ips("shop/amid") == []
    assert [str(problem.origin) for problem in world.problems] == [
        "b.yaml, document 1 (line 1)",
        "c.yaml, document 1 (line 2)",
    ]
    assert world.texts[1] == (
        "Service shop/amid: 10.96.0.10 (c.yaml:1:2) is given to Service shop/zero (a.yaml:2:3) too, which keeps it"
    )


def test_the_loser_of_an_address_keeps_its_other_one() -> None:
    first = service("clusterIP: 'fd00:10:96:0::a'", "first")
    second = service("clusterIPs: [10.96.0.11, 'fd00:10:96::a']", "second")
    world = controlled(folder(first, second))
    assert world.ips("shop/second") == ["10.96.0.11"]
    assert len(world.problems) == 1


def test_the_loser_of_an_address_still_gets_the_other_family() -> None:
    first = service("clusterIP: 10.96.0.10", "first")
    second = service("clusterIP: 10.96.0.10, ipFamilyPolicy: PreferDualStack", "second")
    assert [shape(ip) for ip in controlled(folder(first, second)).ips("shop/second")] == ["6"]


def test_a_full_range_is_a_problem_of_those_that_go_without() -> None:
    world = controlled(folder(service(name="a"), service(name="b"), service(name="c")), TINY)
    assert sum(len(world.ips(f"shop/{name}")) for name in "abc") == 1
    assert len(world.problems) == 2
    assert all("it gets no IPv4 address: 10.9.0.0/30 is full" in text for text in world.texts)


def test_the_next_range_of_a_family_is_used_when_the_first_is_full() -> None:
    settings = Settings(service_cidrs=(ip_network("10.9.0.0/30"), ip_network("10.9.1.0/30")))
    world = controlled(folder(service(name="a"), service(name="b")), settings)
    assert {*world.ips("shop/a"), *world.ips("shop/b")} == {"10.9.0.2", "10.9.1.2"}


def test_default_kubernetes_exists() -> None:
    world = controlled("")
    document = world.document("Service", "default/kubernetes")
    assert str(document.origin) == "the control plane"
    found = world.get(schema.Service, "default/kubernetes")
    assert world.ips("default/kubernetes") == ["10.96.0.1"]
    assert found.spec is not None
    assert found.spec.selector is None
    assert found.spec.ports == [schema.ServicePort(port=443, name="https", protocol="TCP", target_port=6443)]


def test_default_kubernetes_is_of_the_first_ranges_family() -> None:
    assert controlled("", V6_FIRST).ips("default/kubernetes") == ["fd00:10:96::1"]


def test_without_a_range_there_is_no_default_kubernetes() -> None:
    world = controlled("", NO_RANGES)
    assert world.names("Service") == []
    assert world.texts == ["Service default/kubernetes is not made: there is no service range with an address for it"]


@pytest.mark.parametrize(
    ("spec", "ips"),
    [
        pytest.param("clusterIP: 10.96.0.1", ["10.96.0.1"], id="with the usual address"),
        pytest.param("clusterIP: 172.20.0.1", ["172.20.0.1"], id="with another"),
        pytest.param("ports: [{port: 443}]", ["10.96.0.1"], id="without one it gets the usual address"),
    ],
)
def test_default_kubernetes_of_the_documents_is_the_one(spec: str, ips: list[str]) -> None:
    world = controlled(f"{{kind: Service, metadata: {{name: kubernetes}}, spec: {{{spec}}}}}")
    assert world.ips("default/kubernetes") == ips
    assert world.document("Service", "default/kubernetes").origin.made_from == ""
    assert world.problems == []


def test_a_service_that_claims_the_first_address_goes_without_as_the_api_server_would_refuse_it() -> None:
    world = controlled(service("clusterIP: 10.96.0.1"))
    assert world.ips("default/kubernetes") == ["10.96.0.1"]
    assert world.ips("shop/web") == []
    (problem,) = world.problems
    assert problem.origin.file == "shop.yaml"
    assert problem.text == ("Service shop/web: 10.96.0.1 is the address of Service default/kubernetes, which keeps it")


def test_default_kubernetes_of_the_documents_gets_another_address_where_its_own_is_claimed() -> None:
    own = "{kind: Service, metadata: {name: kubernetes}}"
    world = controlled(folder(own, service("clusterIP: 10.96.0.1")))
    (ip,) = world.ips("default/kubernetes")
    assert ip != "10.96.0.1"
    assert shape(ip) == "4"


SPECS = st.sampled_from(
    [
        "",
        "clusterIP: None",
        "ipFamilyPolicy: PreferDualStack",
        "ipFamilyPolicy: RequireDualStack",
        "ipFamilies: [IPv6]",
        "clusterIP: 10.9.0.3",
        "clusterIP: 10.9.0.1",
        "clusterIP: 10.9.0.9, ipFamilyPolicy: PreferDualStack",
        "clusterIPs: [10.9.0.20, 'fd00::5']",
        "clusterIP: nonsense",
    ]
)


@given(st.lists(SPECS, max_size=40))
def test_no_address_is_held_twice(specs: list[str]) -> None:
    settings = Settings(service_cidrs=(ip_network("10.9.0.0/27"), ip_network("fd00::/123")))
    text = folder(*(service(spec, f"web-{number}") for number, spec in enumerate(specs)))
    world = controlled(text, settings)
    held = [ip for name in world.names("Service") for ip in world.ips(name) if ip not in {"None", "nonsense"}]
    assert len(held) == len(set(held))
