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

ORDER = (
    "metadata",
    "bind",
    "debug",
    "ready",
    "health",
    "prometheus",
    "errors",
    "log",
    "any",
    "loadbalance",
    "minimal",
    "kubernetes",
    "whoami",
)
"""The order in which a question meets the plugins (CoreDNS: plugin.cfg), whatever the Corefile's.

It matters: each plugin sees what those after it answer, and must not care what those before it do.
"""

COREDNS = frozenset(
    """acl any auto autopath azure bind bufsize cache cancel chaos clouddns debug dns64 dnssec dnstap
    erratic errors etcd file forward geoip grpc grpc_server header health hosts https https3 k8s_external
    kubernetes loadbalance local log loop metadata minimal multisocket nomad nsid on pprof prometheus
    proxyproto quic ready reload rewrite root route53 secondary shed sign template timeouts tls trace
    transfer tsig view whoami""".split()
)
"""What the stock CoreDNS 1.14.7 has."""

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
