"""Kubeconfigs: users, clusters, contexts, exec plugins, and files that are none, as a server that checks sees them."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdns.kube.live import access
from kdns.kube.live.access import AccessFault, Kubeconfig
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.credentials import Authority, guarded, restart, shows_news, told
from tests.kube.live.following import STEADY, corefile, loaded, stock


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def kubeconfig(folder: Path, api: ApiServer, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    """A file with two contexts: `right`, which is the current one, and `wrong`."""
    file = folder / "config"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "here", "cluster": {"server": api.url, **cluster}},
            {"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}},
        ],
        "users": [{"name": "we", "user": user}],
        "contexts": [
            {"name": "right", "context": {"cluster": "here", "user": "we"}},
            {"name": "wrong", "context": {"cluster": "nowhere", "user": "we"}},
        ],
        "current-context": "right",
    }
    file.write_text(yaml.safe_dump(content))
    return str(file)


def plugin(folder: Path, body: str) -> dict[str, Any]:
    """An exec plugin: a script of Python's."""
    script = folder / "plugin.py"
    script.write_text(body)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}}


def credential(**status: str) -> str:
    """A script that gives these."""
    given = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(given)!r})"


def write_certificate(folder: Path, clients: Authority) -> None:
    for name, content in zip(("c.crt", "c.key"), clients.client(), strict=True):
        (folder / name).write_bytes(content)


def user_of(how: str, folder: Path, clients: Authority) -> dict[str, Any]:
    """A kubeconfig's user who has the token `one`, or a certificate of an authority of clients."""
    cert, key = clients.client()
    match how:
        case "token":
            return {"token": "one"}
        case "token file":
            (folder / "t").write_text("one\n")
            return {"tokenFile": "t"}
        case "exec, a token":
            return plugin(folder, credential(token="one"))
        case "certificate files":
            write_certificate(folder, clients)
            return {"client-certificate": "c.crt", "client-key": "c.key"}
        case "certificate data":
            return {"client-certificate-data": data(cert), "client-key-data": data(key)}
        case _:
            return plugin(folder, credential(clientCertificateData=cert.decode(), clientKeyData=key.decode()))


USERS = ["token", "token file", "exec, a token", "certificate files", "certificate data", "exec, a certificate"]


@pytest.mark.parametrize("who", USERS)
async def test_a_kubeconfig_s_user(tmp_path: Path, who: str) -> None:
    servers, clients = Authority(), Authority()
    user = user_of(who, tmp_path, clients)
    needs = clients if "certificate" in who else None
    async with guarded(servers, *([] if needs else ["one"]), clients=needs) as api:
        file = kubeconfig(tmp_path, api, {"certificate-authority-data": data(servers.pem)}, user)
        async with loaded(corefile(f"kubeconfig {file}")) as dns:
            assert {name: dns.shown(name) for name in STEADY} == STEADY


@pytest.mark.parametrize(
    ("cluster", "names", "works"),
    [
        ({"insecure-skip-tls-verify": True}, ["elsewhere.example"], True),
        ({}, ["127.0.0.1"], False),
        ({"ca": True}, ["127.0.0.1"], True),
        ({"ca": True}, ["elsewhere.example"], False),
        ({"ca": True, "tls-server-name": "elsewhere.example"}, ["elsewhere.example"], True),
        ({"ca": True, "tls-server-name": "elsewhere.example"}, ["127.0.0.1"], False),
    ],
    ids=["insecure", "unknown", "known", "another name", "the name that is named", "not the name that is named"],
)
async def test_a_kubeconfig_s_cluster(tmp_path: Path, cluster: dict[str, Any], names: list[str], works: bool) -> None:
    servers = Authority()
    async with api_server(tls=servers.context(*names)) as api:
        stock(api.etcd)
        if cluster.pop("ca", False):
            (tmp_path / "ca.pem").write_bytes(servers.pem)
            cluster = {**cluster, "certificate-authority": "ca.pem"}
        file = kubeconfig(tmp_path, api, cluster, {"token": "one"})
        async with loaded(corefile(f"kubeconfig {file} right")) as dns:
            assert dns.shown("web.shop") == ("10.96.0.1" if works else "SERVFAIL")


async def test_another_context_is_another_cluster(tmp_path: Path) -> None:
    async with api_server() as api:
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, {})
        async with loaded(corefile(f"kubeconfig {file} wrong")) as dns:
            assert dns.ready().endswith(f"from the API server of {file}, context wrong")


async def test_a_kubeconfig_that_changes_is_read_again(tmp_path: Path) -> None:
    async with api_server() as api:
        api.tokens = {"two"}
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, {"token": "one"})
        async with loaded(corefile(f"kubeconfig {file}")) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
            kubeconfig(tmp_path, api, {}, {"token": "two"})
            await dns.until("web.shop", "10.96.0.1", 61)


async def test_after_a_401_credentials_are_read_again_and_the_request_is_made_once_more(tmp_path: Path) -> None:
    async with api_server() as api:
        api.tokens = {"one"}
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, user_of("token file", tmp_path, Authority()))
        async with loaded(corefile(f"kubeconfig {file}", "noendpoints")) as dns:
            (tmp_path / "t").write_text("two")
            api.tokens = {"two"}
            api.requests.clear()
            await api.cut_all()
            await shows_news(api, dns)
            tries = [request.headers["authorization"] for request in api.requests if request.plural == "services"]
            assert tries[:2] in (["Bearer one", "Bearer two"], ["Bearer two", "Bearer two"])
            assert {request.headers["authorization"] for request in api.requests} == {"Bearer one", "Bearer two"}


COUNTING = """
import json, pathlib
runs = pathlib.Path(__file__).with_name("runs")
number = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(number))
status = {"token": f"token-{number}", "expirationTimestamp": "2001-01-01T00:00:00Z"}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


async def test_a_plugin_s_token_that_has_expired_is_fetched_anew_once_for_all_who_are_refused(tmp_path: Path) -> None:
    async with api_server() as api:
        api.tokens = {"token-1"}
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, plugin(tmp_path, COUNTING))
        async with loaded(corefile(f"kubeconfig {file}")) as dns:
            assert (tmp_path / "runs").read_text() == "1"
            for number in (2, 3):
                api.tokens = {f"token-{number}"}
                with dns.steady():
                    await api.cut_all()
                    await shows_news(api, dns)
                assert (tmp_path / "runs").read_text() == str(number)


async def test_all_who_are_refused_at_once_ask_the_plugin_once(tmp_path: Path) -> None:
    async with api_server() as api:
        api.tokens = {"token-2"}
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, plugin(tmp_path, COUNTING))
        async with loaded(corefile(f"kubeconfig {file}", "pods verified")) as dns:
            assert dns.ready() == ""
            assert (tmp_path / "runs").read_text() == "2"


async def test_certificate_files_that_a_kubeconfig_names_are_read_again_when_they_change(tmp_path: Path) -> None:
    servers, old, new = Authority(), Authority(), Authority()
    async with guarded(servers, clients=old) as api:
        user = user_of("certificate files", tmp_path, old)
        file = kubeconfig(tmp_path, api, {"certificate-authority-data": data(servers.pem)}, user)
        async with loaded(corefile(f"kubeconfig {file}")) as dns:
            with dns.steady():
                await restart(api, servers.context(clients=new))
                await asyncio.sleep(30)
                write_certificate(tmp_path, new)
                await shows_news(api, dns)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import sys; sys.exit('no cookie today')", "exec: process returned 1. no cookie today"),
        ("print('hello')", "exec: failed to decode process output: "),
        ("print('{}')", "exec: malformed response. missing key 'apiVersion'"),
        (credential(), "its exec plugin gave neither a token nor a certificate with its key"),
        (credential(clientCertificateData="x"), "its exec plugin gave neither a token nor a certificate with its key"),
        (credential(token="a b"), "the token has characters that no token has"),
    ],
    ids=["fails", "no JSON", "not its form", "nothing", "no key", "no token"],
)
async def test_a_plugin_that_gives_nothing_is_told_once_and_asked_again(
    tmp_path: Path, body: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with api_server() as api:
        api.tokens = {"one"}
        stock(api.etcd)
        file = kubeconfig(tmp_path, api, {}, plugin(tmp_path, body))
        async with loaded(corefile(f"kubeconfig {file}", "noendpoints")) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
            (line,) = (line for line in told(caplog) if line.startswith(f"{file}: "))
            assert why in line
            plugin(tmp_path, credential(token="one"))
            await dns.until("web.shop", "10.96.0.1", 5)


def test_a_plugin_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_PLUGIN_WITHIN", 0.1)
    api = ApiServer()
    file = kubeconfig(tmp_path, api, {}, plugin(tmp_path, "import time; time.sleep(60)"))
    api._reserved.close()  # noqa: SLF001  # it was only asked for its address

    begin = time.monotonic()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        with pytest.raises(AccessFault) as raised:
            runner.run(Kubeconfig(file).settings())
        assert time.monotonic() - begin < 15
        assert str(raised.value) == f"{file}: its exec plugin did not end within 0.1 seconds"


CONTEXT = "{current-context: x, contexts: [{name: x, context: {cluster: y}}], "


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the file is empty"),
        ("a: [", "while parsing a flow node"),
        ("text", ""),
        ("- a", ""),
        ("{}", "Expected key current-context"),
        ("{current-context: x, contexts: [], clusters: []}", "Expected object with name x"),
        ("{current-context: x, contexts: 7}", ""),
        (CONTEXT + "clusters: [{name: y}]}", "Expected key cluster"),
        (CONTEXT + "clusters: [{name: y, cluster: {server: 'https://h', certificate-authority-data: '%'}}]}", ""),
        (
            CONTEXT + "clusters: [{name: y, cluster: {server: 'https://h', certificate-authority: none.pem}}]}",
            "none.pem",
        ),
    ],
)
async def test_a_kubeconfig_that_is_none_is_one_line_with_its_name(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    with pytest.raises(AccessFault) as raised:
        await Kubeconfig(str(file)).settings()
    text = str(raised.value)
    assert text.startswith(f"{file}: ")
    assert why in text
    assert len(text) > len(f"{file}: ")
    assert "\n" not in text
