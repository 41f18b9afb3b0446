"""Metadata of objects (meta/v1), and selectors."""

from __future__ import annotations

from typing import Any

from kdns.kube.schema.shape import Labels, Shape


class OwnerReference(Shape):
    """Which controller made an object."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Shape):
    """`deletion_timestamp` is not None when the object is on its way out."""

    name: str = ""
    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""
    labels: Labels | None = None
    annotations: Labels | None = None
    deletion_timestamp: Any = None
    owner_references: list[OwnerReference] | None = None


class Expression(Shape):
    """A line of a set-based selector."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(Shape):
    """All of both parts must hold."""

    match_labels: Labels | None = None
    match_expressions: list[Expression] | None = None
