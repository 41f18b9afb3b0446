"""`default/kubernetes`, the Service of the API server itself, which every cluster has."""

from __future__ import annotations

from kdns.kube import schema
from kdns.kube.control import Settings
from kdns.kube.controllers.addresses import Address, family_of, service_range
from kdns.kube.controllers.identity import CONTROL_PLANE, Identity
from kdns.kube.document import Document

KUBERNETES: Identity = ("Service", "default", "kubernetes")

_LABELS = {"component": "apiserver", "provider": "kubernetes"}


def first_address(settings: Settings) -> Address | None:
    """Its address: the first usable one of the first service range. None if there is none."""
    return service_range(settings.service_cidrs[0]).first if settings.service_cidrs else None


def kubernetes(address: Address) -> Document:
    """The Service as the API server makes it (kubernetes: pkg/controlplane/controller/kubernetesservice)."""
    metadata = schema.Metadata(name="kubernetes", namespace="default", labels=dict(_LABELS))
    spec = schema.ServiceSpec(
        type="ClusterIP",
        cluster_ip=str(address),
        cluster_ips=[str(address)],
        ip_families=[family_of(address).value],
        ip_family_policy="SingleStack",
        ports=[schema.ServicePort(name="https", port=443, protocol="TCP", target_port=6443)],
    )
    return Document("Service", schema.Service(metadata=metadata, spec=spec), CONTROL_PLANE)
