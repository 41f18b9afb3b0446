"""Which way leads to an API server, and what it is called. What comes of it: test_credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdns.kube.live.access import Access, AccessFault, Address, InCluster, Kubeconfig, access
from kdns.kube.wanted import Server

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.mark.parametrize(
    ("wanted", "way", "called", "files"),
    [
        (Server(), InCluster(), "the cluster's API server", (f"{ACCOUNT}/token", f"{ACCOUNT}/ca.crt")),
        (Server(kubeconfig=("/c",)), Kubeconfig("/c"), "the API server of /c", ("/c",)),
        (Server(kubeconfig=("/c", "x")), Kubeconfig("/c", "x"), "the API server of /c, context x", ("/c",)),
        (Server(endpoint="http://h"), Address("http://h"), "http://h", ()),
        (
            Server(endpoint="https://h", tls=("/crt", "/key", "/ca")),
            Address("https://h", "/crt", "/key", "/ca"),
            "https://h",
            ("/crt", "/key", "/ca"),
        ),
        (Server(kubeconfig=("/c",), endpoint="http://h"), Kubeconfig("/c"), "the API server of /c", ("/c",)),
    ],
    ids=["a Pod's", "a kubeconfig", "a context", "an address", "an address with certificates", "kubeconfig wins"],
)
def test_a_corefile_leads_one_way(wanted: Server, way: Access, called: str, files: tuple[str, ...]) -> None:
    found = access(wanted)
    assert found == way
    assert (found.describe(), found.files()) == (called, files)


@pytest.mark.parametrize("missing", [0, 1, 2], ids=["certificate", "key", "authority"])
async def test_a_file_of_an_address_that_is_not_there_is_named(tmp_path: Path, missing: int) -> None:
    files = [tmp_path / name for name in ("crt", "key", "ca")]
    for file in files[:missing] + files[missing + 1 :]:
        file.write_text("x")
    with pytest.raises(AccessFault) as raised:
        await Address("https://h", *map(str, files)).settings()
    assert str(raised.value) == f"{files[missing]}: No such file or directory"


async def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(AccessFault) as raised:
        await Kubeconfig(str(tmp_path)).settings()
    assert str(raised.value) == f"{tmp_path}: Is a directory"


async def test_a_pod_s_server_is_where_its_environment_says(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    (tmp_path / "ca.crt").write_text("not yet a certificate")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    with pytest.raises(AccessFault) as raised:
        await InCluster(str(tmp_path / "token"), str(tmp_path / "ca.crt"), environ).settings()
    assert str(raised.value).startswith(f"{tmp_path / 'ca.crt'}: no certificate of an authority: ")
