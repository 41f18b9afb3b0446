"""What is taken from kubernetes-asyncio: configuration, credentials, the HTTP session.

This is the only module that speaks to it, and to aiohttp's client, which its session is. Its package
imports 850 generated modules of models and calls that are never needed here, some 30 MB. The two
packages that would import them are put in place bare: their submodules are found as ever,
but their `__init__` does not run.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import aiohttp

from kdns.kube.live import programs

_PACKAGE = "kubernetes_asyncio"
_CONNECT_WITHIN = 10.0


def _bare(name: str, parent: ModuleType | None = None) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = PathFinder.find_spec(name, list(parent.__path__) if parent else None)
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)
    module = ModuleType(name)
    module.__spec__ = spec
    module.__path__ = list(spec.submodule_search_locations or ())
    sys.modules[name] = module
    return module


def _import() -> tuple[Any, Any, Any, Any]:
    client = _bare(f"{_PACKAGE}.client", _bare(_PACKAGE))
    from kubernetes_asyncio.client.configuration import Configuration

    # What kube_config takes from the package it stands in; ApiClient only for calls that are not made here.
    vars(client).setdefault("Configuration", Configuration)
    vars(client).setdefault("ApiClient", object)
    from kubernetes_asyncio.client.rest import RESTClientObject
    from kubernetes_asyncio.config import exec_provider, kube_config
    from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader

    exec_provider.asyncio = programs.Watched()  # type: ignore[assignment, attr-defined]

    # What it logs of a failure it also raises, and that is told by who asked.
    logging.getLogger(_PACKAGE).addHandler(logging.NullHandler())
    return Configuration, RESTClientObject, InClusterConfigLoader, kube_config


_Configuration, _Rest, _InCluster, _kube_config = _import()

HttpFault = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a session raises when the server cannot be reached or talked to."""

Settings = Any
"""The library's Configuration: host, certificate files, token."""


class CredentialFault(Exception):
    """Credentials that cannot be used: one line, with the name of the file if it is not the one that was asked for."""


def _settings(host: str | None = None) -> Settings:
    settings = _Configuration(host=host)
    # From Python 3.13 certificates are held to RFC 5280 to the letter, which clusters' own authorities often are not.
    settings.disable_strict_ssl_verification = True
    return settings


def plain_settings(url: str, cert: str = "", key: str = "", authority: str = "") -> Settings:
    """For an `endpoint` with, perhaps, `tls` files. Without a scheme it is HTTPS if there are any (as client-go)."""
    scheme = "" if "://" in url else "https://" if cert or authority else "http://"
    settings = _settings(scheme + url.rstrip("/"))
    settings.cert_file, settings.key_file = cert or None, key or None
    settings.ssl_ca_cert = authority or None
    return settings


def cluster_settings(token_file: str, authority: str, environ: Mapping[str, str]) -> Settings:
    """For a Pod's service account. Raises whatever the library does of what it cannot read."""
    settings = _settings()
    _InCluster(token_file, authority, try_refresh_token=False, environ=dict(environ)).load_and_set(settings)
    return settings


async def kubeconfig_settings(file: str, context: str | None) -> Settings:
    """For a kubeconfig with everything that the library supports. Raises whatever it does of what it cannot read."""
    settings = _settings()
    _forget_lost_files()
    async with programs.ended():
        loader = await _kube_config.load_kube_config(
            config_file=file, context=context, client_configuration=settings, persist_config=False
        )
    asks_program = "exec" in (loader._user or ())  # noqa: SLF001  # the library only logs that nothing came of it
    if asks_program and not settings.api_key and not settings.cert_file:
        raise CredentialFault("its exec plugin gave neither a token nor a certificate with its key")
    return settings


def _forget_lost_files() -> None:
    """The library keeps certificates in temporary files and never looks whether those are still there."""
    kept = _kube_config._temp_files  # noqa: SLF001
    for content in [content for content, file in kept.items() if not Path(file).is_file()]:
        del kept[content]


def token_of(settings: Settings) -> str:
    """The `Authorization` header's value, empty for none; a file's final newline is no part of a token.

    Raises CredentialFault for one that no header can have: that of a file half written.
    """
    value = str(settings.api_key.get("BearerToken", "")).strip()
    scheme, _, token = value.partition(" ")
    if scheme and not token:
        raise CredentialFault("the token is empty")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialFault("the token has characters that no token has")
    return value


def check_certificates(settings: Settings) -> None:
    """Raise CredentialFault, which names the file, where a session could not be made of the certificate files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.ssl_ca_cert:
        try:
            context.load_verify_locations(settings.ssl_ca_cert)
        except OSError as error:
            raise CredentialFault(f"{settings.ssl_ca_cert}: no certificate of an authority: {_reason(error)}") from None
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
        except OSError as error:
            pair = f"{settings.cert_file}: no certificate with its key"
            key = f" in {settings.key_file}" if settings.key_file else ""
            raise CredentialFault(f"{pair}{key}: {_reason(error)}") from None


def _no_password() -> str:
    """Without this OpenSSL would ask whoever sits at the terminal."""
    raise CredentialFault("a key that is locked with a password cannot be used")


def _reason(error: OSError) -> str:
    named = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return str(named or "it cannot be read").lower().replace("_", " ")


class Session:
    """A pool of HTTP connections made with settings. Must be made inside the event loop. Raises OSError (ssl)."""

    def __init__(self, settings: Settings) -> None:
        # As many connections as there are watches: a bound would let some of them wait for ever.
        self._rest = _Rest(settings, maxsize=0)
        self._host = settings.host

    async def get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The response when its headers have come; the caller reads or closes it. Raises HttpFault."""
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=_CONNECT_WITHIN, sock_read=None)
        try:
            response = await self._rest.request(
                "GET",
                self._host + path,
                query_params=list(query.items()),
                headers=dict(headers),
                _preload_content=False,
                _request_timeout=timeout,
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It was not we who were cancelled: the pool was closed while it looked a name up.
            raise ConnectionAbortedError("the connection was given up while it was made") from None
        return cast(aiohttp.ClientResponse, response)

    async def close(self) -> None:
        """End all connections, those of watches too."""
        await self._rest.close()


Response = aiohttp.ClientResponse
