"""The notation of the tables in this folder: a question, and the reply as lines of a zone file.

    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10")
    nodata("web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only")
    nxdomain("gone.shop.svc.cluster.local. A", "namespace shop has no Service gone")

`hold` asks a case's question in every way that must not matter, and checks of each reply what must
be so of every reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest

from tests.asking import Asked, lines, rcode

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

HERE = Path(__file__).parent
ZONES = ("cluster.local", "in-addr.arpa", "ip6.arpa")
SERIAL = 1_700_000_000
NOBODY = "http://127.0.0.1:1"
"""An API server that is not there: nobody listens on this port."""
WAITING = f"services, endpointslices, namespaces from {NOBODY}"
"""What a cluster that it describes waits for."""
_LONG = 240

Serve = Callable[["Setting"], Awaitable[Asked]]
"""Gives a setting, being served; the same one each time."""


@dataclass(frozen=True)
class Setting:
    """A *kubernetes* directive: its zones and options, and what stands beside it in the server block.

    `serial`, `negative_ttl` and `soa_ttl` (seconds) are what its SOA must say. `names` are its zones by
    their names, where `zones` has CIDRs.
    """

    options: tuple[str, ...] = ()
    zones: tuple[str, ...] = ZONES
    beside: tuple[str, ...] = ()
    manifests: str = "cluster.yaml"
    keys: tuple[str, ...] = ()
    serial: int = SERIAL
    negative_ttl: int = 5
    soa_ttl: int | None = None
    names: tuple[str, ...] = ()

    @property
    def corefile(self) -> str:
        """The Corefile that sets it up."""
        away = [f"endpoint {NOBODY}", "startup_timeout 1ms"]
        given = [f"manifests {self.manifests}", "controllers off", "poll 1h"] if self.manifests else away
        inner = "\n        ".join([*given, *self.options])
        beside = "".join(f"    {line}\n" for line in self.beside)
        own = " ".join(self.zones)
        head = " ".join(self.keys or self.zones)
        return f"{head} {{\n{beside}    kubernetes {own} {{\n        {inner}\n    }}\n}}\n"

    def soa(self, name: str) -> str:
        """The line of the SOA in a denial of this name."""
        above = [
            zone
            for zone in self.names or self.zones
            if name.lower().endswith(f".{zone}.") or name.lower() == f"{zone}."
        ]
        zone = max(above, key=len) + "."
        ttl = self.negative_ttl if self.soa_ttl is None else self.soa_ttl
        numbers = f"{self.serial} 7200 1800 86400 {self.negative_ttl}"
        return f"{zone} {ttl} IN SOA ns.dns.{zone} hostmaster.{zone} {numbers}"


def setting(*options: str, zones: Iterable[str] = ZONES) -> Setting:
    """The cluster of this folder with these options."""
    return Setting(options, tuple(zones))


@dataclass(frozen=True)
class Case:
    """A question and its reply. `why` and `code` are the Extended DNS Error's; no sentence: there is none."""

    name: str
    type: str
    answer: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    denied: bool = False
    why: str = ""
    code: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.type}"

    @property
    def authoritative(self) -> bool:
        """Whether the reply says how things are."""
        return self.rcode in {"NOERROR", "NXDOMAIN"}


def case(question: str, *answer: str, extra: Iterable[str] = ()) -> Case:
    """Records, in any order; `extra` are those of the additional section, all of them."""
    name, type = question.split()
    return Case(name, type, answer=tuple(sorted(answer)), extra=tuple(sorted(extra)))


def nodata(question: str, why: str, *aliases: str) -> Case:
    """The name exists, perhaps behind aliases, without records of the type."""
    return replace(case(question, *aliases), denied=True, why=why)


def nxdomain(question: str, why: str, *aliases: str, code: int = 0) -> Case:
    """The name does not exist; with aliases the last one's target (RFC 6604 §3)."""
    return replace(case(question, *aliases), rcode="NXDOMAIN", denied=True, why=why, code=code)


def failed(question: str, rcode: str, why: str, code: int) -> Case:
    """No answer can be given."""
    return replace(case(question), rcode=rcode, why=why, code=code)


def rows(where: Setting, *cases: Case) -> list[ParameterSet]:
    """The cases as parameters `where, each`, the options in their ids where there are any."""
    label = " ".join((*where.options, *where.beside))
    return [pytest.param(where, each, id=f"{each}{f' | {label}' if label else ''}") for each in cases]


async def hold(serve: Serve, where: Setting, each: Case) -> None:
    """Fail unless the case holds: first made, then from the memo, in other letters, over TCP without EDNS and RD."""
    asked = await serve(where)
    for _ in range(2):
        _check(where, each, each.name, await asked.ask(each.name, each.type))
    odd = alternating(each.name)
    _check(where, each, odd, await asked.ask(odd, each.type))
    plain = dns.message.make_query(each.name, each.type, flags=0)
    _check(where, each, each.name, await asked.exchange(plain, tcp=True), rd="")
    await _check_tree(asked, each)


def alternating(name: str) -> str:
    """The name with every second letter in the other case (as clients do against forgery: draft 0x20)."""
    letters = [letter.swapcase() if place % 2 else letter for place, letter in enumerate(name)]
    return "".join(letters)


def _check(where: Setting, each: Case, name: str, reply: dns.message.Message, rd: str = " RD") -> None:
    speaks_edns = reply.edns >= 0
    expected = _Reply(
        name,
        each.rcode,
        f"QR AA{rd}" if each.authoritative else f"QR{rd}",
        each.answer,
        (where.soa(each.name),) if each.denied else (),
        each.extra,
        (each.code, each.why) if each.why and speaks_edns else None,
    )
    seen = _Reply(
        str(reply.question[0].name),
        rcode(reply),
        flags(reply),
        tuple(lines(reply.answer)),
        tuple(lines(reply.authority)),
        tuple(lines(reply.additional)),
        told(reply),
    )
    if name != each.name:
        expected, seen = expected.folded(), seen.folded()
    if seen != expected:
        pytest.fail(f"expected\n{expected}\nbut the reply is\n{seen}", pytrace=False)


class _Reply(NamedTuple):
    name: str
    rcode: str
    flags: str
    answer: tuple[str, ...]
    authority: tuple[str, ...]
    additional: tuple[str, ...]
    error: tuple[int, str] | None

    def folded(self) -> _Reply:
        """Records without regard to letters; the question's are echoed."""
        answer, authority, additional = (
            tuple(sorted(line.lower() for line in section))
            for section in (self.answer, self.authority, self.additional)
        )
        return self._replace(answer=answer, authority=authority, additional=additional)

    def __str__(self) -> str:
        head = f"  {self.name} {self.rcode} {self.flags} {self.error or ''}"
        sections = zip(("answer", "authority", "additional"), self[3:6], strict=True)
        return "\n".join([head, *(f"  {title}: {line}" for title, section in sections for line in section)])


def flags(reply: dns.message.Message) -> str:
    """The header's flags by name, in their order."""
    return dns.flags.to_text(reply.flags)


def told(reply: dns.message.Message) -> tuple[int, str] | None:
    """Info code and sentence of the Extended DNS Error; None if there is none."""
    found = [option for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    assert len(found) <= 1
    return (int(found[0].code), found[0].text or "") if found else None


async def _check_tree(asked: Asked, each: Case) -> None:
    """Above a name that exists everything exists; below one that does not, nothing (RFC 8020 §2)."""
    if each.rcode == "NOERROR":
        for parent in _parents(asked, each.name):
            if rcode(await asked.ask(parent, "A")) == "NXDOMAIN":
                pytest.fail(f"{each.name} exists, but {parent} above it does not", pytrace=False)
    if each.rcode == "NXDOMAIN" and not each.answer and len(each.name) < _LONG:
        below = f"below.{each.name}"
        if rcode(await asked.ask(below, "A")) != "NXDOMAIN":
            pytest.fail(f"{each.name} does not exist, but {below} does", pytrace=False)


def _parents(asked: Asked, name: str) -> list[str]:
    zones = {dns.name.from_wire(zone, 0)[0] for router in asked.plan.routers.values() for zone in router.zones}
    found, parent = [], dns.name.from_text(name)
    while parent not in zones:
        parent = parent.parent()
        found.append(str(parent))
    return found
