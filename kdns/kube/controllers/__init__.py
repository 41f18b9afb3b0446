"""What a cluster's control plane would have done, for manifests that are read from files.

A pure function over documents, whose result does not depend on their order. Its steps, each in a
module of its own:

    duplicates       of several documents of one object, the last is the object
    namespaces       a namespace that is mentioned exists
    clusterips       Services get cluster IPs; default/kubernetes exists (apiserver)
    workloads        Deployments, ReplicaSets, StatefulSets and DaemonSets make Pods
    pods             Pods get addresses
    endpointslices   Services with a selector get slices of the Pods that it finds

What is derived is derived from hashes of names (names, addresses), so it is the same at each start.
"""

from __future__ import annotations

from collections.abc import Sequence

from kdns.kube.controllers import namespaces
from kdns.kube.controllers.clusterips import give_cluster_ips
from kdns.kube.controllers.duplicates import last_of_each
from kdns.kube.controllers.endpointslices import make_slices
from kdns.kube.controllers.identity import in_order, problems_in_order
from kdns.kube.controllers.pods import give_pod_ips
from kdns.kube.controllers.settings import Settings
from kdns.kube.controllers.workloads import make_pods
from kdns.kube.document import Document, Problem

__all__ = ["Settings", "control"]


def control(documents: Sequence[Document], settings: Settings) -> tuple[list[Document], list[Problem]]:
    """The documents and what is derived from them, by kind, namespace and name; and what is wrong, by place.

    Never raises for what the documents say. What is derived names its source as `made_from` of its
    origin, at the source's place. With `settings.on` False duplicates are still settled and
    namespaces that are mentioned still made; nothing else is done.
    """
    found, problems = last_of_each(documents)
    found += namespaces.mentioned(found)
    if settings.on:
        found, more = _derived(found, settings)
        problems += more
    return in_order(found), problems_in_order(problems)


def _derived(documents: Sequence[Document], settings: Settings) -> tuple[list[Document], list[Problem]]:
    found = [namespaces.labelled(document) for document in documents]
    found += namespaces.default(found)
    found, problems = give_cluster_ips(found, settings)
    made, more = make_pods(found)
    problems += more
    found, more = give_pod_ips(found + made, settings)
    problems += more
    return found + make_slices(found, settings), problems
