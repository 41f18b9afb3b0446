"""The search path finished on the server: for whom, in which order, what is kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.message
import pytest

from kdns.chain import Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors, NameSyntaxError
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Kind, Namespace, Object, Pod, Ref, Service
from kdns.plan import Plan, plan
from kdns.plugins import autopath
from kdns.plugins.autopath import search_list
from kdns.proto.name import to_text
from kdns.proto.reverse import pack
from tests.asking import LOCAL, Asked, lines, rcode, serving
from tests.hits import hit


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine's resolv.conf; and relative names begin here."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "host.conf"
    file.write_text("nameserver 192.0.2.1\nsearch corp.test\n")
    monkeypatch.setattr(autopath, "HOST", file)
    return file


# The directive.


def planned(line: str, folder: Path, pods: str = "verified") -> Plan:
    kubernetes = f"kubernetes cluster.local {{\npods {pods}\n}}" if pods else "whoami"
    text = f"cluster.local {{\n{line}\n{kubernetes}\n}}"
    return plan(parse(text, str(folder / "Corefile"), environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


@pytest.mark.parametrize(
    "line",
    [
        "autopath @kubernetes",
        "autopath cluster.local @kubernetes",
        "autopath cluster.local 10.0.0.0/8 @kubernetes",
        "autopath search.conf",
        "autopath a.test b.test search.conf",
        "autopath @kubernetes\nautopath search.conf",
        "root /nowhere\nroot FOLDER\nautopath search.conf",
    ],
)
def test_what_coredns_takes_is_taken(line: str, tmp_path: Path) -> None:
    (tmp_path / "search.conf").write_text("search a.test b.test\n")
    warnings = planned(line.replace("FOLDER", str(tmp_path)), tmp_path).build.warnings
    assert [text for text in warnings if "nowhere" not in text] == []


NO_NAME = "'a..b' is no domain name: a label has 1 to 63 octets, not 0"


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("autopath", "'autopath' takes at least 1 argument, not 0: autopath [ZONE...] RESOLV-CONF|@kubernetes"),
        ("autopath @erratic", "autopath asks @kubernetes or a file for the search path, not '@erratic'"),
        ("autopath a..b @kubernetes", f"'autopath' takes zones: {NO_NAME}"),
        ("autopath @kubernetes {\n}", "'autopath' takes no block: remove its '{' and '}'"),
        ("autopath gone.conf", "'gone.conf' cannot be read: No such file or directory"),
        (
            "autopath bad.conf",
            f"the search list of 'bad.conf' is wrong: {NO_NAME}",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(line: str, mistake: str, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("search a..b\n")
    with pytest.raises(CorefileErrors) as raised:
        planned(line, tmp_path)
    (error,) = raised.value.errors
    assert (error.line, error.text) == (2, mistake)


@pytest.mark.parametrize("pods", ["disabled", "insecure", ""])
def test_without_verified_pods_it_is_said_that_nothing_will_happen(pods: str, tmp_path: Path) -> None:
    warning = "autopath does nothing without kubernetes and its 'pods verified'"
    assert planned("autopath @kubernetes", tmp_path, pods).build.warnings == [f"{tmp_path}/Corefile:2: {warning}"]


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("", []),
        ("nameserver 10.0.0.1\noptions ndots:5\n", []),
        ("search A.test b.test.\n", ["a.test.", "b.test."]),
        ("domain a.test\n", ["a.test."]),
        ("search a.test\nsearch b.test c.test\n", ["b.test.", "c.test."]),
        ("search a.test\ndomain b.test\n", ["b.test."]),
        ("# search a.test\n; search a.test\n\n  search  c.test  \n", ["c.test."]),
        ("search .\n", ["."]),
    ],
)
def test_the_last_search_list_of_a_file_counts(text: str, domains: list[str]) -> None:
    assert [to_text(domain) for domain in search_list(text)] == domains


def test_a_search_list_of_no_names_is_wrong() -> None:
    with pytest.raises(NameSyntaxError):
        search_list("search a..b")


# The search.

HERE, TWIN, NODE = "10.244.0.1", "10.244.0.2", "10.0.0.7"
WEB = Service("shop", "web", (pack("10.96.0.10"),))
DB = Service("data", "db", (pack("10.96.0.20"),))
CLUSTER: list[Object] = [
    Namespace("shop"),
    Namespace("data"),
    WEB,
    DB,
    Pod("shop", "one", (pack(HERE), pack("fd00::1"))),
    Pod("shop", "two", (pack(TWIN),)),
    Pod("data", "three", (pack(TWIN),)),
    Pod("shop", "on-the-node", (pack(NODE),), shares_host=True),
]
BLOCK = """\
. {{
    autopath {} @kubernetes
    kubernetes cluster.local . {{
        manifests .
        controllers off
        pods verified
    }}
    hosts none {{
        192.0.2.80 www.example.com
        2001:db8::80 www.example.com
        192.0.2.81 intra.corp.test
        192.0.2.82 both.corp.test
        192.0.2.83 both
        ttl 60
        {}
    }}
    prometheus :0
}}
"""


class Clients:
    """Questions from different addresses, to a cluster that the test tells."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        (self.cluster,) = [part for part in asked.plan.build.parts if isinstance(part, Cluster)]
        self.cluster.store.update(CLUSTER)

    async def ask(self, client: str, name: str, type: str = "A") -> dns.message.Message:
        query = dns.message.make_query(name, type, use_edns=0)
        sides = ((client, 5353), LOCAL, Transport.udp)
        wire = hit(self.asked.responder, query.to_wire())
        wire = wire or await self.asked.responder.respond(query.to_wire(), *sides)
        assert wire is not None
        reply = dns.message.from_wire(wire)
        assert query.is_response(reply)
        return reply

    async def answer(self, client: str, name: str, type: str = "A") -> list[str]:
        reply = await self.ask(client, name, type)
        return [" ".join(line.split()) for rrset in reply.answer for line in str(rrset).splitlines()] or [rcode(reply)]

    def value(self, name: str, **labels: str) -> float:
        return self.asked.plan.build.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def clients(folder: Path, zones: str = "", hosts: str = "fallthrough") -> AsyncIterator[Clients]:
    """Names that are neither among the hosts nor in the cluster do not exist: the root is its zone, too."""
    async with serving(BLOCK.format(zones, hosts), folder) as asked:
        yield Clients(asked)


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Clients]:
    async with clients(tmp_path) as made:
        yield made


OWN = "shop.svc.cluster.local."


@pytest.mark.parametrize(
    ("name", "type", "answer"),
    [
        pytest.param(f"web.{OWN}", "A", [f"web.{OWN} 5 IN A 10.96.0.10"], id="the first is it"),
        pytest.param(
            f"db.data.{OWN}",
            "A",
            [f"db.data.{OWN} 5 IN CNAME db.data.svc.cluster.local.", "db.data.svc.cluster.local. 5 IN A 10.96.0.20"],
            id="svc.ZONE",
        ),
        pytest.param(
            f"db.data.svc.{OWN}",
            "A",
            [
                f"db.data.svc.{OWN} 5 IN CNAME db.data.svc.cluster.local.",
                "db.data.svc.cluster.local. 5 IN A 10.96.0.20",
            ],
            id="ZONE",
        ),
        pytest.param(
            f"intra.{OWN}",
            "A",
            [f"intra.{OWN} 60 IN CNAME intra.corp.test.", "intra.corp.test. 60 IN A 192.0.2.81"],
            id="the host's",
        ),
        pytest.param(
            f"www.example.com.{OWN}",
            "A",
            [f"www.example.com.{OWN} 60 IN CNAME www.example.com.", "www.example.com. 60 IN A 192.0.2.80"],
            id="the name itself",
        ),
        pytest.param(
            f"www.example.com.{OWN}",
            "AAAA",
            [f"www.example.com.{OWN} 60 IN CNAME www.example.com.", "www.example.com. 60 IN AAAA 2001:db8::80"],
            id="the other family",
        ),
        pytest.param(
            f"both.{OWN}",
            "A",
            [f"both.{OWN} 60 IN CNAME both.corp.test.", "both.corp.test. 60 IN A 192.0.2.82"],
            id="the first of two",
        ),
        pytest.param(
            f"WWW.Example.com.{OWN.upper()}",
            "A",
            [
                f"WWW.Example.com.{OWN.upper()} 60 IN CNAME WWW.Example.com.",
                "WWW.Example.com. 60 IN A 192.0.2.80",
            ],
            id="in other letters",
        ),
        pytest.param(f"gone.{OWN}", "A", ["NXDOMAIN"], id="none"),
        pytest.param(f"data.{OWN}", "A", ["NOERROR"], id="a namespace exists at svc.ZONE, without records"),
        pytest.param("www.example.com.svc.cluster.local.", "A", ["NXDOMAIN"], id="not the first of a search path"),
        pytest.param("www.example.com.cluster.local.", "A", ["NXDOMAIN"], id="the third"),
        pytest.param("www.example.com.data.svc.cluster.local.", "A", ["NXDOMAIN"], id="another Pod's"),
        pytest.param(OWN, "A", ["NOERROR"], id="the namespace itself"),
        pytest.param("www.example.com.", "A", ["www.example.com. 60 IN A 192.0.2.80"], id="outside"),
    ],
)
async def test_a_pod_s_search_path_is_finished(pods: Clients, name: str, type: str, answer: list[str]) -> None:
    for _ in range(2):
        assert await pods.answer(HERE, name, type) == answer


async def test_a_reply_that_nothing_was_found_is_the_one_to_the_first_question(pods: Clients) -> None:
    (soa,) = lines((await pods.ask(HERE, f"gone.example.com.{OWN}")).authority)
    assert soa.startswith("cluster.local. ")


SEARCHED = f"www.example.com.{OWN}"


@pytest.mark.parametrize(
    ("client", "found"),
    [
        pytest.param(HERE, True, id="a Pod"),
        pytest.param("fd00::1", True, id="by its other address"),
        pytest.param(TWIN, False, id="two Pods have the address"),
        pytest.param(NODE, False, id="the address is the node's"),
        pytest.param("192.0.2.9", False, id="no Pod"),
    ],
)
async def test_it_is_for_the_pod_that_really_has_the_address(pods: Clients, client: str, found: bool) -> None:
    assert (await pods.answer(client, SEARCHED) != ["NXDOMAIN"]) is found


async def test_who_has_the_address_now_is_seen_at_once(pods: Clients) -> None:
    """Also with the bytes of an earlier reply at hand: what a Pod got is nobody else's."""
    store = pods.cluster.store
    assert len(await pods.answer(HERE, SEARCHED)) == 2
    assert await pods.answer("192.0.2.9", SEARCHED) == ["NXDOMAIN"]
    assert len(await pods.answer(HERE, SEARCHED)) == 2
    store.update([Pod("data", "new", (pack(HERE),))], [Ref(Kind.POD, "shop", "one")])
    assert await pods.answer(HERE, SEARCHED) == ["NXDOMAIN"]
    assert len(await pods.answer(HERE, "www.example.com.data.svc.cluster.local.")) == 2
    store.update([], [Ref(Kind.POD, "data", "new")])
    assert await pods.answer(HERE, "www.example.com.data.svc.cluster.local.") == ["NXDOMAIN"]


async def test_a_service_that_comes_takes_its_name_at_once(pods: Clients) -> None:
    name = f"db.data.{OWN}"
    assert len(await pods.answer(HERE, name)) == 2
    pods.cluster.store.update([], [DB.ref])
    assert await pods.answer(HERE, name) == ["NXDOMAIN"]
    pods.cluster.store.update([DB])
    assert len(await pods.answer(HERE, name)) == 2


async def test_what_everybody_gets_is_kept_and_the_rest_is_not(pods: Clients) -> None:
    memo = pods.asked.responder.memo
    for client in (HERE, "192.0.2.9", TWIN):
        for name in (SEARCHED, f"gone.{OWN}"):
            await pods.ask(client, name)
    assert len(memo) == 0
    await pods.ask(HERE, f"web.{OWN}")
    assert len(memo) == 1


async def test_only_names_in_its_zones_are_finished(tmp_path: Path) -> None:
    async with clients(tmp_path, zones="other.test") as made:
        assert await made.answer(HERE, SEARCHED) == ["NXDOMAIN"]
    async with clients(tmp_path, zones="data.svc.cluster.local cluster.local") as made:
        assert len(await made.answer(HERE, SEARCHED)) == 2


async def test_a_failure_on_the_way_gives_the_reply_to_the_first_question(tmp_path: Path) -> None:
    """Without `fallthrough` there, other names of corp.test are SERVFAIL."""
    async with clients(tmp_path, hosts="fallthrough cluster.local com") as made:
        assert await made.answer(HERE, f"gone.{OWN}") == ["NXDOMAIN"]
        assert await made.answer(HERE, SEARCHED) == ["NXDOMAIN"]  # corp.test fails before it
        assert len(await made.answer(HERE, f"intra.{OWN}")) == 2


@pytest.fixture
def long_host(host: Path) -> None:
    host.write_text(f"search {'x' * 60}.{'y' * 60}.{'z' * 60}.test\n")


@pytest.mark.usefixtures("long_host")
async def test_names_that_would_be_too_long_are_left_out(tmp_path: Path) -> None:
    async with clients(tmp_path) as made:
        long = ".".join(["a" * 60] * 3)
        assert await made.answer(HERE, f"{long}.{OWN}") == ["NXDOMAIN"]
        assert len(await made.answer(HERE, SEARCHED)) == 2


@pytest.fixture
def no_host(host: Path) -> None:
    host.unlink()


@pytest.mark.usefixtures("no_host")
async def test_a_machine_without_a_search_list_adds_none(tmp_path: Path) -> None:
    async with clients(tmp_path) as made:
        assert await made.answer(HERE, f"intra.{OWN}") == ["NXDOMAIN"]
        assert (await made.answer(HERE, f"both.{OWN}"))[1:] == ["both. 60 IN A 192.0.2.83"]


async def test_what_an_alias_leads_to_is_not_searched_for(tmp_path: Path) -> None:
    """It is the full name, although it looks as a search path would have made it."""
    (tmp_path / "search.conf").write_text("search first.test second.test\n")
    block = (
        "cluster.local {\nkubernetes {\nmanifests .\ncontrollers off\n}\n}\n"
        "first.test {\nautopath search.conf\nhosts none . {\n192.0.2.1 a.second.test\nfallthrough\n}\n"
        "kubernetes first.test {\nmanifests .\n}\n}"
    )
    async with serving(block, tmp_path) as asked:
        for part in asked.plan.build.parts:
            if isinstance(part, Cluster):
                part.store.update([Namespace("shop"), Service("shop", "alias", external_name="a.first.test")])
        reply = await asked.ask("alias.shop.svc.cluster.local.")
        assert rcode(reply) == "NXDOMAIN"
        assert lines(reply.answer) == ["alias.shop.svc.cluster.local. 5 IN CNAME a.first.test."]
        assert len((await asked.ask("a.first.test.")).answer) == 2


async def test_successes_are_counted_by_server(pods: Clients) -> None:
    await pods.ask(HERE, f"web.{OWN}")
    await pods.ask(HERE, f"gone.{OWN}")
    for _ in range(3):
        await pods.ask(HERE, SEARCHED)
    assert pods.value("coredns_autopath_success_total", server="dns://:53") == 3


# With a file the search path is everybody's.


async def test_a_file_s_search_path_is_for_every_client_and_kept(tmp_path: Path) -> None:
    (tmp_path / "search.conf").write_text("search first.test second.test\n")
    block = (
        ". {\nautopath search.conf\nhosts none {\n192.0.2.1 a.second.test\n192.0.2.2 b\nttl 60\nfallthrough\n}\n"
        "kubernetes . {\nmanifests .\n}\n}"
    )
    async with serving(block, tmp_path) as asked:
        for _ in range(2):
            reply = await asked.ask("a.first.test.")
            assert lines(reply.answer) == [
                "a.first.test. 60 IN CNAME a.second.test.",
                "a.second.test. 60 IN A 192.0.2.1",
            ]
        assert lines((await asked.ask("b.first.test.")).answer)[1:] == ["b.first.test. 60 IN CNAME b."]
        for name in ("first.test.", "a.other.test.", "c.first.test."):
            assert rcode(await asked.ask(name)) == "NXDOMAIN"
        total = asked.plan.build.metrics.registry.get_sample_value(
            "coredns_autopath_success_total", {"server": "dns://:53"}
        )
        assert total == 3


async def test_everybody_is_shown_an_alias_in_the_same_letters_whoever_asked_first(tmp_path: Path) -> None:
    (tmp_path / "search.conf").write_text("search first.test second.test\n")
    block = ". {\nautopath search.conf\nhosts none {\n192.0.2.1 a.second.test\n}\nkubernetes . {\nmanifests .\n}\n}"
    async with serving(block.replace("test\n}", "test\nfallthrough\n}"), tmp_path) as asked:
        for name in ("A.First.test.", "a.first.test.", "a.FIRST.test."):
            alias, address = (await asked.ask(name)).answer
            assert (str(alias.name), str(alias[0]), str(address.name)) == (name, "a.second.test.", "a.second.test.")


async def test_an_empty_file_s_search_path_finishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "search.conf").write_text("nameserver 192.0.2.1\n")
    block = ". {\nautopath search.conf\nhosts none {\n192.0.2.1 a\nfallthrough\n}\nkubernetes . {\nmanifests .\n}\n}"
    async with serving(block, tmp_path) as asked:
        assert rcode(await asked.ask("a.first.test.")) == "NXDOMAIN"
