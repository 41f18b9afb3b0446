"""Errors of an API server, told apart."""

from __future__ import annotations

import pytest

from kdns.kube.live.api import fault_of
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.schema.answers import Status, read_status


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (ApiFault(410, "Expired"), "expired"),
        (ApiFault(410, "Gone"), "expired"),
        (ApiFault(504, "Timeout", "Too large resource version: 9, current: 3"), "too_large"),
        (ApiFault(500, "error", "Timeout: Too large resource version: 9, current: 3"), "too_large"),
        (ApiFault(504, "error"), ""),
        (ApiFault(403, "Forbidden"), "refused"),
        (ApiFault(404, "NotFound"), "refused"),
        (ApiFault(405, "MethodNotAllowed"), "refused"),
        (ApiFault(401, "Unauthorized"), ""),
        (ApiFault(429, "TooManyRequests"), ""),
        (ApiFault(500, "InternalError"), ""),
    ],
    ids=str,
)
def test_a_fault_is_one_thing_or_none(fault: ApiFault, what: str) -> None:
    assert [name for name in ("expired", "too_large", "refused") if getattr(fault, name)] == [what][: bool(what)]


def test_what_is_silent_is_not_reached() -> None:
    assert isinstance(Silent("x"), Unreachable)
    assert (Unreachable("x").away, Silent("x", away=True).away) == (False, True)


@pytest.mark.parametrize(
    ("body", "code", "told", "retry_after"),
    [
        (
            b'{"kind":"Status","code":403,"reason":"Forbidden","message":"no"}',
            403,
            "403 Forbidden: no",
            None,
        ),
        (b'{"kind":"Status","code":410,"reason":"Expired"}', 0, "410 Expired", None),
        (b'{"kind":"Status","details":{"retryAfterSeconds":7}}', 429, "429 error", 7),
        (b'{"kind":"Status","details":null}', 0, "500 error", None),
        (b'{"reason":null,"message":null,"code":null}', 503, "503 error", None),
    ],
)
def test_a_status_is_read(body: bytes, code: int, told: str, retry_after: float | None) -> None:
    fault = fault_of(read_status(body), code)
    assert (str(fault), fault.retry_after, fault.in_stream) == (told, retry_after, False)


def test_the_header_s_word_on_when_to_come_again_goes_before_the_body_s() -> None:
    status = read_status(b'{"details":{"retryAfterSeconds":7}}')
    assert fault_of(status, 429, 3.0).retry_after == 3.0


def test_what_comes_in_a_stream_says_so() -> None:
    assert fault_of(Status(code=410), in_stream=True).in_stream
