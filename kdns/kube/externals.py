"""ExternalName Services: aliases (specification §2.5).

A target in a zone of ours is followed here, at most ten aliases far; the rcode is that of the last name
(RFC 6604 §3). A target outside is left to whoever asks, or to the plugin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from kdns.errors import NameSyntaxError
from kdns.kube.answer import Answer, Ask, found, nxdomain
from kdns.kube.objects import Service
from kdns.kube.reason import Reason, because
from kdns.proto.name import Name, from_text
from kdns.proto.record import RRset
from kdns.proto.types import RCode, RRType

FARTHEST = 10


def answer(ask: Ask, service: Service, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    """The CNAME, and for other types what `follow` finds behind it; None from it means: outside the zone."""
    if _is_address(service.external_name):
        return nxdomain(Reason.EXTERNAL_ADDRESS, service.ref, service.external_name)
    try:
        target = from_text(service.external_name)
    except NameSyntaxError as error:
        return nxdomain(Reason.EXTERNAL_INVALID, service.ref, error)
    alias = RRset(ask.question.name, RRType.CNAME, ask.options.ttl, (target,))
    own = found(because(Reason.EXTERNAL_NAME, service.ref, service.external_name), alias)
    beyond = None if ask.question.type == RRType.CNAME else follow(ask, target)
    if beyond is None:
        return own
    if beyond.rcode == RCode.SERVFAIL:
        return beyond
    return beyond._replace(answer=(alias, *beyond.answer))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removesuffix("."))
    except ValueError:
        return False
    return True
