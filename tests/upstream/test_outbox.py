from __future__ import annotations

import asyncio
import gc
import weakref

from kdns.upstream.outbox import outbox


async def test_what_is_posted_in_one_turn_goes_together_in_the_next() -> None:
    sent: list[str] = []
    turns: list[list[str]] = []
    outbox().post(lambda: sent.append("one"))
    asyncio.get_running_loop().call_soon(lambda: turns.append(list(sent)))
    outbox().post(lambda: sent.append("two"))
    assert sent == []
    await asyncio.sleep(0)
    assert turns == [["one", "two"]]


async def test_what_is_posted_while_it_is_sent_goes_the_turn_after() -> None:
    sent: list[str] = []

    def first() -> None:
        outbox().post(lambda: sent.append("two"))
        sent.append("one")

    outbox().post(first)
    await asyncio.sleep(0)
    assert sent == ["one"]
    await asyncio.sleep(0)
    assert sent == ["one", "two"]


def test_each_loop_has_its_own_and_takes_it_along() -> None:
    async def of() -> object:
        assert outbox() is outbox()
        return weakref.ref(outbox())

    found = []
    for _ in range(2):
        loop = asyncio.new_event_loop()
        found.append(loop.run_until_complete(of()))
        loop.close()
        del loop
    gc.collect()
    assert [each() for each in found] == [None, None]  # type: ignore[operator]
