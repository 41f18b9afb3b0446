"""Connections to an API server, and what they are made with: the only module that speaks to aiohttp's client.

`library` reads a kubeconfig into the same settings; nothing of it is imported where there is none, as in a Pod.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from kdns.lean import aiohttp

_CONNECT_WITHIN = 10.0

HttpFault = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a session raises when the server cannot be reached or talked to."""


class CredentialFault(Exception):
    """Credentials that cannot be used: one line, with the name of the file if it is not the one that was asked for."""


@dataclass(slots=True)
class Settings:
    """How to reach an API server; the names are those by which kubernetes-asyncio sets them.

    The files are PEM. `api_key` has the `Authorization` header's value as `BearerToken`, if there is one.
    """

    host: str
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_ssl: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    api_key: dict[str, str] = field(default_factory=dict)


def plain_settings(url: str, cert: str = "", key: str = "", authority: str = "") -> Settings:
    """For an `endpoint` with, perhaps, `tls` files. Without a scheme it is HTTPS if there are any (as client-go)."""
    scheme = "" if "://" in url else "https://" if cert or authority else "http://"
    return Settings(scheme + url.rstrip("/"), authority or None, cert or None, key or None)


def cluster_settings(token_file: str, authority: str, environ: Mapping[str, str]) -> Settings:
    """For a Pod's service account (Kubernetes: "Accessing the API from a Pod").

    Raises CredentialFault, and what comes of a token file that is not there or no text.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise CredentialFault("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set")
    settings = Settings(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}", authority)
    settings.api_key["BearerToken"] = "Bearer " + Path(token_file).read_text(encoding="utf-8")
    return settings


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


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # From Python 3.13 certificates are held to RFC 5280 to the letter, which clusters' own authorities often are not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class Session:
    """A pool of HTTP connections made with settings. Must be made inside the event loop. Raises OSError (ssl)."""

    def __init__(self, settings: Settings) -> None:
        # HTTPS alone needs a context: the system's authorities are half a megabyte.
        encryption = _context(settings) if settings.host.lower().startswith("https:") else True
        # As many connections as there are watches: a bound would let some of them wait for ever.
        connector = aiohttp.TCPConnector(limit=0, ssl=encryption)
        self._http = aiohttp.ClientSession(connector=connector, trust_env=True)
        self._host = settings.host
        self._proxy = settings.proxy
        self._server_name = settings.tls_server_name

    async def get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The response when its headers have come; the caller reads or closes it. Raises HttpFault."""
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=_CONNECT_WITHIN, sock_read=None)
        url = f"{self._host}{path}?{urlencode(query)}" if query else self._host + path
        try:
            return await self._http.get(
                url, headers=headers, timeout=timeout, proxy=self._proxy, server_hostname=self._server_name
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It was not we who were cancelled: the pool was closed while it looked a name up.
            raise ConnectionAbortedError("the connection was given up while it was made") from None

    async def close(self) -> None:
        """End all connections, those of watches too."""
        await self._http.close()


Response = aiohttp.ClientResponse
