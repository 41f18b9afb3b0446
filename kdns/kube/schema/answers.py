"""What an API server answers: pages of lists, lines of watches, errors."""

from __future__ import annotations

from kdns.kube.schema.meta import Metadata
from kdns.kube.schema.shape import Raw, Shape, decoder


class ListMetadata(Shape):
    """Of a list or a page of one. `continue_` is the token for the next page, empty at the end."""

    resource_version: str = ""
    continue_: str | None = None


class ListPage(Shape):
    """A page of a list, its items still bytes. `items` may be null."""

    metadata: ListMetadata | None = None
    items: list[Raw] | None = None


class WatchEvent(Shape):
    """A line of a watch, its object still bytes."""

    type: str = ""
    object: Raw = Raw(b"null")


class StatusDetails(Shape):
    """Of a Status."""

    retry_after_seconds: int | None = None


class Status(Shape):
    """How a request failed (Kubernetes API conventions, "Response Status Kind")."""

    kind: str = ""
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: StatusDetails | None = None


class Bare(Shape):
    """Of any object just what says which it is, and which version of it."""

    metadata: Metadata | None = None


read_page = decoder(ListPage)
"""A page of a list. Raises ValueError."""
read_event = decoder(WatchEvent)
"""A line of a watch. Raises ValueError."""
read_status = decoder(Status)
"""A Status object. Raises ValueError."""
read_bare = decoder(Bare)
"""Any object's metadata. Raises ValueError."""
