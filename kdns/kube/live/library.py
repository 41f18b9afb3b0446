"""What is taken from kubernetes-asyncio: configuration, credentials, the HTTP session.

This is the only module that speaks to it, and to aiohttp's client, which its session is. Its package
imports 850 generated modules of models and calls that are never needed here, some 30 MB. The two
packages that would import them are put in place bare: their submodules are found as ever,
but their `__init__` does not run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, cast

import aiohttp

_PACKAGE = "kubernetes_asyncio"


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
    from kubernetes_asyncio.config import ConfigException
    from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
    from kubernetes_asyncio.config.kube_config import load_kube_config

    return Configuration, RESTClientObject, ConfigException, (InClusterConfigLoader, load_kube_config)


_Configuration, _Rest, _ConfigException, (_InCluster, _load_kube_config) = _import()

CredentialFault: type[Exception] = _ConfigException
"""What the library raises of credentials that are missing or broken."""
HttpFault = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a session raises when the server cannot be reached or talked to."""

Settings = Any
"""The library's Configuration: host, certificate files, token."""


def plain_settings(host: str, cert: str = "", key: str = "", authority: str = "") -> Settings:
    """For an `endpoint` with, perhaps, `tls` files. Raises OSError for files that cannot be read."""
    settings = _Configuration(host=host.rstrip("/"))
    settings.cert_file, settings.key_file = cert or None, key or None
    settings.ssl_ca_cert = authority or None
    return settings


def cluster_settings(token_file: str, authority: str, environ: Mapping[str, str]) -> Settings:
    """For a Pod's service account. Raises CredentialFault and OSError."""
    settings = _Configuration()
    _InCluster(token_file, authority, try_refresh_token=False, environ=dict(environ)).load_and_set(settings)
    return settings


async def kubeconfig_settings(file: str, context: str | None) -> Settings:
    """For a kubeconfig with everything that the library supports. Raises CredentialFault, OSError, ValueError."""
    settings = _Configuration()
    await _load_kube_config(config_file=file, context=context, client_configuration=settings, persist_config=False)
    return settings


def token_of(settings: Settings) -> str:
    """The `Authorization` header's value, empty for none; a file's final newline is no part of a token."""
    return str(settings.api_key.get("BearerToken", "")).strip()


class Session:
    """A pool of HTTP connections made with settings. Must be made inside the event loop. Raises OSError (ssl)."""

    def __init__(self, settings: Settings) -> None:
        self._rest = _Rest(settings)
        self._host = settings.host

    async def get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The response when its headers have come; the caller reads or closes it. Raises HttpFault."""
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=10, sock_read=None)
        response = await self._rest.request(
            "GET",
            self._host + path,
            query_params=list(query.items()),
            headers=dict(headers),
            _preload_content=False,
            _request_timeout=timeout,
        )
        return cast(aiohttp.ClientResponse, response)

    async def close(self) -> None:
        """End all connections, those of watches too."""
        await self._rest.close()


Response = aiohttp.ClientResponse
