"""Why an answer is what it is: a closed list of reasons, each with its sentence.

One source for `kdns explain`, Extended DNS Errors (RFC 8914), the log's `{reason}` and a metric's
label. A positive answer has a reason too; it is not sent, since nothing went wrong.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from kdns.proto.message import Ede
from kdns.proto.types import EDE


class Reason(StrEnum):
    """Values are words fit for a metric label."""

    __hash__ = str.__hash__  # as equal strings have; that of enums is a function in Python

    # Answered
    APEX = "apex"
    VERSION = "schema_version"
    NAME_SERVER = "name_server"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    EXTERNAL_NAME = "external_name"
    POD = "pod"
    ADDRESS = "address"

    # The name exists, this type does not
    NO_SUCH_TYPE = "no_such_type"
    ONLY_PARENT = "only_parent"
    OTHER_FAMILY = "other_family_only"
    FAMILY_OFF = "family_off"
    NO_PORTS = "no_ports"
    NO_CLUSTER_IP = "no_cluster_ip"
    NOT_IN_ZONE = "not_in_topology_zone"

    # The name does not exist
    NO_SUCH_NAME = "no_such_name"
    NO_SUCH_NAMESPACE = "no_such_namespace"
    NOT_EXPOSED = "namespace_not_exposed"
    NO_SUCH_SERVICE = "no_such_service"
    SERVICE_MISSING = "endpoints_without_service"
    NO_ENDPOINTS = "no_endpoints"
    NOT_READY = "no_ready_endpoints"
    EMPTY_IGNORED = "empty_service_ignored"
    NO_SUCH_ENDPOINT = "no_such_endpoint"
    ENDPOINT_NOT_READY = "endpoint_not_ready"
    NO_SUCH_PORT = "no_such_port"
    NOT_HEADLESS = "not_headless"
    ENDPOINTS_OFF = "endpoints_off"
    PODS_OFF = "pods_off"
    NO_SUCH_POD = "no_such_pod"
    NO_SUCH_ADDRESS = "no_such_address"
    NOT_OUTSIDE = "no_external_address"
    EXTERNAL_ADDRESS = "external_name_is_address"
    EXTERNAL_INVALID = "external_name_invalid"

    # No answer can be given
    EXTERNAL_LOOP = "external_name_loops"
    NOT_SYNCED = "not_synced"
    TRANSFER_OFF = "transfer_refused"


_SENTENCES = {
    Reason.APEX: "the zone itself",
    Reason.VERSION: "the version of the DNS schema",
    Reason.NAME_SERVER: "the name server of the zone",
    Reason.SERVICE: "{} answers",
    Reason.ENDPOINT: "an endpoint of {} answers",
    Reason.EXTERNAL_NAME: "{} is an alias of {}",
    Reason.POD: "an address of namespace {}",
    Reason.ADDRESS: "an address of {}",
    Reason.NO_SUCH_TYPE: "{} exists, but has no records of this type",
    Reason.ONLY_PARENT: "the name has no records, it only has names below it",
    Reason.OTHER_FAMILY: "{} has addresses of the other family only",
    Reason.FAMILY_OFF: "{} exists, but this address family is switched off here",
    Reason.NO_PORTS: "{} has no ports",
    Reason.NO_CLUSTER_IP: "{} has no cluster IP",
    Reason.NOT_IN_ZONE: "no ready endpoint of {} is in topology zone {}",
    Reason.NO_SUCH_NAME: "no name of the Kubernetes DNS schema has this form",
    Reason.NO_SUCH_NAMESPACE: "namespace {} does not exist",
    Reason.NOT_EXPOSED: "namespace {} exists, but is not exposed here",
    Reason.NO_SUCH_SERVICE: "namespace {} has no {} {}",
    Reason.SERVICE_MISSING: "{} exists, but there is no Service of that name",
    Reason.NO_ENDPOINTS: "{} is headless and has no endpoints",
    Reason.NOT_READY: "{} has no ready endpoints ({})",
    Reason.EMPTY_IGNORED: "{} has no ready endpoints and 'ignore empty_service' is set",
    Reason.NO_SUCH_ENDPOINT: "{} has no endpoint called {}",
    Reason.ENDPOINT_NOT_READY: "endpoint {} of {} is {}",
    Reason.NO_SUCH_PORT: "{} has no port {} over {}",
    Reason.NOT_HEADLESS: "{} is not headless, so it has no names by topology zone",
    Reason.ENDPOINTS_OFF: "endpoints are not known here ('noendpoints' is set)",
    Reason.PODS_OFF: "names of Pods are switched off ('pods disabled')",
    Reason.NO_SUCH_POD: "namespace {} has no Pod with address {}",
    Reason.NO_SUCH_ADDRESS: "no Service and no ready endpoint has this address",
    Reason.NOT_OUTSIDE: "{} has no address outside the cluster (spec.externalIPs, status.loadBalancer)",
    Reason.EXTERNAL_ADDRESS: "{} has the address {} where a name must be (spec.externalName)",
    Reason.EXTERNAL_INVALID: "{} has no valid name in spec.externalName: {}",
    Reason.EXTERNAL_LOOP: "aliases lead from {} over more than {} names",
    Reason.NOT_SYNCED: "the cluster is not known yet: waiting for {}",
    Reason.TRANSFER_OFF: "zone transfers are not allowed here",
}

_ANSWERED = frozenset(list(Reason)[: list(Reason).index(Reason.NO_SUCH_TYPE)])
_CODES = {
    Reason.NOT_SYNCED: EDE.NOT_READY,
    Reason.EXTERNAL_INVALID: EDE.INVALID_DATA,
    Reason.EXTERNAL_ADDRESS: EDE.INVALID_DATA,
    Reason.EXTERNAL_LOOP: EDE.INVALID_DATA,
    Reason.TRANSFER_OFF: EDE.PROHIBITED,
}


class Because(NamedTuple):
    """A reason with what its sentence speaks of."""

    reason: Reason
    about: tuple[object, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether it is the reason of a positive answer."""
        return self.reason in _ANSWERED

    @property
    def sentence(self) -> str:
        """For people; no final dot."""
        return _SENTENCES[self.reason].format(*self.about)

    @property
    def around_last(self) -> tuple[str, str] | None:
        """The sentence before and behind the last thing that it speaks of; None if of nothing."""
        if not self.about:
            return None
        before, _, behind = _SENTENCES[self.reason].rpartition("{}")
        return before.format(*self.about[:-1]), behind

    @property
    def ede(self) -> Ede | None:
        """What a client that speaks EDNS is told; nothing where the answer is positive."""
        return None if self.answered else Ede(_CODES.get(self.reason, EDE.OTHER), self.sentence)


def because(reason: Reason, *about: object) -> Because:
    """A reason; `about` fills the places of its sentence."""
    return Because(reason, about)
