"""The API's shapes, cut down to the fields that kdns reads (Kubernetes API reference), one module per group."""

from __future__ import annotations

from kdns.kube.schema.apps import Ordinals as Ordinals
from kdns.kube.schema.apps import PodTemplate as PodTemplate
from kdns.kube.schema.apps import TemplateMetadata as TemplateMetadata
from kdns.kube.schema.apps import Workload as Workload
from kdns.kube.schema.apps import WorkloadSpec as WorkloadSpec
from kdns.kube.schema.core import Condition as Condition
from kdns.kube.schema.core import Container as Container
from kdns.kube.schema.core import ContainerPort as ContainerPort
from kdns.kube.schema.core import EndpointAddress as EndpointAddress
from kdns.kube.schema.core import EndpointPort as EndpointPort
from kdns.kube.schema.core import Endpoints as Endpoints
from kdns.kube.schema.core import Ingress as Ingress
from kdns.kube.schema.core import LoadBalancer as LoadBalancer
from kdns.kube.schema.core import Namespace as Namespace
from kdns.kube.schema.core import Node as Node
from kdns.kube.schema.core import Pod as Pod
from kdns.kube.schema.core import PodIP as PodIP
from kdns.kube.schema.core import PodSpec as PodSpec
from kdns.kube.schema.core import PodStatus as PodStatus
from kdns.kube.schema.core import Service as Service
from kdns.kube.schema.core import ServicePort as ServicePort
from kdns.kube.schema.core import ServiceSpec as ServiceSpec
from kdns.kube.schema.core import ServiceStatus as ServiceStatus
from kdns.kube.schema.core import Subset as Subset
from kdns.kube.schema.core import TargetRef as TargetRef
from kdns.kube.schema.discovery import Conditions as Conditions
from kdns.kube.schema.discovery import EndpointSlice as EndpointSlice
from kdns.kube.schema.discovery import SliceEndpoint as SliceEndpoint
from kdns.kube.schema.meta import Expression as Expression
from kdns.kube.schema.meta import LabelSelector as LabelSelector
from kdns.kube.schema.meta import Metadata as Metadata
from kdns.kube.schema.meta import OwnerReference as OwnerReference
from kdns.kube.schema.multicluster import ImportPort as ImportPort
from kdns.kube.schema.multicluster import ImportSpec as ImportSpec
from kdns.kube.schema.multicluster import ServiceImport as ServiceImport
from kdns.kube.schema.shape import Shape as Shape
from kdns.kube.schema.shape import ShapeError as ShapeError
from kdns.kube.schema.shape import replaced as replaced
from kdns.kube.schema.shape import shaped as shaped

Shaped = Service | EndpointSlice | Endpoints | Pod | Namespace | ServiceImport | Node | Workload

SHAPES: dict[str, tuple[str, type[Shaped]]] = {
    "Service": ("v1", Service),
    "Endpoints": ("v1", Endpoints),
    "Pod": ("v1", Pod),
    "Namespace": ("v1", Namespace),
    "Node": ("v1", Node),
    "EndpointSlice": ("discovery.k8s.io/v1", EndpointSlice),
    "ServiceImport": ("multicluster.x-k8s.io/v1alpha1", ServiceImport),
    "Deployment": ("apps/v1", Workload),
    "ReplicaSet": ("apps/v1", Workload),
    "StatefulSet": ("apps/v1", Workload),
    "DaemonSet": ("apps/v1", Workload),
}
"""The kinds that are read, each with its group and version."""
