from __future__ import annotations

import pytest

from kdns.kube.schema import Metadata
from kdns.kube.schema.answers import ListMetadata, read_bare, read_event, read_page, read_status


def test_a_page_has_its_items_unread() -> None:
    page = read_page(b'{"kind": "List", "metadata": {"resourceVersion": "7", "continue": "t"}, "items": [{"a": 1}, 2]}')
    assert page.metadata == ListMetadata("7", "t")
    assert [bytes(item) for item in page.items or ()] == [b'{"a": 1}', b"2"]


@pytest.mark.parametrize("data", [b"{}", b'{"items": null, "metadata": null}'])
def test_a_page_may_be_empty(data: bytes) -> None:
    page = read_page(data)
    assert (page.items, page.metadata) == (None, None)


def test_an_event_has_its_object_unread() -> None:
    event = read_event(b'{"type": "ADDED", "object": {"kind": "Pod"}}\n')
    assert (event.type, bytes(event.object)) == ("ADDED", b'{"kind": "Pod"}')
    assert bytes(read_event(b'{"type": "BOOKMARK"}').object) == b"null"


def test_a_status_tells_how_a_request_failed() -> None:
    status = read_status(
        b'{"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "m",'
        b' "details": {"retryAfterSeconds": 3}}'
    )
    assert (status.kind, status.code, status.reason, status.message) == ("Status", 429, "TooManyRequests", "m")
    assert status.details is not None
    assert status.details.retry_after_seconds == 3


def test_of_any_object_its_metadata_can_be_read() -> None:
    bare = read_bare(b'{"metadata": {"name": "a", "uid": "u", "resourceVersion": "5"}, "spec": {"ports": "wrong"}}')
    assert bare.metadata == Metadata(name="a", uid="u", resource_version="5")
