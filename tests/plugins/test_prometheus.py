"""*prometheus*: what is counted, under which labels, and the page that shows it."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import dns.flags
import dns.message
import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from kdns.chain import (
    Handler,
    Keep,
    Peer,
    Plugin,
    Query,
    Response,
    Scope,
    Sent,
    Transport,
    compose,
    nobody,
)
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors, StartError
from kdns.metrics import CONTENT_TYPE, Metrics
from kdns.plugins import find
from kdns.proto.message import Edns, Message, Question
from kdns.proto.name import ROOT, from_text
from kdns.proto.types import RCode, RRType
from kdns.serve.http import HttpServer
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.router import Router, Served
from kdns.site import Build, Page, Site
from tests.hits import hit

DEFAULT = ("localhost", 9153)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def built(metrics: Metrics | None = None) -> Build:
    return Build(metrics=metrics or Metrics(), clock=Clock(), wall=Clock())


def set_up(corefile: str, build: Build) -> list[Plugin]:
    """Every directive of a Corefile set up, as the process would; the plugins that handle questions."""
    plugins = []
    for block in parse(corefile, "Corefile", default_port=53, environ={}, disk=Memory()).blocks:
        site = Site(block, build)
        for directive in block.directives:
            plugin = find(directive)(directive, site)
            site.plugins.append(directive.name)
            if plugin is not None:
                plugins.append(plugin)
    return plugins


def counting(build: Build, last: Handler) -> Handler:
    return compose(set_up(".:53 {\nprometheus\n}", build), last)


def query(type: int = RRType.A, *, do: bool | None = None, zone: str = "cluster.local") -> Query:
    """A question of a server block for `zone`; `do` None is without EDNS."""
    name = from_text("web.shop.svc.cluster.local")
    edns = None if do is None else Edns(1232, 0, do)
    message = Message(1, 0x0100, Question(name, name, type, 1), edns, 54)
    peers = Peer("192.0.2.1", 40000), Peer("192.0.2.53", 53)
    return Query(message, *peers, Transport.udp, 0.0, zone=from_text(zone), server="dns://:53")


def tell(response: Response, sent: Sent | None = None) -> None:
    """Tell those who count of a reply made from the response."""
    for tally in response.keep.tallies:
        tally(sent or Sent(1, Transport.udp, 1, 54, 106, 0.0005))


Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    """The samples that are not 0, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }


def value(build: Build, name: str, **labels: str) -> float:
    return series(build.metrics.render().decode()).get((name, frozenset(labels.items())), 0.0)


def answers(response: Response) -> Handler:
    async def answer(query: Query) -> Response:
        return response

    return answer


SERVER = {"server": "dns://:53", "zone": "cluster.local.", "view": ""}


async def test_a_reply_is_counted_under_exactly_the_labels_of_coredns() -> None:
    build = built()
    handler = counting(build, answers(Response(rcode=RCode.NXDOMAIN, by="kubernetes")))
    tell(await handler(query(RRType.AAAA, do=True)))
    counted = {
        name: dict(labels)
        for name, labels in series(build.metrics.render().decode())
        if name.startswith("coredns_dns_") and not name.endswith(("_bucket", "_sum", "_created"))
    }
    assert counted == {
        "coredns_dns_requests_total": SERVER | {"proto": "udp", "family": "1", "type": "AAAA"},
        "coredns_dns_do_requests_total": SERVER,
        "coredns_dns_request_size_bytes_count": SERVER | {"proto": "udp"},
        "coredns_dns_request_duration_seconds_count": SERVER | {"type": "AAAA"},
        "coredns_dns_response_size_bytes_count": SERVER | {"proto": "udp"},
        "coredns_dns_responses_total": SERVER | {"rcode": "NXDOMAIN", "plugin": "kubernetes"},
    }


@pytest.mark.parametrize(
    ("name", "labels", "total"),
    [
        ("coredns_dns_requests_total", {"proto": "tcp", "family": "2", "type": "A"}, 3),
        ("coredns_dns_responses_total", {"rcode": "NOERROR", "plugin": "kubernetes"}, 3),
        ("coredns_dns_do_requests_total", {}, 3),
        ("coredns_dns_request_size_bytes_sum", {"proto": "tcp"}, 3 * 60),
        ("coredns_dns_response_size_bytes_sum", {"proto": "tcp"}, 3 * 512),
        ("coredns_dns_request_duration_seconds_sum", {"type": "A"}, 3 * 0.25),
        ("coredns_dns_request_duration_seconds_bucket", {"type": "A", "le": "0.256"}, 3),
        ("coredns_dns_request_duration_seconds_bucket", {"type": "A", "le": "0.128"}, 0),
        ("coredns_dns_response_size_bytes_bucket", {"proto": "tcp", "le": "511.0"}, 0),
        ("coredns_dns_response_size_bytes_bucket", {"proto": "tcp", "le": "1023.0"}, 3),
    ],
)
async def test_replies_told_together_count_each(name: str, labels: dict[str, str], total: float) -> None:
    build = built()
    response = await counting(build, answers(Response(by="kubernetes")))(query(do=True))
    tell(response, Sent(3, Transport.tcp, 2, 60, 512, 0.25))
    assert value(build, name, **SERVER, **labels) == total


@pytest.mark.parametrize(
    ("do", "total"), [pytest.param(None, 0, id="no EDNS"), pytest.param(False, 0), pytest.param(True, 1)]
)
async def test_questions_with_do_are_counted_apart(do: bool | None, total: int) -> None:
    build = built()
    tell(await counting(build, nobody)(query(do=do)))
    assert value(build, "coredns_dns_do_requests_total", **SERVER) == total


@pytest.mark.parametrize(
    ("type", "label"),
    [(RRType.SRV, "SRV"), (65, "HTTPS"), (RRType.ANY, "ANY"), (29, "other"), (666, "other")],
)
async def test_a_type_is_counted_by_name_if_it_is_common(type: int, label: str) -> None:
    build = built()
    tell(await counting(build, nobody)(query(type)))
    assert value(build, "coredns_dns_request_duration_seconds_count", **SERVER, type=label) == 1


@pytest.mark.parametrize(
    ("rcode", "label"),
    [(RCode.NOERROR, "NOERROR"), (RCode.REFUSED, "REFUSED"), (RCode.BADVERS, "BADVERS"), (99, "RCODE99")],
)
async def test_an_rcode_is_counted_as_text(rcode: int, label: str) -> None:
    build = built()
    tell(await counting(build, answers(Response(rcode=rcode)))(query()))
    assert value(build, "coredns_dns_responses_total", **SERVER, rcode=label, plugin="") == 1


@pytest.mark.parametrize(
    "error", [pytest.param(StartError("ours"), id="ours"), pytest.param(KeyError("x"), id="a defect")]
)
async def test_an_exception_below_is_counted_as_servfail_and_travels_on(error: Exception) -> None:
    async def fails(query: Query) -> Response:
        raise error

    build = built()
    response = await counting(build, fails)(query())
    assert (response.rcode, response.error) == (RCode.SERVFAIL, error)
    tell(response)
    assert value(build, "coredns_dns_responses_total", **SERVER, rcode="SERVFAIL", plugin="") == 1


async def test_a_question_that_is_given_up_is_not_an_answer() -> None:
    async def cancelled(query: Query) -> Response:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await counting(built(), cancelled)(query())


async def test_nothing_of_the_response_is_changed_but_who_is_told() -> None:
    told: list[Sent] = []
    keep = Keep(Scope.EVERYBODY, until=7.0, depends_on=frozenset({"a"}), tallies=(told.append,))
    given = Response(rcode=RCode.NXDOMAIN, by="kubernetes", keep=keep)
    response = await counting(built(), answers(given))(query())
    first, _ = response.keep.tallies
    assert first == told.append
    assert replace(response, keep=replace(response.keep, tallies=keep.tallies)) == given


async def test_responses_alike_share_a_tally_and_others_do_not() -> None:
    build = built()
    handler = counting(build, answers(Response(by="kubernetes")))
    one, same, other = [(await handler(query(type))).keep.tallies[0] for type in (1, 1, 28)]
    assert one is same
    assert one is not other


async def test_types_that_a_client_invents_make_no_new_tallies() -> None:
    handler = counting(built(), nobody)
    tallies = {id((await handler(query(type))).keep.tallies[0]) for type in range(1000, 1100)}
    assert len(tallies) == 1


async def test_each_block_counts_its_own_zone() -> None:
    build = built()
    one, other = set_up("cluster.local {\nprometheus\n}\n. {\nprometheus\n}", build)
    tell(await compose([one])(query()))
    tell(await compose([other])(query(zone=".")))
    assert value(build, "coredns_dns_do_requests_total", **SERVER) == 0
    for zone in ("cluster.local.", "."):
        labels = SERVER | {"zone": zone, "proto": "udp", "family": "1", "type": "A"}
        assert value(build, "coredns_dns_requests_total", **labels) == 1


async def test_every_reply_of_a_real_responder_is_counted_kept_ones_too() -> None:
    build = built()
    handler = counting(build, answers(Response(by="kubernetes", keep=Keep(Scope.EVERYBODY))))
    router = Router({ROOT: Served(ROOT, "dns://:53", handler, 1232)})
    responder = Responder(router, Memo(1 << 20, build.clock), build.metrics, build.clock)
    wire = dns.message.make_query("web.shop.svc.cluster.local", "A").to_wire()
    local = ("192.0.2.53", 53)

    await responder.respond(wire, ("192.0.2.1", 4000), local, Transport.udp)
    assert hit(responder, wire)
    assert hit(responder, wire, six=True)
    reply = await responder.respond(wire, ("192.0.2.1", 4000), local, Transport.tcp)
    assert reply is not None
    assert not dns.message.from_wire(reply).flags & dns.flags.TC

    zone = SERVER | {"zone": "."}
    for proto, family, total in (("udp", "1", 2), ("udp", "2", 1), ("tcp", "1", 1)):
        labels = {"proto": proto, "family": family, "type": "A"}
        assert value(build, "coredns_dns_requests_total", **zone, **labels) == total
    assert value(build, "coredns_dns_responses_total", **zone, rcode="NOERROR", plugin="kubernetes") == 4
    assert value(build, "coredns_dns_request_size_bytes_sum", **zone, proto="udp") == 3 * len(wire)
    assert value(build, "coredns_dns_response_size_bytes_sum", **zone, proto="tcp") == len(reply)


# The page.


async def page(build: Build, address: tuple[str, int] = DEFAULT) -> Page:
    return await build.pages[address]["/metrics"]()


async def test_the_page_has_every_metric_and_the_processs() -> None:
    build = built()
    set_up(".:53 {\nprometheus\n}", build)
    shown = await page(build)
    assert (shown.status, shown.type) == (200, CONTENT_TYPE)
    names = {name for name, _ in series(shown.body.decode())}
    assert {"coredns_build_info", "process_resident_memory_bytes", "python_info"} <= names


async def test_the_page_is_made_at_most_once_a_second() -> None:
    build = built()
    set_up(".:53 {\nprometheus\n}", build)
    assert isinstance(build.clock, Clock)
    shown = []
    for build.clock.now in (1000.0, 1000.9, 1001.0, 1001.9):
        build.metrics.panics.inc()
        shown.append(series((await page(build)).body.decode())["coredns_panics_total", frozenset()])
    assert shown == [1, 1, 3, 3]


async def test_the_process_is_counted_once_however_many_blocks_and_reloads() -> None:
    metrics = Metrics()
    for _ in range(2):
        build = built(metrics)
        set_up("a. {\nprometheus\n}\nb. {\nprometheus :9154\n}", build)
    lines = (await page(build)).body.decode().splitlines()
    assert len([line for line in lines if line.startswith("process_resident_memory_bytes ")]) == 1
    assert (await page(build)).body == (await page(build, ("", 9154))).body


# Which plugins there are.


async def enabled(build: Build) -> set[tuple[str, str, str]]:
    for part in build.parts:
        await part.start()
    for call in build.in_force:
        call()
    for part in build.parts:
        await part.stop()
    return {
        (of["server"], of["zone"], of["name"])
        for name, labels in series(build.metrics.render().decode())
        if name == "coredns_plugin_enabled" and (of := dict(labels))["view"] == ""
    }


async def test_the_plugins_of_each_zone_are_told_as_enabled() -> None:
    build = built()
    blocks = (
        "a.test b.test:1053 {\nprometheus\nready\n}",
        ". {\nprometheus\nbind ::1 127.0.0.1\n}",
        "c.test {\nready\n}",
    )
    set_up("\n".join(blocks), build)
    assert await enabled(build) == {
        ("dns://:53", "a.test.", "prometheus"),
        ("dns://:53", "a.test.", "ready"),
        ("dns://:1053", "b.test.", "prometheus"),
        ("dns://:1053", "b.test.", "ready"),
        *(("dns://[::1]:53", ".", name) for name in ("bind", "prometheus")),
        *(("dns://127.0.0.1:53", ".", name) for name in ("bind", "prometheus")),
    }


async def test_a_reload_forgets_the_plugins_of_the_former_corefile() -> None:
    metrics = Metrics()
    before, after = built(metrics), built(metrics)
    set_up("a.test {\nprometheus\nready\n}", before)
    await enabled(before)
    set_up("b.test {\nprometheus\n}", after)
    assert await enabled(after) == {("dns://:53", "b.test.", "prometheus")}


# Its lines.


@pytest.mark.parametrize(
    ("line", "address"),
    [
        pytest.param("prometheus", ("localhost", 9153), id="the default"),
        pytest.param("prometheus :9153", ("", 9153), id="a port is that of every address"),
        pytest.param("prometheus 0.0.0.0:9253", ("0.0.0.0", 9253), id="host and port"),
        pytest.param("prometheus [::1]:9153", ("::1", 9153), id="IPv6"),
        pytest.param("prometheus {\n runtime_metrics\n }", ("localhost", 9153), id="runtime_metrics"),
    ],
)
def test_a_line_gives_the_page_its_address(line: str, address: tuple[str, int]) -> None:
    build = built()
    set_up(f".:53 {{\n {line}\n}}", build)
    assert {at: list(pages) for at, pages in build.pages.items()} == {address: ["/metrics"]}
    assert build.tls.get(address) is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(
            "prometheus 9153",
            "Corefile:2: 'prometheus' takes an address: put a colon before the port: ':9153'",
            id="no colon",
        ),
        pytest.param("prometheus :1 :2", "Corefile:2: 'prometheus' takes 1 argument, not 2", id="two"),
        pytest.param(
            "prometheus {\n  runtime_metrics on\n }",
            "Corefile:3: 'runtime_metrics' takes no arguments: remove 'on'",
            id="an argument too many",
        ),
        pytest.param(
            "prometheus {\n  tls cert.pem key.pem\n }",
            "Corefile:3: 'tls' takes 1 argument, not 2",
            id="certificate and key, which an earlier CoreDNS took",
        ),
        pytest.param(
            "prometheus {\n  tsl web.yml\n }",
            "Corefile:3: 'prometheus' has no option 'tsl'; did you mean 'tls'? (it has runtime_metrics, tls)",
            id="no such option",
        ),
        pytest.param(
            "prometheus\n prometheus :9154",
            "Corefile:3: prometheus can stand only once in a server block; it is already at Corefile:2",
            id="twice in a block",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(line: str, text: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as failed:
        set_up(f".:53 {{\n {line}\n}}", built())
    assert str(failed.value) == text


# TLS.


AUTHORITY = trustme.CA()
"""Signs the servers' certificates, and the clients'."""


def write_certificate(folder: Path, name: str = "localhost") -> None:
    certificate = AUTHORITY.issue_cert(name, "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.crt")
    certificate.private_key_pem.write_to_path(folder / "server.key")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate, its key and the authority of both."""
    write_certificate(tmp_path)
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.crt")
    return tmp_path


PAIR = {"cert_file": "server.crt", "key_file": "server.key"}


def write_config(folder: Path, settings: Mapping[str, str] = PAIR, name: str = "web.yml") -> Path:
    lines = ["tls_server_config:", *(f"  {key}: {text}" for key, text in settings.items())]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


@asynccontextmanager
async def serving(build: Build, address: tuple[str, int] = DEFAULT) -> AsyncIterator[str]:
    """The pages of an address, as the process would serve them; gives the URL of /metrics."""
    tls = build.tls.get(address)
    server = HttpServer("127.0.0.1", 0, build.pages[address], tls=tls)
    await server.start()
    try:
        host, port = server.address
        yield f"https://{host}:{port}/metrics"
    finally:
        await server.stop()


def client(*, certificate: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if certificate:
        AUTHORITY.issue_cert("scraper").configure_cert(context)
    return context


async def scraped(url: str, context: ssl.SSLContext) -> str:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        session.get(url, ssl=context) as reply,
    ):
        return await reply.text()


async def test_the_page_is_served_over_tls(folder: Path) -> None:
    build = built()
    set_up(f". {{\nprometheus {{\ntls {write_config(folder)}\n}}\n}}", build)
    async with serving(build) as url:
        assert "coredns_build_info" in await scraped(url, client())


@pytest.mark.parametrize(
    ("auth", "certificate", "served"),
    [
        ("RequireAndVerifyClientCert", True, True),
        ("RequireAndVerifyClientCert", False, False),
        ("VerifyClientCertIfGiven", True, True),
        ("VerifyClientCertIfGiven", False, True),
    ],
)
async def test_clients_show_a_certificate_where_one_is_asked_for(
    auth: str, certificate: bool, served: bool, folder: Path
) -> None:
    config = write_config(folder, PAIR | {"client_auth_type": auth, "client_ca_file": "ca.crt"})
    build = built()
    set_up(f". {{\nprometheus {{\ntls {config}\n}}\n}}", build)
    async with serving(build) as url:
        if served:
            assert "coredns_build_info" in await scraped(url, client(certificate=certificate))
        else:
            with pytest.raises(aiohttp.ClientError):
                await scraped(url, client(certificate=certificate))


@pytest.mark.parametrize(("most", "served"), [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)])
async def test_a_version_under_the_minimum_is_turned_away(most: ssl.TLSVersion, served: bool, folder: Path) -> None:
    build, context = built(), client()
    config = write_config(folder, PAIR | {"min_version": "TLS13"})
    set_up(f". {{\nprometheus {{\ntls {config}\n}}\n}}", build)
    context.maximum_version = most
    async with serving(build) as url:
        if served:
            assert "coredns_build_info" in await scraped(url, context)
        else:
            with pytest.raises(aiohttp.ClientError):
                await scraped(url, context)


async def shown_name(url: str) -> str:
    """The name in the certificate that the server shows."""
    context = client()
    context.check_hostname = False
    port = int(url.split(":")[2].split("/")[0])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    names = writer.get_extra_info("peercert")["subjectAltName"]
    writer.close()
    await writer.wait_closed()
    return str(dict(names)["DNS"])


async def test_a_renewed_certificate_is_shown_from_the_next_connection_on(folder: Path) -> None:
    build = built()
    set_up(f". {{\nprometheus {{\ntls {write_config(folder)}\n}}\n}}", build)
    async with serving(build) as url:
        assert await shown_name(url) == "localhost"
        write_certificate(folder, "renewed.test")
        os.utime(folder / "server.crt", ns=(1, 1))
        assert await shown_name(url) == "renewed.test"
        assert "coredns_build_info" in await scraped(url, client())


@pytest.mark.parametrize("broken", ["server.crt", "server.key"])
async def test_a_certificate_renewed_halfway_is_logged_once_and_the_old_one_stays(
    broken: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = built()
    set_up(f". {{\nprometheus {{\ntls {write_config(folder)}\n}}\n}}", build)
    async with serving(build) as url:
        (folder / broken).write_text("half")
        os.utime(folder / broken, ns=(1, 1))
        assert await shown_name(url) == "localhost"
        assert await shown_name(url) == "localhost"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("kdns.plugin.prometheus", logging.WARNING)
        write_certificate(folder, "renewed.test")
        os.utime(folder / broken, ns=(2, 2))
        assert await shown_name(url) == "renewed.test"


async def test_blocks_at_one_address_share_its_tls(folder: Path) -> None:
    config = write_config(folder)
    build = built()
    set_up(f"a. {{\nprometheus\n}}\nb. {{\nprometheus {{ tls {config} }}\n}}", build)
    async with serving(build) as url:
        assert "coredns_build_info" in await scraped(url, client())


def test_an_address_has_its_tls_from_one_file(folder: Path) -> None:
    one, other = write_config(folder, name="one.yml"), write_config(folder, name="other.yml")
    corefile = "a. {{\nprometheus {{ tls {} }}\n}}\nb. {{\nprometheus {} {{ tls {} }}\n}}"
    set_up(corefile.format(one, "", one), built())
    set_up(corefile.format(one, ":9154", other), built())
    with pytest.raises(CorefileError) as failed:
        set_up(corefile.format(one, "", other), built())
    assert str(failed.value) == (
        f"Corefile:5: the address has its TLS from '{one}' already: name the same file, or another address"
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param(None, "{path}: No such file or directory", id="no file"),
        pytest.param("a: [", "line 1: no YAML: ", id="no YAML"),
        pytest.param("", "it has no section 'tls_server_config'", id="nothing"),
        pytest.param("tls_server_config: yes", "it has no section 'tls_server_config'", id="no section"),
        pytest.param("tls_server_config: {}", "its 'tls_server_config' has no 'cert_file'", id="no certificate"),
        pytest.param(
            "tls_server_config: {cert_file: server.crt}",
            "its 'tls_server_config' has no 'key_file'",
            id="no key",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {a: b}",
            "kdns cannot do 'basic_auth_users', of 'tls_server_config' only cert_file, key_file, ",
            id="passwords, which must not be passed over",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, client_allowed_sans: [a]}",
            "kdns cannot do 'client_allowed_sans', of 'tls_server_config' only cert_file, ",
            id="an option that it does not have",
        ),
        pytest.param(
            "tls_server_config: {cert_file: none.crt, key_file: server.key}",
            "{folder}/none.crt: No such file or directory",
            id="no certificate file",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.key, key_file: server.key}",
            "a certificate or key of it is not right: ",
            id="a certificate that is none",
        ),
        pytest.param(
            "tls_server_config: {cert_file: ca.crt, key_file: server.key}",
            "a certificate or key of it is not right: KEY_VALUES_MISMATCH",
            id="the key of another",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS10}",
            "its 'min_version' is 'TLS10'; kdns can do TLS12, TLS13",
            id="a version that is broken",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequestClientCert}",
            "its 'client_auth_type' is 'RequestClientCert'; kdns can do NoClientCert, Verify",
            id="certificates that nobody verifies",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt}",
            "'client_ca_file' and a 'client_auth_type' that verifies need one another",
            id="an authority that is not asked",
        ),
        pytest.param(
            "tls_server_config: {cert_file: server.crt, key_file: server.key,"
            " client_auth_type: RequireAndVerifyClientCert}",
            "'client_ca_file' and a 'client_auth_type' that verifies need one another",
            id="no authority to ask",
        ),
    ],
)
def test_a_web_configuration_that_is_of_no_use_is_a_mistake_of_its_line(
    text: str | None, mistake: str, folder: Path
) -> None:
    path = folder / "web.yml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CorefileErrors) as failed:
        set_up(f". {{\nprometheus {{\n  tls {path}\n}}\n}}", built())
    start = f"Corefile:3: 'tls' takes a Prometheus web configuration file; '{path}' is of no use: "
    assert str(failed.value).startswith(start + mistake.format(path=path, folder=folder))
    assert "\n" not in str(failed.value)


def test_a_key_with_a_password_is_a_mistake_not_a_prompt(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    plain = form.load_pem_private_key((folder / "server.key").read_bytes(), None)
    locked = plain.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"secret"))
    (folder / "server.key").write_bytes(locked)
    with pytest.raises(CorefileErrors, match="a certificate or key of it is not right: "):
        set_up(f". {{\nprometheus {{\n  tls {write_config(folder)}\n}}\n}}", built())
