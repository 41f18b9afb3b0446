"""*bind* - listens on some of the host's addresses instead of all.

Description

Each argument is an IP address or the name of a network interface, which stands for all of its addresses, of
both families; link-local ones are taken with their scope (`fe80::1%eth0`). `except` takes addresses out of
what its own line says. Several lines add up. Interfaces are looked at when the Corefile is read, at start and
at a reload; an interface that gets an address later is not noticed.

Of server blocks that share a port, one without *bind* answers on all addresses but those that the others name.

Syntax

~~~
bind ADDRESS|INTERFACE... {
    except ADDRESS|INTERFACE...
}
~~~

Examples

Answer this host only, over IPv4 and IPv6:

~~~ corefile
. {
    bind 127.0.0.1 ::1
    whoami
}
~~~

The same by interface, without IPv6:

~~~ corefile
. {
    bind lo {
        except ::1
    }
    whoami
}
~~~

See also

CoreDNS's *bind*, whose syntax this is. kdns refuses a `bind` that leaves no address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from itertools import chain

from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.near import near
from kdns.corefile.values import each, read_options
from kdns.errors import CorefileError, CorefileErrors
from kdns.site import Site

REPEATABLE = True

Interfaces = Mapping[str, tuple[str, ...]]
"""The addresses of each interface, in presentation format; the empty tuple for one that has none yet."""


def setup(directive: Directive, site: Site) -> None:
    """Takes addresses and interfaces; leaves `site.binds`."""
    words = [word.text for line in directive.every for each in (line, *line.body) for word in each.words]
    interfaces = {} if all(map(_is_address, words)) else host_interfaces()
    wanted = chain.from_iterable(addresses(line, interfaces) for line in directive.every)
    site.binds.extend(dict.fromkeys(wanted))


def host_interfaces() -> Interfaces:
    """Those of this host now. This is the only function that asks ifaddr."""
    import ifaddr  # 1.7 MB, with ctypes, that who names no interface does without

    found: dict[str, tuple[str, ...]] = {}
    for adapter in ifaddr.get_adapters(include_unconfigured=True):
        # Linux shows an address with a label (`ip addr add … label eth0:1`) as an interface of its own.
        name = adapter.nice_name.partition(":")[0]
        found[name] = found.get(name, ()) + tuple(_scoped(ip.ip, name) for ip in adapter.ips)
    return found


def _scoped(ip: str | tuple[str, int, int], interface: str) -> str:
    if isinstance(ip, str):
        return ip
    address = ipaddress.IPv6Address(ip[0])
    return f"{address}%{interface}" if address.is_link_local else str(address)


def addresses(line: Directive, interfaces: Interfaces) -> list[str]:
    """What one line says to listen on, each once.

    Raises CorefileError, or CorefileErrors with one for each word that is neither address nor interface.
    """
    line.arguments(1, usage="bind ADDRESS|INTERFACE...")
    without = read_options(line, {"except": each(_words)}).get("except", ())
    wanted = _resolve(line, line.words, interfaces)
    unwanted = _resolve(line, tuple(chain.from_iterable(without)), interfaces)
    left = [address for address in wanted if address not in unwanted]
    if not wanted:
        raise line.error(f"interface '{line.args[0]}' has no address: there is nothing to listen on", 0)
    if not left:
        raise line.error("'except' takes out every address: nothing is left to listen on")
    return left


def _words(line: Directive) -> tuple[Token, ...]:
    line.arguments(1, usage="except ADDRESS|INTERFACE...")
    return line.words


def _resolve(line: Directive, words: Sequence[Token], interfaces: Interfaces) -> list[str]:
    found: list[str] = []
    mistakes: list[CorefileError] = []
    for word in words:
        try:
            found += _address_or_interface(line, word, interfaces)
        except CorefileError as error:
            mistakes.append(error)
    if mistakes:
        raise CorefileErrors(mistakes)
    return list(dict.fromkeys(found))


def _address_or_interface(line: Directive, word: Token, interfaces: Interfaces) -> tuple[str, ...]:
    text = word.text
    if text in interfaces:
        return interfaces[text]
    if _is_address(text):
        return (str(ipaddress.ip_address(text)),)
    if ":" in text and text.count(":") == 1:
        advice = f": the port is said in the zone, as in '.:{text.partition(':')[2] or 53}'"
    else:
        advice = near(text, interfaces)
    raise line.error(f"'{text}' is neither an address nor an interface of this host{advice}", word)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
