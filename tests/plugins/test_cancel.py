from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from kdns.chain import Handler, Keep, Query, Response, Scope
from kdns.errors import KdnsError
from kdns.plugins import ORDER
from kdns.plugins.cancel import Cancel
from kdns.proto.types import RCode
from tests.asking import Asked, ede, rcode, serving
from tests.warp import WarpLoop, warp


def warped(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test on a loop whose clock jumps."""
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        runner.run(coroutine)


class Slow:
    """Answers after so many seconds; `ended` tells when it was given up on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended = False

    async def __call__(self, query: Query) -> Response:  # noqa: ARG002
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.ended = True
            raise
        return Response(rcode=RCode.NXDOMAIN, keep=Keep(scope=Scope.EVERYBODY), by="slow")


QUERY: Any = None
"""Nobody looks at it."""


@pytest.mark.parametrize(("seconds", "in_time"), [(0.0, True), (4.9, True), (5.1, False), (3600.0, False)])
def test_what_takes_too_long_is_given_up(seconds: float, in_time: bool) -> None:
    async def run() -> None:
        slow, began = Slow(seconds), warp().time()
        response = await Cancel(slow, 5.0)(QUERY)
        assert slow.ended is not in_time
        assert warp().time() - began == pytest.approx(min(seconds, 5), abs=0.05)
        assert (response.rcode, response.by) == ((RCode.NXDOMAIN, "slow") if in_time else (RCode.SERVFAIL, ""))

    warped(run())


def test_the_response_says_what_happened_and_is_not_kept() -> None:
    async def run() -> None:
        response = await Cancel(Slow(9), 2.5)(QUERY)
        assert (response.keep.scope, str(response.error)) == (Scope.NOBODY, "no answer within 2.5s")
        assert isinstance(response.error, KdnsError)
        assert response.ede is not None
        assert response.ede.text == "no answer within 2.5s"

    warped(run())


async def test_somebody_else_s_timeout_is_not_taken_for_its_own() -> None:
    async def failing(query: Query) -> Response:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await Cancel(failing, 5.0)(QUERY)


async def test_who_ends_the_whole_question_is_obeyed() -> None:
    task = asyncio.create_task(Cancel(Slow(3600), 1800.0)(QUERY))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_it_comes_behind_those_that_tell_of_replies_and_before_those_that_make_them() -> None:
    places = [ORDER.index(name) for name in ("prometheus", "errors", "log", "cancel", "kubernetes", "whoami")]
    assert places == sorted(places)


COUNTED = {"server": "dns://:53", "zone": ".", "view": "", "rcode": "SERVFAIL", "plugin": ""}


def test_what_it_ends_is_logged_counted_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    """With *erratic*, which takes its time."""

    async def ask(asked: Asked) -> None:
        reply = await asked.ask("slow.example.")
        assert (rcode(reply), ede(reply)) == ("SERVFAIL", "no answer within 1.5s")
        count = asked.plan.build.metrics.registry.get_sample_value("coredns_dns_responses_total", COUNTED)
        assert count == 1

    async def run() -> None:
        lines = "errors\nlog\nprometheus\ncancel 1.5s\nerratic {\ndelay 1 1h\n}"
        async with serving(f". {{\n{lines}\n}}") as asked:
            await ask(asked)

    with caplog.at_level(logging.INFO):
        warped(run())
    said = [record.getMessage() for record in caplog.records]
    assert any("slow.example. A: no answer within 1.5s" in line for line in said)
    assert any('"A IN slow.example. udp' in line and "SERVFAIL" in line for line in said)


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ("cancel", 5.001),
        ("cancel 500ms", 0.5),
        ("cancel 1m30s", 90.0),
        ("cancel 1s\ncancel 2s", 2.0),
        ("cancel 1s\ncancel", 5.001),
    ],
)
async def test_a_line_says_how_long_to_wait(lines: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    def spy(next: Handler, timeout: float) -> Handler:
        made.append(timeout)
        return next

    monkeypatch.setattr("kdns.plugins.cancel.Cancel", spy)
    async with serving(f". {{\n{lines}\n}}"):
        assert made == [seconds]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cancel 0s", "'cancel' takes a duration above 0, not '0s'"),
        ("cancel -1s", "'cancel' takes a duration: '-1s' is below zero"),
        ("cancel 5", "'cancel' takes a duration: add a unit to '5', for instance '5s'"),
        ("cancel soon", "'cancel' takes a duration: 'soon' is none"),
        ("cancel 1s 2s", "'cancel' takes 1 argument, not 2"),
        ("cancel {\n}", "'cancel' takes no block"),
        ("cancel x\ncancel 5s", "'cancel' takes a duration: 'x' is none"),
    ],
)
async def test_mistakes_are_told(text: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        async with serving(f". {{\n{text}\n}}"):
            pass
    assert error in str(caught.value)
