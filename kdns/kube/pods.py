"""Answers about Pods by address (specification §2.6, and CoreDNS's `pods` modes)."""

from __future__ import annotations

import re

from kdns.kube.answer import (
    Answer,
    Ask,
    Seen,
    address_answer,
    found,
    glue,
    namespace_keys,
    nodata,
    nxdomain,
    refused_namespace,
)
from kdns.kube.index import Touched
from kdns.kube.names import Form
from kdns.kube.options import PodMode
from kdns.kube.reason import Reason, because
from kdns.proto.record import rrset, srv
from kdns.proto.reverse import Address, pack
from kdns.proto.types import RRType

_IPV4_DASHES = 3
_DASHED = re.compile("[0-9a-f-]+")


def answer(ask: Ask) -> Answer:
    """The answer to `A-B-C-D.NAMESPACE.pod` or `NAMESPACE.pod`."""
    if ask.multicluster:
        return nxdomain(Reason.NO_SUCH_NAME)
    if ask.options.pods is PodMode.DISABLED:
        return nxdomain(Reason.PODS_OFF)
    keys = namespace_keys(ask)
    refused = refused_namespace(ask)
    if refused is not None:
        return refused.after((), keys)
    if ask.request.form is Form.POD_NAMESPACE:
        return nodata(Reason.ONLY_PARENT).after((), keys)
    address = undashed(ask.request.parts[0])
    if address is None:
        return nxdomain(Reason.NO_SUCH_NAME).after((), keys)
    if ask.options.pods is PodMode.VERIFIED:
        return _verified(ask, address).after((), keys | {Touched.address(address)})
    return _records(ask, address).after((), keys)


def undashed(label: str) -> Address | None:
    """The address that a label stands for: three single dashes make IPv4, anything else IPv6.

    None where it is no address, or holds the very dots, colons or scope that dashes stand for.
    """
    if not _DASHED.fullmatch(label):
        return None
    is_ipv4 = label.count("-") == _IPV4_DASHES and "--" not in label
    try:
        return pack(label.replace("-", "." if is_ipv4 else ":"))
    except ValueError:
        return None


def _verified(ask: Ask, address: Address) -> Answer:
    wanted = ask.request.namespace
    here = [pod for pod in ask.index.pods[address] if pod.namespace.lower() == wanted]
    if not here:
        return nxdomain(Reason.NO_SUCH_POD, wanted, ask.request.parts[0])
    return _records(ask, address).after([Seen(pod.ref) for pod in here], ())


def _records(ask: Ask, address: Address) -> Answer:
    reason, subject = because(Reason.POD, ask.request.namespace), f"Pod address {ask.request.parts[0]}"
    if ask.question.type != RRType.SRV:
        return address_answer(ask, reason, (address,), subject)
    if len(address) not in ask.options.families:
        return nodata(Reason.FAMILY_OFF, subject)
    itself = ask.question.folded
    records = rrset(ask.question.name, RRType.SRV, ask.options.ttl, [srv(0, 100, 0, itself)])
    return found(reason, records, additional=glue(ask, [(itself, (address,))]))
