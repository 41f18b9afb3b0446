"""Credentials of a Pod or a Corefile that change, break, expire and come back, as a server that checks them sees it.

Those of a kubeconfig: test_kubeconfig_users.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from kdns.kube.live import access
from kdns.kube.live.access import AccessFault, InCluster
from tests.kube.live.apiserver import ApiServer
from tests.kube.live.credentials import Account, Authority, guarded, host, restart, sent, shows_news, told
from tests.kube.live.following import STEADY, Following, corefile, following, loaded

Inside = Callable[[ApiServer], AbstractAsyncContextManager[Following]]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    folder = tmp_path / "account"
    folder.mkdir()
    return Account(folder)


@pytest.fixture
def in_cluster(account: Account, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """kdns that runs in a Pod which has this account."""

    @asynccontextmanager
    async def inside(api: ApiServer) -> AsyncIterator[Following]:
        environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
        way = InCluster(account.way.token_file, account.way.authority, environ)
        monkeypatch.setattr(access, "access", lambda _: way)
        async with loaded(corefile()) as dns:
            yield dns

    return inside


# A Pod's service account.


async def test_a_token_that_the_kubelet_replaces_is_sent_from_then_on(account: Account, in_cluster: Inside) -> None:
    authority = Authority()
    account.write(b"one", authority.pem)
    async with guarded(authority, "one") as api, in_cluster(api) as dns:
        assert sent(api) == {"one"}
        account.write(b"two\n", authority.pem)
        api.tokens = {"two"}
        with dns.steady():
            await api.cut_all()
            await shows_news(api, dns)
        assert sent(api) == {"two"}, "no request is spent on finding out"


@pytest.mark.parametrize("broken", [b"", b"\n", b"tw\x00o", b"two parts", "zw\u00f6lf".encode(), b"\xff", None])
async def test_a_token_that_is_none_does_not_take_the_place_of_the_last(
    account: Account, in_cluster: Inside, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority()
    account.write(b"one", authority.pem)
    async with guarded(authority, "one", "two") as api, in_cluster(api) as dns:
        sent(api)
        account.write(broken, authority.pem)
        with dns.steady():
            for _ in range(3):
                await api.cut_all()
                await shows_news(api, dns)
            assert sent(api) == {"one"}
            account.write(b"two", authority.pem)
            await api.cut_all()
            await shows_news(api, dns)
        assert sent(api) == {"two"}
        lines = [line for line in told(caplog) if "going on with what was read before" in line]
        assert len(lines) == 1
        assert lines[0].startswith(f"{account.way.token_file}: ")


async def test_a_token_that_is_refused_is_asked_about_until_the_file_has_another(
    account: Account, in_cluster: Inside
) -> None:
    authority = Authority()
    account.write(b"one", authority.pem)
    async with guarded(authority, "one") as api, in_cluster(api) as dns:
        api.tokens = {"two"}
        with dns.steady():
            await api.cut_all()
            await asyncio.sleep(200)
            assert dns.ready() == ""
            account.write(b"two", authority.pem)
            await shows_news(api, dns, 61)
        assert dns.metric("coredns_kubernetes_rest_client_requests_total", code="401", method="GET", host=host(api)) > 3


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
async def test_without_its_files_start_goes_on_says_so_once_and_heals_when_they_come(
    account: Account, in_cluster: Inside, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority()
    files = {"token": b"one", "ca.crt": authority.pem}
    account.write(*({**files, missing: None}).values())
    async with guarded(authority, "one") as api, in_cluster(api) as dns:
        assert (dns.shown("web.shop"), dns.codes("web.shop")) == ("SERVFAIL", [14])
        assert dns.ready() == "services, endpointslices, namespaces from the cluster's API server"
        assert api.requests == []
        await asyncio.sleep(300)
        path = account.way.token_file if missing == "token" else account.way.authority
        assert [line for line in told(caplog) if path in line] == [f"{path}: No such file or directory"]
        account.write(*files.values())
        for name, right in STEADY.items():
            await dns.until(name, right, 5)
        assert dns.ready() == ""


async def test_outside_a_cluster_it_says_what_else_there_is(account: Account) -> None:
    with pytest.raises(AccessFault, match=r"not in a cluster .*'kubeconfig FILE' or 'endpoint URL'"):
        await account.way.settings()


async def test_another_authority_is_believed_once_its_file_says_so(account: Account, in_cluster: Inside) -> None:
    old, new = Authority(), Authority()
    account.write(b"one", old.pem)
    async with guarded(old, "one") as api, in_cluster(api) as dns:
        with dns.steady():
            await restart(api, new.context())
            await asyncio.sleep(60)
            assert dns.metric(
                "coredns_kubernetes_rest_client_requests_total", code="<error>", method="GET", host=host(api)
            )
            account.write(b"one", new.pem)
            await shows_news(api, dns)


async def test_connections_of_the_old_authority_end_when_its_file_changes(account: Account, in_cluster: Inside) -> None:
    authority = Authority()
    account.write(b"one", authority.pem)
    async with guarded(authority, "one") as api, in_cluster(api) as dns:
        before = set(api.connections)
        account.write(b"one", authority.pem + Authority().pem)
        with dns.steady():
            await asyncio.sleep(60)
            await shows_news(api, dns)
        assert before.isdisjoint(api.connections)


@pytest.mark.parametrize("broken", [b"-----BEGIN CERTIFICATE-----\nMIIB", b"", None], ids=["half", "empty", "gone"])
async def test_an_authority_s_file_that_is_broken_leaves_the_last_one(
    account: Account, in_cluster: Inside, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority()
    account.write(b"one", authority.pem)
    async with guarded(authority, "one") as api, in_cluster(api) as dns:
        account.write(b"one", broken)
        with dns.steady():
            await api.cut_all()
            await shows_news(api, dns)
            account.write(b"one", authority.pem)
            await api.cut_all()
            await shows_news(api, dns)
        assert [line for line in told(caplog) if line.startswith(f"{account.way.authority}: ")] != []


# endpoint and tls.


async def test_an_endpoint_with_tls_shows_its_certificate_and_another_when_the_file_changes(tmp_path: Path) -> None:
    servers, old, new = Authority(), Authority(), Authority()
    cert, key, ca = (tmp_path / name for name in ("client.crt", "client.key", "ca.crt"))
    ca.write_bytes(servers.pem)

    def show(authority: Authority) -> None:
        for file, content in zip((cert, key), authority.client(), strict=True):
            file.write_bytes(content)

    show(old)
    async with guarded(servers, clients=old) as api, following(api, f"tls {cert} {key} {ca}") as dns:
        assert {name: dns.shown(name) for name in STEADY} == STEADY
        with dns.steady():
            await restart(api, servers.context(clients=new))
            await asyncio.sleep(30)
            show(new)
            await shows_news(api, dns)
            key.write_bytes(old.client()[1])
            await api.cut_all()
            await shows_news(api, dns)
