"""Every reason has a question that is answered for it, a sentence, and an Extended DNS Error (RFC 8914)
where no records are given."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kdns.cli.verdict import judge
from kdns.kube.reason import Reason
from kdns.proto.name import from_text
from kdns.proto.text import type_number
from kdns.proto.types import EDE
from tests.asking import rcode
from tests.spec.table import WAITING, Serve, Setting, setting, told

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
PODS = setting("pods verified")


@dataclass(frozen=True)
class Given:
    """A question that has this reason; `code` is None where the answer is positive and nothing is told."""

    reason: Reason
    question: str
    sentence: str
    rcode: str
    code: int | None = EDE.OTHER
    where: Setting = PLAIN

    def __str__(self) -> str:
        return str(self.reason)


def answered(reason: Reason, question: str, sentence: str, where: Setting = PLAIN) -> Given:
    return Given(reason, question, sentence, "NOERROR", None, where)


def empty(reason: Reason, question: str, sentence: str, where: Setting = PLAIN) -> Given:
    return Given(reason, question, sentence, "NOERROR", where=where)


def missing(reason: Reason, question: str, sentence: str, where: Setting = PLAIN, code: int = EDE.OTHER) -> Given:
    return Given(reason, question, sentence, "NXDOMAIN", code, where)


REASONS = [
    answered(Reason.APEX, "cluster.local SOA", "the zone itself"),
    answered(Reason.VERSION, "dns-version.cluster.local TXT", "the version of the DNS schema"),
    answered(Reason.NAME_SERVER, "ns.dns.cluster.local A", "the name server of the zone"),
    answered(Reason.SERVICE, "web.shop.svc.cluster.local A", "Service shop/web answers"),
    answered(Reason.SERVICE, "_http._tcp.web.shop.svc.cluster.local SRV", "Service shop/web answers"),
    answered(Reason.ENDPOINT, "db-0.db.shop.svc.cluster.local A", "an endpoint of Service shop/db answers"),
    answered(Reason.ENDPOINT, "db-0.db.shop.svc.cluster.local SRV", "an endpoint of Service shop/db answers"),
    answered(
        Reason.EXTERNAL_NAME,
        "outside.shop.svc.cluster.local A",
        "Service shop/outside is an alias of www.Example.com, which nobody here knows",
    ),
    answered(Reason.SERVICE, "to-web.shop.svc.cluster.local A", "Service shop/web answers"),
    answered(Reason.POD, "10-244-0-1.shop.pod.cluster.local A", "an address of namespace shop", PODS),
    answered(Reason.ADDRESS, "10.0.96.10.in-addr.arpa PTR", "an address of Service shop/web"),
    empty(
        Reason.NO_SUCH_TYPE,
        "web.shop.svc.cluster.local TXT",
        "Service shop/web exists, but has no records of this type",
    ),
    empty(Reason.ONLY_PARENT, "svc.cluster.local A", "the name has no records, it only has names below it"),
    empty(
        Reason.OTHER_FAMILY,
        "web.shop.svc.cluster.local AAAA",
        "Service shop/web has addresses of the other family only",
    ),
    empty(
        Reason.FAMILY_OFF,
        "web.shop.svc.cluster.local AAAA",
        "Service shop/web exists, but this address family is switched off here",
        setting("families ipv4"),
    ),
    empty(Reason.NO_PORTS, "mute.shop.svc.cluster.local SRV", "Service shop/mute has no ports"),
    empty(Reason.NO_CLUSTER_IP, "pending.shop.svc.cluster.local A", "Service shop/pending has no cluster IP"),
    empty(
        Reason.NOT_IN_ZONE,
        "mars.pin._zone.zoned.shop.svc.cluster.local A",
        "no ready endpoint of Service shop/zoned is in topology zone mars",
        setting("zonal"),
    ),
    missing(Reason.NO_SUCH_NAME, "web.shop.cluster.local A", "no name of the Kubernetes DNS schema has this form"),
    missing(Reason.NO_SUCH_NAMESPACE, "web.gone.svc.cluster.local A", "namespace gone does not exist"),
    missing(
        Reason.NOT_EXPOSED,
        "secret.vault.svc.cluster.local A",
        "namespace vault exists, but is not exposed here",
        setting("namespaces shop"),
    ),
    missing(Reason.NO_SUCH_SERVICE, "gone.shop.svc.cluster.local A", "namespace shop has no Service gone"),
    missing(
        Reason.SERVICE_MISSING,
        "orphan.shop.svc.cluster.local A",
        "EndpointSlice shop/orphan-1 exists, but there is no Service of that name",
    ),
    missing(
        Reason.NO_ENDPOINTS, "nothing.shop.svc.cluster.local A", "Service shop/nothing is headless and has no endpoints"
    ),
    missing(
        Reason.NOT_READY,
        "waiting.shop.svc.cluster.local A",
        "Service shop/waiting has no ready endpoints (2 not ready, 1 terminating)",
    ),
    missing(
        Reason.EMPTY_IGNORED,
        "idle.shop.svc.cluster.local A",
        "Service shop/idle has no ready endpoints and 'ignore empty_service' is set",
        setting("ignore empty_service"),
    ),
    missing(Reason.NO_SUCH_ENDPOINT, "db-9.db.shop.svc.cluster.local A", "Service shop/db has no endpoint called db-9"),
    missing(
        Reason.ENDPOINT_NOT_READY, "db-2.db.shop.svc.cluster.local A", "endpoint db-2 of Service shop/db is not ready"
    ),
    missing(
        Reason.ENDPOINT_NOT_READY,
        "db-3.db.shop.svc.cluster.local A",
        "endpoint db-3 of Service shop/db is terminating",
    ),
    missing(
        Reason.NO_SUCH_PORT,
        "_https._tcp.web.shop.svc.cluster.local SRV",
        "Service shop/web has no port https over tcp",
    ),
    missing(
        Reason.NOT_HEADLESS,
        "eu-1a.pin._zone.web.shop.svc.cluster.local A",
        "Service shop/web is not headless, so it has no names by topology zone",
        setting("zonal"),
    ),
    missing(
        Reason.ENDPOINTS_OFF,
        "db.shop.svc.cluster.local A",
        "endpoints are not known here ('noendpoints' is set)",
        setting("noendpoints"),
    ),
    missing(Reason.PODS_OFF, "10-244-0-1.shop.pod.cluster.local A", "names of Pods are switched off ('pods disabled')"),
    missing(
        Reason.NO_SUCH_POD,
        "10-9-9-9.shop.pod.cluster.local A",
        "namespace shop has no Pod with address 10-9-9-9",
        PODS,
    ),
    missing(Reason.NO_SUCH_ADDRESS, "9.9.9.9.in-addr.arpa PTR", "no Service and no ready endpoint has this address"),
    missing(
        Reason.NOT_OUTSIDE,
        "web.shop.example.org A",
        "Service shop/web has no address outside the cluster (spec.externalIPs, status.loadBalancer)",
        Setting(beside=("k8s_external example.org",), keys=("cluster.local", "example.org")),
    ),
    missing(
        Reason.EXTERNAL_ADDRESS,
        "to-ip.shop.svc.cluster.local A",
        "Service shop/to-ip has the address 192.0.2.1 where a name must be (spec.externalName)",
        code=EDE.INVALID_DATA,
    ),
    missing(
        Reason.EXTERNAL_INVALID,
        "to-nonsense.shop.svc.cluster.local A",
        "Service shop/to-nonsense has no valid name in spec.externalName: "
        "'a..b' is no domain name: a label has 1 to 63 octets, not 0",
        code=EDE.INVALID_DATA,
    ),
    Given(
        Reason.EXTERNAL_LOOP,
        "myself.shop.svc.cluster.local A",
        "aliases lead from myself.shop.svc.cluster.local. over more than 10 names",
        "SERVFAIL",
        EDE.INVALID_DATA,
    ),
    Given(
        Reason.NOT_SYNCED,
        "web.shop.svc.cluster.local A",
        f"the cluster is not known yet: waiting for {WAITING}",
        "SERVFAIL",
        EDE.NOT_READY,
        Setting(manifests="", serial=0),
    ),
    Given(
        Reason.TRANSFER_OFF,
        "cluster.local AXFR",
        "zone transfers are not allowed here",
        "REFUSED",
        EDE.PROHIBITED,
    ),
]


async def test_no_reason_is_without_a_case() -> None:
    assert {given.reason for given in REASONS} == set(Reason)


@pytest.mark.parametrize("given", REASONS, ids=str)
async def test_an_answer_has_this_reason(serve: Serve, given: Given) -> None:
    asked = await serve(given.where)
    name, type = given.question.split()
    verdict = await judge(asked.plan, from_text(name), type_number(type))
    assert (verdict.word, verdict.sentence) == (given.reason, given.sentence)


@pytest.mark.parametrize("given", REASONS, ids=str)
async def test_a_client_that_speaks_edns_is_told_where_there_are_no_records(serve: Serve, given: Given) -> None:
    asked = await serve(given.where)
    name, type = given.question.split()
    for _ in range(2):
        reply = await asked.ask(name + ".", type)
        assert rcode(reply) == given.rcode
        assert told(reply) == (None if given.code is None else (given.code, given.sentence))
    assert told(await asked.ask(name + ".", type, edns=False)) is None


@pytest.mark.parametrize("given", REASONS, ids=str)
async def test_it_is_counted_for_each_reply(serve: Serve, given: Given) -> None:
    asked = await serve(given.where)
    name, type = given.question.split()

    def count() -> float:
        registry = asked.plan.build.metrics.registry
        return registry.get_sample_value("kdns_kubernetes_answers_total", {"reason": str(given.reason)}) or 0

    before = count()
    for _ in range(3):
        await asked.ask(name + ".", type)
    assert count() - before == 3
