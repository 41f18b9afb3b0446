"""A host's addresses, asked of servers that are named for it instead of those of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from random import Random

from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.proto.message import Question
from kdns.proto.name import from_text
from kdns.proto.types import Class, RRType
from kdns.upstream.address import Endpoint, Host
from kdns.upstream.asking import Asking
from kdns.upstream.faults import UpstreamError
from kdns.upstream.forwarder import Forwarder
from kdns.upstream.scrub import scrubbed
from kdns.upstream.settings import Settings


async def by_servers(host: Host, servers: Sequence[Endpoint], random: Random) -> tuple[str, ...]:
    """The IPv4 addresses, then the IPv6 ones. Raises StartError where there are none."""
    forwarder = Forwarder(Settings(max_fails=0, policy="sequential"), Metrics(), random)
    forwarder.use(servers)
    try:
        found = [ip for type in (RRType.A, RRType.AAAA) for ip in await _addresses(forwarder, host, type)]
    except UpstreamError as error:
        raise StartError(f"forward: the host '{host.host}' cannot be resolved: {error}") from None
    finally:
        await forwarder.stop()
    if not found:
        raise StartError(f"forward: the host '{host.host}' has no addresses, its resolver says")
    return tuple(found)


async def _addresses(forwarder: Forwarder, host: Host, type: RRType) -> Iterator[str]:
    name = from_text(host.host)
    question = Question(name, name.lower(), type, Class.IN)
    reply = scrubbed((await forwarder.ask(Asking(question))).reply, question, do=False)
    sizes = {RRType.A: 4, RRType.AAAA: 16}
    rdatas = (rdata for rrset in reply.answer if rrset.type == type for rdata in rrset.rdatas)
    return (str(ip_address(rdata)) for rdata in rdatas if len(rdata) == sizes[type])
