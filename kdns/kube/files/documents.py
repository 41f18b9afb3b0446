"""The objects in a text of manifests, and the mistakes in it, each with its place.

Read is what `kubectl apply` and `kubectl get -o yaml|json` write: objects one after the other, and
Lists of them. Kinds that DNS does not depend on are passed over, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from kdns.errors import ManifestError
from kdns.kube.document import Document, Origin
from kdns.kube.files.json_text import ITEMS, read_json
from kdns.kube.files.located import Located, Mistake, locate
from kdns.kube.files.yaml_text import read_yaml
from kdns.kube.schema import SHAPES, Shaped, ShapeError, shaped
from kdns.kube.slim import slim

_CLUSTER_SCOPED = frozenset({"Namespace", "Node"})
_NAMED_BY_LABELS = frozenset({"Service", "Namespace", "ServiceImport"})
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PART = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_PART}(?:\.{_PART})*")
"""Names of most objects: the whole is bounded, its parts are not (apimachinery: validation.IsDNS1123Subdomain)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds: documents and errors in its order, and how many objects of other kinds.

    A kind that only shares the name of one that is read has its group behind it, as kubectl writes
    it: `Service.serving.knative.dev`. `mentions` are the namespaces that these name, and where first.
    `whole` tells that the text ends as whole ones do: YAML with the end of a line, JSON without a mistake.
    """

    documents: list[Document] = field(default_factory=list)
    errors: list[ManifestError] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    mentions: dict[str, Origin] = field(default_factory=dict)
    whole: bool = True


def read_documents(text: str, file: str) -> Reading:
    """The objects in a text. JSON is what is in a file named so, or begins with a brace and is JSON.

    Documents are counted from 1, the empty ones not. Objects of a List share its number.
    """
    text = text.removeprefix("\ufeff")
    found, is_json = _language(text, file)
    reading = Reading()
    for number, each in enumerate(found, 1):
        _Document(file, number, reading).read(each)
    return replace(reading, whole=not reading.errors if is_json else text.endswith("\n"))


def _language(text: str, file: str) -> tuple[Iterable[Located | Mistake], bool]:
    if file.endswith(".json"):
        return read_json(text), True
    if text.lstrip().startswith("{"):
        found = list(read_json(text))
        if not any(isinstance(each, Mistake) for each in found):
            return found, True
    return read_yaml(text), False


@dataclass(frozen=True, slots=True)
class _Document:
    """One document of a file, read into `reading`."""

    file: str
    number: int
    reading: Reading

    def read(self, found: Located | Mistake) -> None:
        """All its objects; those of a List take the List's kind and version where they have none."""
        if isinstance(found, Mistake):
            self._error(*found)
            return
        waiting = [(found, "", "")]
        while waiting:
            each, kind, version = waiting.pop()
            if not isinstance(each.value, dict):
                self._error(each.line, f"an object is a mapping with apiVersion and kind; {_seen(each.value)}")
                continue
            kind, version = each.value.get("kind") or kind, each.value.get("apiVersion") or version
            items = each.child(ITEMS) if str(kind).endswith("List") else None
            if not isinstance(kind, str) or not kind:
                self._error(each.line, f"an object says its kind; {_seen(each.value.get('kind'))}")
            elif items is not None:
                children = [(item, kind.removesuffix("List"), version) for item in items.children()]
                waiting += reversed(children)
                if not isinstance(items.value, list | None):
                    self._error(items.line, f"{kind}: {ITEMS}: a list is wanted; {_seen(items.value)}")
            else:
                self._object(each, kind, version)

    def _object(self, found: Located, kind: str, version: object) -> None:
        if kind not in SHAPES:
            self._pass_over(kind, found)
            return
        wanted, shape = SHAPES[kind]
        if version != wanted:
            self._of_another_version(found, kind, version)
            return
        try:
            read = shaped(found.value, shape)
            _check_names(kind, read)
            slim(read)
        except ShapeError as error:
            place = locate(found, error.path)
            text = str(error).removeprefix(error.path).removeprefix(": ")
            self._error(place.line, ": ".join(filter(None, (_title(kind, found.value), place.path, text))))
        else:
            self.reading.documents.append(Document(kind, read, Origin(self.file, self.number, found.line)))

    def _pass_over(self, kind: str, found: Located) -> None:
        self.reading.passed_over[kind] += 1
        namespace = _named(found.value)[1]
        if isinstance(namespace, str) and _LABEL.fullmatch(namespace):
            self.reading.mentions.setdefault(namespace, Origin(self.file, self.number, found.line))

    def _of_another_version(self, found: Located, kind: str, version: object) -> None:
        """An object of a kind's older or newer version is a mistake, one of somebody else's group is not.

        Groups without a dot are Kubernetes' own: those of custom resources have one (Kubernetes:
        apiextensions, validation of CustomResourceDefinition).
        """
        wanted = SHAPES[kind][0]
        group, own = (_group(each) for each in (str(version or ""), wanted))
        if "." in group and group != own:
            self._pass_over(f"{kind}.{group}", found)
            return
        said = f"it says {version}" if version else "it says none"
        line = locate(found, "apiVersion").line
        self._error(line, f"{_title(kind, found.value)}: apiVersion {wanted} is read, {said}")

    def _error(self, line: int, text: str) -> None:
        self.reading.errors.append(ManifestError(self.file, self.number, line, text))


def _group(version: str) -> str:
    return version.rpartition("/")[0]


def _check_names(kind: str, read: Shaped) -> None:
    """Raise ShapeError for names that the API would not take (Kubernetes: "Object Names and IDs")."""
    _check(read.metadata.name, "metadata.name", label=kind in _NAMED_BY_LABELS)
    if read.metadata.namespace and kind not in _CLUSTER_SCOPED:
        _check(read.metadata.namespace, "metadata.namespace", label=True)


def _check(name: str, path: str, *, label: bool) -> None:
    if not name:
        raise ShapeError("an object needs a name", path)
    if not (_LABEL if label else _SUBDOMAIN).fullmatch(name):
        dots, most = ("", 63) if label else (", dots", 253)
        wanted = f"lower-case letters, digits{dots} and dashes, no dash at an end, at most {most}"
        raise ShapeError(f"'{name}' is no name: it takes {wanted}", path)


def _title(kind: str, value: object) -> str:
    """`Service shop/web`, with as much of it as is known."""
    name, namespace = _named(value)
    if not name:
        return kind
    return f"{kind} {name}" if kind in _CLUSTER_SCOPED else f"{kind} {namespace or 'default'}/{name}"


def _named(value: object) -> tuple[object, object]:
    """Name and namespace as far as they are known."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    return (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else (None, None)


def _seen(value: object) -> str:
    match value:
        case None:
            return "here is none"
        case dict():
            return "here is a mapping"
        case list():
            return "here is a list"
    text = str(value)
    return f"here is '{text if len(text) <= 40 else text[:40] + '…'}'"
