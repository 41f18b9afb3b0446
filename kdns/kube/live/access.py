"""How to reach an API server: a Pod's service account, a kubeconfig, or an address with certificate files.

Credentials live in files that others change while we run: they are looked at before each request, and
read again when they changed or when the server refuses them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kdns.kube.live import session
from kdns.kube.live.session import Settings
from kdns.kube.wanted import Server

_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PLUGIN_WITHIN = 60.0
"""Seconds that a kubeconfig's exec plugin has; everything else waits for it."""


class AccessFault(Exception):
    """Credentials that are missing or broken: one line, with the file's name."""


class Access(Protocol):
    """A way to an API server."""

    def describe(self) -> str:
        """For people."""

    def files(self) -> tuple[str, ...]:
        """The files that credentials come from, as far as they are known before they are read."""

    async def settings(self) -> Settings:
        """Read the credentials. Raises AccessFault."""


@dataclass(frozen=True, slots=True)
class InCluster:
    """The service account that every Pod has (Kubernetes: "Accessing the API from a Pod")."""

    token_file: str = f"{_ACCOUNT}/token"
    authority: str = f"{_ACCOUNT}/ca.crt"
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def describe(self) -> str:
        """For people."""
        return "the cluster's API server"

    def files(self) -> tuple[str, ...]:
        """Token and authority."""
        return self.token_file, self.authority

    async def settings(self) -> Settings:
        """Read both. Raises AccessFault."""
        if not self.environ.get("KUBERNETES_SERVICE_HOST"):
            raise AccessFault(
                "not in a cluster (KUBERNETES_SERVICE_HOST is not set): "
                "'kubeconfig FILE' or 'endpoint URL' tell where the API server is, 'manifests PATH' does without"
            )
        for file in self.files():
            _readable(file)
        with _blaming(self.token_file):
            settings = session.cluster_settings(self.token_file, self.authority, self.environ)
            session.token_of(settings)
        return _checked(settings)


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A kubeconfig file, and perhaps a context of it."""

    file: str
    context: str | None = None

    def describe(self) -> str:
        """For people."""
        return f"the API server of {self.file}" + (f", context {self.context}" if self.context else "")

    def files(self) -> tuple[str, ...]:
        """The kubeconfig itself."""
        return (self.file,)

    async def settings(self) -> Settings:
        """Read it, run its exec plugin. Raises AccessFault."""
        from kdns.kube.live import library  # with a YAML reader and more that nothing else here needs

        _readable(self.file)
        with _blaming(self.file):
            async with asyncio.timeout(_PLUGIN_WITHIN):
                settings = await library.kubeconfig_settings(self.file, self.context)
            session.token_of(settings)
            return _checked(settings)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, and perhaps files of a client certificate, its key and an authority."""

    url: str
    cert: str = ""
    key: str = ""
    authority: str = ""

    def describe(self) -> str:
        """For people."""
        return self.url

    def files(self) -> tuple[str, ...]:
        """The files that are named."""
        return tuple(file for file in (self.cert, self.key, self.authority) if file)

    async def settings(self) -> Settings:
        """Check the files. Raises AccessFault."""
        for file in self.files():
            _readable(file)
        return _checked(session.plain_settings(self.url, self.cert, self.key, self.authority))


@contextmanager
def _blaming(file: str) -> Iterator[None]:
    """Blame a file for all that goes wrong.

    The library lets out whatever it meets in it: errors of YAML, of Base64, of a plugin's JSON, lookups in null.
    """
    try:
        yield
    except TimeoutError:
        raise AccessFault(f"{file}: its exec plugin did not end within {_PLUGIN_WITHIN:g} seconds") from None
    except Exception as error:
        text = " ".join(str(error).split())
        raise AccessFault(f"{file}: {text or type(error).__name__}") from None


def _readable(file: str) -> None:
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(1)
    except OSError as error:
        raise AccessFault(f"{file}: {error.strerror}") from None
    if not content:
        raise AccessFault(f"{file}: the file is empty")


def _checked(settings: Settings) -> Settings:
    try:
        session.check_certificates(settings)
    except session.CredentialFault as error:
        raise AccessFault(str(error)) from None
    return settings


def access(wanted: Server) -> Access:
    """The way that a Corefile names; a kubeconfig wins over an endpoint, as in CoreDNS."""
    if wanted.kubeconfig:
        return Kubeconfig(*wanted.kubeconfig)
    if wanted.endpoint:
        return Address(wanted.endpoint, *wanted.tls)
    return InCluster()
