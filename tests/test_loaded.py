"""What a server has loaded under the Corefile that kubeadm installs: memory that every node of a cluster pays for."""

from __future__ import annotations

import re
import signal

import pytest

from tests.processes import serving

COREFILE = """\
.:0 {
    bind 127.0.0.1
    errors
    health 127.0.0.1:0 {
       lameduck 0
    }
    ready 127.0.0.1:0
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       endpoint http://127.0.0.1:1
       startup_timeout 1ms
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus 127.0.0.1:0
    forward . 127.0.0.1:1 {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""
NEEDLESS = (
    *"yaml kubernetes_asyncio urllib3 dns csv cffi pycparser dnslib difflib ifaddr ctypes encodings.idna".split(),
    *"kdns.kube.files.yaml_text kdns.kube.controllers kdns.kube.contents".split(),
)
"""Who has a kubeconfig or manifests loads these; `dns` is dnspython. Nobody needs cffi's parser, but its backend; few
dnslib (odd types), difflib (mistakes) or ifaddr (interfaces by name)."""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Every module that was imported until the server answered and ended."""
    with serving("-conf=stdin", stdin=COREFILE.encode(), PYTHONVERBOSE="1") as server:
        server.until(r"/metrics$")
        server.tell(signal.SIGTERM)
        _, _, err = server.ended()
    return set(re.findall(r"^import '([\w.]+)' # ", err, re.MULTILINE))


def test_what_the_corefile_asks_for_is_loaded(loaded: set[str]) -> None:
    assert {"kdns.plugins.cache", "cachetools", "aiohttp", "msgspec", "kdns.kube.live.source"} <= loaded


@pytest.mark.parametrize("module", NEEDLESS)
def test_what_it_does_not_ask_for_is_not(loaded: set[str], module: str) -> None:
    assert {each for each in loaded if each == module or each.startswith(f"{module}.")} == set()


def test_plugins_that_it_does_not_name_are_not(loaded: set[str]) -> None:
    named = set("errors health ready kubernetes prometheus forward cache loop reload loadbalance".split())
    plugins = {each.removeprefix("kdns.plugins.") for each in loaded if each.startswith("kdns.plugins.")}
    assert plugins == named | {"bind"}
