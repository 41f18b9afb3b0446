"""A folder of manifests in a test: texts by file name, and what `control` makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import yaml

from kdns.kube import schema
from kdns.kube.controllers import Settings, control
from kdns.kube.document import Document, Origin, Problem

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Shape = TypeVar("Shape", bound=schema.Shape)

ON = Settings()
OFF = Settings(on=False)


def read(text: str, file: str = "shop.yaml") -> list[Document]:
    """The documents of a YAML text; `line` is that of the document's first line with anything on it."""
    found = zip(yaml.compose_all(text, _LOADER), yaml.load_all(text, _LOADER), strict=True)
    return [
        Document(
            value["kind"],
            schema.shaped(value, schema.SHAPES[value["kind"]][1]),
            Origin(file, number, node.start_mark.line + 1),
        )
        for number, (node, value) in enumerate(found, start=1)
        if value is not None
    ]


def read_folder(files: Mapping[str, str]) -> list[Document]:
    """The documents of all files."""
    return [document for file, text in files.items() for document in read(text, file)]


@dataclass(frozen=True)
class World:
    """What came out of `control`."""

    documents: list[Document]
    problems: list[Problem]

    def document(self, kind: str, name: str) -> Document:
        """The one of that kind and `namespace/name` (or name, for what is in no namespace)."""
        (found,) = [each for each in self.documents if each.kind == kind and name in _calls(each)]
        return found

    def get(self, shape: type[Shape], name: str) -> Shape:
        """Its shape, where the kind has the shape's name."""
        found = self.document(shape.__name__, name).shape
        assert isinstance(found, shape)
        return found

    def all(self, shape: type[Shape]) -> list[Shape]:
        """All that have this shape."""
        return [each.shape for each in self.documents if isinstance(each.shape, shape)]

    def names(self, kind: str) -> list[str]:
        """`namespace/name` of all of a kind, in the order of the result."""
        return [f"{each.namespace}/{each.name}" for each in self.documents if each.kind == kind]

    def ips(self, service: str) -> list[str]:
        """A Service's cluster IPs."""
        spec = self.get(schema.Service, service).spec
        assert spec is not None
        return spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])

    def pods(self, namespace: str = "default") -> dict[str, schema.Pod]:
        """A namespace's Pods by name."""
        return {each.metadata.name: each for each in self.all(schema.Pod) if _where(each) == namespace}

    def slices(self, service: str) -> list[schema.EndpointSlice]:
        """A Service's slices."""
        namespace, _, name = service.partition("/")
        return [
            each
            for each in self.all(schema.EndpointSlice)
            if _where(each) == namespace and (each.metadata.labels or {}).get("kubernetes.io/service-name") == name
        ]

    def endpoints(self, service: str) -> dict[str, schema.SliceEndpoint]:
        """A Service's endpoints by address."""
        return {
            address: endpoint
            for each in self.slices(service)
            for endpoint in each.endpoints or []
            for address in endpoint.addresses or []
        }

    @property
    def texts(self) -> list[str]:
        """The problems' texts."""
        return [problem.text for problem in self.problems]


def _calls(document: Document) -> set[str]:
    return {f"{document.namespace}/{document.name}"} | (
        {document.name} if document.kind in {"Namespace", "Node"} else set()
    )


def _where(shape: schema.Shaped | schema.Pod | schema.EndpointSlice) -> str:
    return shape.metadata.namespace or "default"


def controlled(text: str, settings: Settings = ON) -> World:
    """What `control` makes of one file."""
    return World(*control(read(text), settings))


def controlled_folder(files: Mapping[str, str], settings: Settings = ON) -> World:
    """What `control` makes of a folder."""
    return World(*control(read_folder(files), settings))
