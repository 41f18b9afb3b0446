"""Prometheus web configuration files (prometheus.io, "HTTPS and authentication"): TLS for a page.

Whatever such a file asks for that kdns cannot do is an error, so that nothing that should protect
a page is passed over.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from kdns.kube.files.located import Mistake
from kdns.log import logger

T = TypeVar("T")

_log = logger("prometheus")

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
"""Not TLS10 and TLS11: RFC 8996."""
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""Go's other two take any certificate, unverified."""
_FILES = ("cert_file", "key_file", "client_ca_file")
_KNOWN = (*_FILES, "client_auth_type", "min_version", "max_version")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A Prometheus web configuration file (prometheus.io, "HTTPS and authentication") that was read."""

    path: str
    tls: ssl.SSLContext


def read_web_config(path: str) -> WebConfig:
    """Read a file; its certificates are read again when they change. Raises ValueError for what is of no use."""
    try:
        settings = _tls_server_config(_read(Path(path)))
        files = {name: Path(path).parent / str(settings[name]) for name in _FILES if settings.get(name)}
        return WebConfig(path, _renewed(partial(_context, settings, files), list(files.values())))
    except ssl.SSLError as error:
        raise ValueError(f"a certificate or key of it is not right: {error.reason or error}") from None
    except OSError as error:
        raise ValueError(f"{error.filename or path}: {error.strerror}") from None


def _read(path: Path) -> object:
    """The first document of a YAML file, None if there is none. Raises OSError, and ValueError for what is no YAML."""
    from kdns.kube.files.yaml_text import read_yaml  # only who has such a file needs a YAML reader

    match next(read_yaml(path.read_text(encoding="utf-8")), None):
        case Mistake(line, text):
            raise ValueError(f"line {line}: {text}")
        case None:
            return None
        case document:
            return document.value


def _tls_server_config(read: object) -> Mapping[str, object]:
    """The section on TLS. Raises ValueError for what is missing, and for what cannot be done."""
    match read:
        case {"tls_server_config": dict(settings), **others}:
            if unknown := [*others, *(name for name in settings if name not in _KNOWN)]:
                raise ValueError(f"kdns cannot do '{unknown[0]}', of 'tls_server_config' only {', '.join(_KNOWN)}")
            if lacking := [name for name in _FILES[:2] if not settings.get(name)]:
                raise ValueError(f"its 'tls_server_config' has no '{lacking[0]}'")
            return settings
    raise ValueError("it has no section 'tls_server_config'")


def _context(settings: Mapping[str, object], files: Mapping[str, Path]) -> ssl.SSLContext:
    """Raises ValueError, and OSError (which ssl.SSLError is)."""
    for file in files.values():
        file.open("rb").close()  # ssl does not say which of its files could not be read
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _choice(settings, "min_version", _VERSIONS, "TLS12")
    context.maximum_version = _choice(settings, "max_version", _VERSIONS, "TLS13")
    context.verify_mode = _choice(settings, "client_auth_type", _CLIENT_AUTH, "NoClientCert")
    authority = files.get("client_ca_file")
    if (authority is None) != (context.verify_mode is ssl.CERT_NONE):
        raise ValueError("'client_ca_file' and a 'client_auth_type' that verifies need one another")
    if authority:
        context.load_verify_locations(authority)
    context.load_cert_chain(files["cert_file"], files["key_file"], password="")  # or it asks at the terminal
    return context


def _choice(settings: Mapping[str, object], name: str, choices: Mapping[str, T], default: str) -> T:
    text = settings.get(name, default)
    if isinstance(text, str) and text in choices:
        return choices[text]
    raise ValueError(f"its '{name}' is {text!r}; kdns can do {', '.join(choices)}")


def _renewed(make: Callable[[], ssl.SSLContext], files: Sequence[Path]) -> ssl.SSLContext:
    """A context that looks at each handshake whether the files have changed, and goes over to the new."""
    seen = _stamps(files)
    context = current = make()

    def look(connection: ssl.SSLObject, name: str | None, offered: ssl.SSLContext) -> None:
        nonlocal current, seen
        found = _stamps(files)
        if found != seen:
            seen = found
            try:
                current = make()
            except (OSError, ValueError) as error:
                _log.warning("the certificate is not renewed: %s", error)
        connection.context = current

    context.sni_callback = look
    return context


def _stamps(files: Sequence[Path]) -> list[tuple[int, int] | None]:
    """What changes when the files do; None for one that is not there."""
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
