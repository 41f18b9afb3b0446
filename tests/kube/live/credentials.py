"""What tests of credentials share: certificate authorities, servers that check, files as the kubelet writes them."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from kdns.kube.live.access import InCluster
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import service
from tests.kube.live.following import Following, stock

KUBERNETES = "kdns.plugin.kubernetes"


class Authority:
    """A certificate authority, and a server's context that is of it."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.pem = self.ca.cert_pem.bytes()

    def context(self, *names: str, clients: Authority | None = None) -> ssl.SSLContext:
        """For a server of these names; with `clients` it wants a certificate of theirs."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1",))).configure_cert(made)
        if clients is not None:
            made.load_verify_locations(cadata=clients.pem.decode())
            made.verify_mode = ssl.CERT_REQUIRED
        return made

    def client(self) -> tuple[bytes, bytes]:
        """A client's certificate and its key."""
        made = self.ca.issue_cert("client.example")
        return made.cert_chain_pems[0].bytes(), made.private_key_pem.bytes()


class Account:
    """A service account's files, replaced as the kubelet does it: all at once, by one symbolic link."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self.way = InCluster(str(folder / "token"), str(folder / "ca.crt"), {})

    def write(self, token: bytes | None, authority: bytes | None) -> None:
        """New contents; None for a file that is not there."""
        made = self._folder / f"..2026_{next(self._numbers)}"
        made.mkdir()
        for name, content in (("token", token), ("ca.crt", authority)):
            if content is not None:
                (made / name).write_bytes(content)
            link = self._folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        swapped = self._folder / "..data_tmp"
        swapped.symlink_to(made.name)
        swapped.replace(self._folder / "..data")


@asynccontextmanager
async def guarded(authority: Authority, *tokens: str, **more: Any) -> AsyncIterator[ApiServer]:
    """A server with TLS that takes these tokens."""
    async with api_server(tls=authority.context(**more)) as api:
        api.tokens = set(tokens) or None
        stock(api.etcd)
        yield api


async def restart(api: ApiServer, context: ssl.SSLContext | None = None) -> None:
    """End all connections, perhaps come back with another certificate."""
    await api.kill()
    api.tls = context or api.tls
    await api.start()


def sent(api: ApiServer) -> set[str]:
    """The tokens of the requests so far; forgets them."""
    found = {request.headers.get("authorization", "").removeprefix("Bearer ") for request in api.requests}
    api.requests.clear()
    return found


async def shows_news(api: ApiServer, dns: Following, within: float = 5.0) -> None:
    """A change is seen."""
    ip = f"10.96.9.{api.etcd.version % 250}"
    api.etcd.put(service("news", ip))
    await dns.until("news.shop", ip, within)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == KUBERNETES]


def host(api: ApiServer) -> str:
    return f"127.0.0.1:{api.port}"
