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

from collections.abc import Iterable, Sequence

from kdns.kube.control import Settings
from kdns.kube.controllers import namespaces
from kdns.kube.controllers.derivation import derive
from kdns.kube.controllers.duplicates import last_of_each
from kdns.kube.controllers.identity import in_order, problems_in_order
from kdns.kube.controllers.memory import Memory
from kdns.kube.controllers.namespaces import Mention
from kdns.kube.document import Document, Problem

__all__ = ["Memory", "Mention", "Settings", "control"]


def control(
    documents: Sequence[Document],
    settings: Settings,
    *,
    mentions: Iterable[Mention] = (),
    memory: Memory | None = None,
) -> tuple[list[Document], list[Problem]]:
    """The documents and what is derived from them, by kind, namespace and name; and what is wrong, by place.

    Never raises for what the documents say. What is derived names its source as `made_from` of its
    origin, at the source's place. With `settings.on` False duplicates are still settled and
    namespaces that are mentioned still made; nothing else is done. `mentions` are those of namespaces
    by objects that are not among the documents. The result does not depend on `memory`, which is of
    earlier derivations with the same settings; what is in both results is the same object then.
    """
    memory = memory or Memory()
    memory.turn()
    found, problems = last_of_each(documents)
    found += memory.keep("mentioned", namespaces.mentioned(found, mentions))
    if settings.on:
        found, more = derive(found, settings, memory)
        problems += more
    return in_order(found), problems_in_order(problems)
