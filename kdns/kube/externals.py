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
_ADDRESSES = frozenset({RRType.A, RRType.AAAA})


def answer(ask: Ask, service: Service, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    """The CNAME, and for other types what `follow` finds behind it; None from it means: outside the zone."""
    own = alias(ask, service, service.external_name)
    if not own.answer or ask.question.type == RRType.CNAME:
        return own
    (target,) = own.answer[0].rdatas
    beyond = follow(ask, target)
    if beyond is None:
        return own
    if beyond.rcode == RCode.SERVFAIL:
        return beyond
    return beyond._replace(answer=(*own.answer, *beyond.answer))


def alias(ask: Ask, service: Service, text: str) -> Answer:
    """The CNAME alone, to the name that a Service gives."""
    wrong = problem(service, text)
    if wrong is not None:
        return wrong
    cname = RRset(ask.question.name, RRType.CNAME, ask.options.ttl, (from_text(text),))
    return found(because(Reason.EXTERNAL_NAME, service.ref, text), cname)


def problem(service: Service, text: str) -> Answer | None:
    """Why what a Service gives is no name to be an alias of; None if it is one."""
    if _is_address(text):
        return nxdomain(Reason.EXTERNAL_ADDRESS, service.ref, text)
    try:
        from_text(text)
    except NameSyntaxError as error:
        return nxdomain(Reason.EXTERNAL_INVALID, service.ref, str(error))
    return None


def left_to_ask(answer: Answer, type: int) -> Name | None:
    """The target of an alias that leads out of the cluster's zones: to be asked elsewhere for addresses."""
    if answer.because.reason is not Reason.EXTERNAL_NAME or type not in _ADDRESSES:
        return None
    return answer.answer[-1].rdatas[0]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removesuffix("."))
    except ValueError:
        return False
    return True
