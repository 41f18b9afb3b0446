"""What a session is made with: settings as they are written, tokens and certificates that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from kdns.kube.live import session


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
    assert session.plain_settings(url, cert).host == host


def settings_with(token: str) -> session.Settings:
    settings = session.plain_settings("http://x")
    settings.api_key["BearerToken"] = token
    return settings


@pytest.mark.parametrize(
    ("written", "sent"),
    [("Bearer abc", "Bearer abc"), ("Bearer abc\n", "Bearer abc"), ("Basic dTpw", "Basic dTpw"), ("", "")],
)
def test_a_token_is_sent_as_it_is_written_without_its_line_s_end(written: str, sent: str) -> None:
    assert session.token_of(settings_with(written)) == sent


def test_without_a_token_none_is_sent() -> None:
    assert session.token_of(session.plain_settings("http://x")) == ""


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
    with pytest.raises(session.CredentialFault, match=why):
        session.token_of(settings_with(written))


def pair(folder: Path, name: str) -> tuple[str, str]:
    """Files of a certificate and of its key."""
    made = trustme.CA().issue_cert("client.example")
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    made.cert_chain_pems[0].write_to_path(cert)
    made.private_key_pem.write_to_path(key)
    return str(cert), str(key)


def test_certificates_that_fit_are_no_fault(tmp_path: Path) -> None:
    cert, key = pair(tmp_path, "one")
    session.check_certificates(session.plain_settings("https://x", cert, key, cert))


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
    with pytest.raises(session.CredentialFault) as fault:
        session.check_certificates(session.plain_settings("https://x", cert, key, authority))
    assert str(fault.value).startswith(why.format(cert=cert, key=key, authority=authority))
