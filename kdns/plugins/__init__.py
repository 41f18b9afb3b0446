"""The plugins: one directive, one file.

A plugin's module has a docstring, which is its page (`kdns help PLUGIN`), and a `setup`. It is
imported when a Corefile names it. A module that may stand several times in a server block says
`REPEATABLE = True` and finds the others in `directive.every`.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from kdns.corefile.block import Directive
from kdns.corefile.near import near
from kdns.errors import CorefileError
from kdns.site import Setup, only_once

_PLACES = tuple(
    """root metadata geoip proxyproto quic grpc_server https https3 timeouts multisocket reload nsid
    bufsize bind debug trace ready health pprof shed prometheus errors log dnstap cancel local dns64 any chaos
    loadbalance tsig rewrite autopath acl cache header dnssec tls minimal template transfer hosts route53
    azure clouddns k8s_external kubernetes file auto secondary etcd loop forward grpc erratic whoami on sign
    view nomad""".split()
)
"""The order in which a question meets CoreDNS's plugins (plugin.cfg of 1.14.7).

*cancel* aside, which is third there: here those that count and log see what it ended.
"""

COREDNS = frozenset(_PLACES)
"""What the stock CoreDNS 1.14.7 has."""

_MISSING = frozenset(
    """geoip proxyproto quic grpc_server https https3 multisocket trace pprof shed dnstap dns64 tsig rewrite
    acl dnssec tls template route53 azure clouddns file auto secondary
    etcd grpc on sign view nomad""".split()
)

ORDER = tuple(place for place in _PLACES if place not in _MISSING)
"""The plugins in the order in which a question meets them, whatever the Corefile's.

It matters: each plugin sees what those after it answer, and must not care what those before it do.
A new plugin takes its place by being missing no more.
"""

REMOVED = {
    "proxy": "CoreDNS took it out in 1.5.0: use forward",
    "federation": "CoreDNS took it out in 1.7.0: delete it",
    "startup": "CoreDNS took it out: delete it",
    "shutdown": "CoreDNS took it out: delete it",
}


def find(directive: Directive) -> Setup:
    """The setup of the plugin that a directive names. Raises CorefileError with what would be right."""
    if directive.name not in ORDER:
        raise unknown(directive)
    module = import_module(f"kdns.plugins.{directive.name}")
    if not getattr(module, "REPEATABLE", False):
        only_once(directive)
    return cast(Setup, module.setup)


def unknown(directive: Directive) -> CorefileError:
    """The error for a directive that kdns does not have."""
    name = directive.name
    if name in REMOVED:
        return directive.error(f"'{name}' is no plugin any more: {REMOVED[name]}")
    if name in COREDNS:
        return directive.error(f"plugin '{name}' exists in CoreDNS but not in kdns yet")
    return directive.error(f"'{name}' is no plugin{near(name, ORDER)}")


def page(name: str) -> str:
    """A plugin's page: the docstring of its module."""
    return import_module(f"kdns.plugins.{name}").__doc__ or ""
