"""What is taken of kubernetes-asyncio: little of its memory, and settings as they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from kdns.kube.live import library

_MEASURE = """
import sys
sys.path[:0] = {path!r}
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
{imported}
print(resident())
print(*sorted(name for name in sys.modules if name.startswith("kubernetes_asyncio")))
"""
LEAST = 25 * 1024
"""KiB that must be saved."""


def imported(line: str) -> tuple[int, list[str]]:
    """Resident memory in KiB after an import in a process of its own, and the library's modules that it has then."""
    script = _MEASURE.format(path=sys.path, imported=line)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    memory, modules = done.stdout.splitlines()
    return int(memory), modules.split()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read as Linux tells it")
def test_the_generated_models_and_calls_are_never_imported_and_their_memory_is_saved() -> None:
    ours, modules = imported("import kdns.kube.live.library")
    assert "kubernetes_asyncio.config.kube_config" in modules
    assert [
        name
        for name in modules
        if name.startswith(("kubernetes_asyncio.client.models", "kubernetes_asyncio.client.api"))
    ] == []
    whole, all_modules = imported("import aiohttp, kubernetes_asyncio")
    assert "kubernetes_asyncio.client.models" in all_modules
    assert whole - ours > LEAST


def test_who_has_the_whole_library_already_can_use_it_beside() -> None:
    _, modules = imported("import kubernetes_asyncio, kdns.kube.live.library")
    assert "kubernetes_asyncio.client.models" in modules


@pytest.mark.parametrize(
    ("url", "cert", "host"),
    [
        ("http://10.0.0.1:8080", "", "http://10.0.0.1:8080"),
        ("https://10.0.0.1:6443/", "", "https://10.0.0.1:6443"),
        ("https://rancher.example/k8s/clusters/c-1/", "", "https://rancher.example/k8s/clusters/c-1"),
        ("10.0.0.1:8080", "", "http://10.0.0.1:8080"),
        ("10.0.0.1:6443", "client.crt", "https://10.0.0.1:6443"),
        ("[fd00::1]:6443", "client.crt", "https://[fd00::1]:6443"),
    ],
)
def test_an_endpoint_is_a_url_or_a_host_and_port(url: str, cert: str, host: str) -> None:
    assert library.plain_settings(url, cert).host == host


def settings_with(token: str) -> library.Settings:
    settings = library.plain_settings("http://x")
    settings.api_key["BearerToken"] = token
    return settings


@pytest.mark.parametrize(
    ("written", "sent"),
    [("Bearer abc", "Bearer abc"), ("Bearer abc\n", "Bearer abc"), ("Basic dTpw", "Basic dTpw"), ("", "")],
)
def test_a_token_is_sent_as_it_is_written_without_its_line_s_end(written: str, sent: str) -> None:
    assert library.token_of(settings_with(written)) == sent


def test_without_a_token_none_is_sent() -> None:
    assert library.token_of(library.plain_settings("http://x")) == ""


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Bearer ", "the token is empty"),
        ("Bearer \n\n", "the token is empty"),
        ("Bearer ab\ncd", "the token has characters that no token has"),
        ("Bearer ab\x00cd", "the token has characters that no token has"),
        ("Bearer ab cd", "the token has characters that no token has"),
        ("Bearer ab\xe9", "the token has characters that no token has"),
    ],
)
def test_a_token_that_cannot_be_one_is_told_before_it_is_sent(written: str, why: str) -> None:
    with pytest.raises(library.CredentialFault, match=why):
        library.token_of(settings_with(written))


def pair(folder: Path, name: str) -> tuple[str, str]:
    """Files of a certificate and of its key."""
    made = trustme.CA().issue_cert("client.example")
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    made.cert_chain_pems[0].write_to_path(cert)
    made.private_key_pem.write_to_path(key)
    return str(cert), str(key)


def test_certificates_that_fit_are_no_fault(tmp_path: Path) -> None:
    cert, key = pair(tmp_path, "one")
    library.check_certificates(library.plain_settings("https://x", cert, key, cert))


LOCKED = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END RSA PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("authority", "{authority}: no certificate of an authority: no certificate or crl found"),
        ("cert", "{cert}: no certificate with its key in {key}: "),
        ("key", "{cert}: no certificate with its key in {key}: key values mismatch"),
        ("locked", "a key that is locked with a password cannot be used"),
        ("gone", "{authority}: no certificate of an authority: no such file or directory"),
    ],
)
def test_a_certificate_file_that_is_broken_is_named(tmp_path: Path, broken: str, why: str) -> None:
    cert, key = pair(tmp_path, "one")
    authority, _ = pair(tmp_path, "authority")
    match broken:
        case "authority":
            Path(authority).write_text("not a certificate")
        case "cert":
            Path(cert).write_text(Path(cert).read_text()[:200])
        case "key":
            _, key = pair(tmp_path, "other")
        case "locked":
            Path(key).write_text(LOCKED)
        case "gone":
            Path(authority).unlink()
    with pytest.raises(library.CredentialFault) as fault:
        library.check_certificates(library.plain_settings("https://x", cert, key, authority))
    assert str(fault.value).startswith(why.format(cert=cert, key=key, authority=authority))
