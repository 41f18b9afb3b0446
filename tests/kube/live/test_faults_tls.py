"""What goes wrong with encryption and credentials while a cluster is followed. Judged by answers."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import service
from tests.kube.live.exchange import Exchange, Request, event, says
from tests.kube.live.following import Following, corefile, loaded, stock

CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{url}", certificate-authority: "{folder}/ca.crt"}}}}]
users: [{{name: u, user: {{tokenFile: "{folder}/token"}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def goes_on(request: Request) -> bool:
    return request.watch and "sendInitialEvents" not in request.query


def encryption(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


class Inside:
    """A server that wants TLS and a token, and the files that a client has of them."""

    def __init__(self, api: ApiServer, dns: Following, folder: Path) -> None:
        self.api, self.dns, self._folder = api, dns, folder

    def write(self, name: str, content: bytes) -> None:
        """Put a file in the place of another, as the kubelet does."""
        (self._folder / "new").write_bytes(content)
        (self._folder / "new").replace(self._folder / name)

    async def hears(self, within: float = 5.0) -> None:
        """It follows: a new Service is answered."""
        name = f"n{self.api.version}"
        self.api.etcd.put(service(name, "10.96.0.9"))
        await self.dns.until(f"{name}.shop", "10.96.0.9", within)


@asynccontextmanager
async def inside(folder: Path) -> AsyncIterator[Inside]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    (folder / "token").write_text("first")
    async with api_server(tls=encryption(authority)) as api:
        api.tokens = {"first"}
        stock(api.etcd)
        (folder / "config").write_text(CONFIG.format(url=api.url, folder=folder))
        async with loaded(corefile(f"kubeconfig {folder}/config")) as dns:
            yield Inside(api, dns, folder)


@pytest.mark.parametrize("ends", ["fin", "reset", "cut"])
async def test_fault_08_an_event_that_is_cut_in_the_middle_of_tls(ends: str, tmp_path: Path) -> None:
    async with inside(tmp_path) as here:

        async def torn(exchange: Exchange) -> None:
            version = here.api.etcd.put(service("torn", "10.96.0.8"))
            (change,) = here.api.etcd.since(version - 1, "services")
            assert change.new is not None
            await says(event("ADDED", change.new)[:100], ends=ends)(exchange)

        here.api.script("services", torn, when=goes_on)
        with here.dns.steady():
            await here.api.cut_all()
            await here.dns.until("torn.shop", "10.96.0.8", 10)
        assert here.dns.relists("expired") == here.dns.relists("broken") == 0


async def test_fault_11_half_open_connections_with_tls(tmp_path: Path) -> None:
    async with inside(tmp_path) as here:
        here.api.mute()
        with here.dns.steady():
            await here.hears(30)


async def test_fault_15_a_token_that_was_replaced(tmp_path: Path) -> None:
    async with inside(tmp_path) as here:
        here.write("token", b"second\n")
        here.api.tokens = {"second"}
        with here.dns.steady():
            await here.api.cut_all()
            await here.hears()


@pytest.mark.parametrize("content", [b"", b"sec"], ids=["empty", "half-written"])
async def test_fault_15_a_token_file_that_is_not_whole_yet(content: bytes, tmp_path: Path) -> None:
    async with inside(tmp_path) as here:
        here.write("token", content)
        here.api.tokens = {"second"}
        with here.dns.steady():
            await here.api.cut_all()
            with pytest.raises(AssertionError, match="NXDOMAIN"):
                await here.hears()
            here.write("token", b"second\n")
            await here.hears(60)


@pytest.mark.parametrize("first", ["file", "server"])
async def test_fault_17_another_authority(first: str, tmp_path: Path) -> None:
    async with inside(tmp_path) as here:
        authority = trustme.CA()
        with here.dns.steady():
            await here.api.kill()
            here.api.tls = encryption(authority)
            if first == "file":
                here.write("ca.crt", authority.cert_pem.bytes())
                await here.api.start()
            else:
                await here.api.start()
                with pytest.raises(AssertionError, match="NXDOMAIN"):
                    await here.hears()
                here.write("ca.crt", authority.cert_pem.bytes())
            await here.hears(10)


async def test_fault_17_a_file_that_cannot_be_parsed_leaves_the_last_authority(tmp_path: Path) -> None:
    async with inside(tmp_path) as here:
        here.write("ca.crt", b"-----BEGIN CERTIFICATE-----\nhalf")
        with here.dns.steady():
            await here.api.cut_all()
            await here.hears(10)
