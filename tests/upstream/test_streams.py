"""Connections to one server, TCP and TLS, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kdns.proto.framing import frame
from kdns.upstream.address import Endpoint
from kdns.upstream.faults import Cut, Silent, UpstreamError
from kdns.upstream.streams import Keeping, Streams
from tests.upstream.certificates import Authority
from tests.upstream.questions import ask_for, lines_of, seeded
from tests.upstream.scripted import (
    End,
    Half,
    Reset,
    Scripted,
    Seen,
    Sent,
    address,
    altered,
    good,
    scripted,
    silent,
)
from tests.warp import warp


class Kept:
    """Streams, and what they told. `hits` has for each question whether it found a connection."""

    def __init__(self, to: Endpoint, keeping: Keeping, context: ssl.SSLContext | None, source: str) -> None:
        self.hits: list[bool] = []
        self.strays = 0
        self.streams = Streams(
            to,
            seeded(),
            context=context,
            keeping=keeping,
            timeout=2.0,
            source=source,
            stray=self._stray,
            found=self.hits.append,
        )

    def _stray(self) -> None:
        self.strays += 1

    async def ask(self, name: str = "www.example.org.") -> list[str]:
        return lines_of(*(await self.streams.ask(ask_for(name), edns=True)).answer)


@asynccontextmanager
async def kept(
    to: Endpoint, keeping: Keeping | None = None, *, context: ssl.SSLContext | None = None, source: str = ""
) -> AsyncIterator[Kept]:
    made = Kept(to, keeping or Keeping(), context, source)
    try:
        yield made
    finally:
        await made.streams.close()
        assert len(made.streams) == 0


def answer(name: str) -> list[str]:
    return [f"{name} 60 IN A 192.0.2.1"]


async def test_a_connection_is_kept_for_the_next_question() -> None:
    async with scripted() as upstream, kept(upstream.endpoint) as streams:
        assert [await streams.ask(name) for name in ("a.test.", "b.test.")] == [answer("a.test."), answer("b.test.")]
    assert [seen.connection for seen in upstream.seen] == [1, 1]
    assert streams.hits == [False, True]


async def test_many_questions_at_a_time_share_connections() -> None:
    names = [f"n{number}.test." for number in range(80)]
    async with scripted() as upstream, kept(upstream.endpoint) as streams:
        assert await asyncio.gather(*map(streams.ask, names)) == list(map(answer, names))
        assert upstream.connections <= 4
        assert len({(seen.connection, seen.id) for seen in upstream.seen}) == 80


async def test_replies_may_come_in_any_order() -> None:
    held: list[Seen] = []

    def backwards(seen: Seen) -> list[Sent]:
        held.append(seen)
        return [address(each) for each in reversed(held)] if len(held) == 3 else []

    async with scripted(backwards) as upstream, kept(upstream.endpoint) as streams:
        names = ["a.test.", "b.test.", "c.test."]
        assert await asyncio.gather(*map(streams.ask, names)) == list(map(answer, names))
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("keeping", "wait", "connections"),
    [
        pytest.param(Keeping(expire=10.0), 9.0, 1, id="kept for ten seconds"),
        pytest.param(Keeping(expire=10.0), 11.0, 2, id="not longer"),
        pytest.param(Keeping(expire=0.0), 0.0, 2, id="not at all"),
        pytest.param(Keeping(expire=10.0, max_age=5.0), 4.0, 1, id="young enough"),
        pytest.param(Keeping(expire=10.0, max_age=5.0), 6.0, 2, id="too old"),
    ],
)
async def test_an_idle_connection_is_closed_in_time(keeping: Keeping, wait: float, connections: int) -> None:
    async with scripted() as upstream, kept(upstream.endpoint, keeping) as streams:
        await streams.ask()
        await asyncio.sleep(wait)
        await streams.ask()
        assert upstream.connections == connections


async def test_use_makes_an_idle_connection_last() -> None:
    async with scripted() as upstream, kept(upstream.endpoint, Keeping(expire=10.0)) as streams:
        for _ in range(5):
            await streams.ask()
            await asyncio.sleep(9)
        assert upstream.connections == 1
        await asyncio.sleep(2)
        assert len(streams.streams) == 0


async def test_only_so_many_are_kept_idle() -> None:
    async with scripted() as upstream, kept(upstream.endpoint, Keeping(max_idle=1)) as streams:
        await asyncio.gather(*(streams.ask(f"n{number}.test.") for number in range(80)))
        await asyncio.sleep(0.1)
        assert (upstream.connections > 1, len(streams.streams)) == (True, 1)


async def test_a_connection_that_the_server_has_closed_meanwhile_is_replaced() -> None:
    async with scripted() as upstream, kept(upstream.endpoint) as streams:
        await streams.ask()
        for connection in list(upstream.open):
            connection.close()
        assert await streams.ask() == answer("www.example.org.")
    assert upstream.connections == 2


async def test_one_that_ends_instead_of_answering_is_replaced_once() -> None:
    def only_once(seen: Seen) -> list[Sent]:
        again = sum(each.connection == seen.connection for each in upstream.seen) > 1
        return [End()] if again else good(seen)

    async with scripted(only_once) as upstream, kept(upstream.endpoint) as streams:
        assert [await streams.ask() for _ in range(3)] == [answer("www.example.org.")] * 3
    assert (upstream.connections, streams.hits) == (3, [False, True, True])


@pytest.mark.parametrize(
    ("end", "when"),
    [
        pytest.param(lambda _: End(), "before the reply came", id="closed"),
        pytest.param(lambda _: Reset(), "before the reply came", id="reset"),
        pytest.param(lambda seen: Half(address(seen)), "in the middle of a reply", id="half a frame"),
    ],
)
async def test_a_new_connection_that_ends_without_a_reply_is_a_failure(end: Callable[[Seen], Sent], when: str) -> None:
    async with scripted(lambda seen: [end(seen)]) as upstream, kept(upstream.endpoint) as streams:
        with pytest.raises(Cut, match=f"upstream {upstream.text} \\(tcp\\) ended the connection {when}"):
            await streams.ask()


def lying(seen: Seen) -> list[Sent]:
    return [altered(seen, id=seen.id ^ 1), altered(seen, question="x.test. 0 IN A 0.0.0.0"), b"", *good(seen)]


async def test_messages_that_are_no_reply_are_waited_past() -> None:
    async with scripted(lying) as upstream, kept(upstream.endpoint) as streams:
        assert (await streams.ask(), streams.strays) == (answer("www.example.org."), 3)


async def test_silence_is_a_failure_after_the_timeout_and_ends_the_connection() -> None:
    async with scripted(silent) as upstream, kept(upstream.endpoint) as streams:
        began = warp().time()
        with pytest.raises(Silent, match=r"\(tcp\) did not answer within 2s: i/o timeout$"):
            await streams.ask()
        assert warp().time() - began == pytest.approx(2, abs=0.1)
        upstream.script = good
        assert await streams.ask() == answer("www.example.org.")
    assert upstream.connections == 2


async def test_a_slow_reply_does_not_hold_up_later_questions() -> None:
    def slow(seen: Seen) -> list[Sent]:
        return [] if seen.name == "slow.test." else good(seen)

    async with scripted(slow) as upstream, kept(upstream.endpoint) as streams:
        waiting = asyncio.create_task(streams.ask("slow.test."))
        await asyncio.sleep(1)
        assert await streams.ask() == answer("www.example.org.")
        assert [seen.connection for seen in upstream.seen] == [1, 2]
        with pytest.raises(Silent):
            await waiting


async def test_a_late_reply_is_nobody_s() -> None:
    async with scripted(silent) as upstream, kept(upstream.endpoint) as streams:
        late = asyncio.create_task(streams.ask("late.test."))
        await asyncio.sleep(0.1)
        other = asyncio.create_task(streams.ask("other.test."))
        with pytest.raises(Silent):
            await late
        (connection,) = upstream.open
        connection.write(b"".join(frame(address(seen)) for seen in upstream.seen))
        assert (await other, streams.strays) == (answer("other.test."), 1)


async def test_nobody_there_is_a_failure_at_once() -> None:
    async with scripted(streams=False) as upstream, kept(upstream.endpoint) as streams:
        with pytest.raises(UpstreamError, match=r"\(tcp\): connection refused$"):
            await streams.ask()


async def test_many_who_wait_for_one_connection_all_hear_that_there_is_none() -> None:
    async with scripted(streams=False) as upstream, kept(upstream.endpoint) as streams:
        ends = await asyncio.gather(*(streams.ask() for _ in range(10)), return_exceptions=True)
    assert {type(end) for end in ends} == {UpstreamError}


async def test_a_connection_that_nobody_waits_for_any_more_is_closed() -> None:
    async with scripted() as upstream, kept(upstream.endpoint, Keeping(expire=3.0)) as streams:
        waiting = asyncio.create_task(streams.ask())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await asyncio.sleep(1)
        assert (len(streams.streams), upstream.seen) == (1, [])
        await asyncio.sleep(3)
        assert len(streams.streams) == 0


async def test_connections_come_from_the_address_that_is_wanted() -> None:
    peers: list[str] = []

    def look(seen: Seen) -> list[Sent]:
        peers.extend(each.get_extra_info("peername")[0] for each in upstream.open)
        return good(seen)

    async with scripted(look) as upstream, kept(upstream.endpoint, source="127.0.0.9") as streams:
        await streams.ask()
    assert peers == ["127.0.0.9"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("ca")))


def named(upstream: Scripted, name: str) -> Endpoint:
    return upstream.endpoint._replace(name=name)


@pytest.mark.parametrize(("certificate", "name"), [("dns.test", "dns.test"), ("127.0.0.1", "")])
async def test_over_tls_the_certificate_is_for_the_name_or_the_address(
    authority: Authority, certificate: str, name: str
) -> None:
    async with (
        scripted(tls=authority.server(certificate)) as upstream,
        kept(named(upstream, name), context=authority.client()) as streams,
    ):
        assert [await streams.ask() for _ in range(2)] == [answer("www.example.org.")] * 2
        (connection,) = upstream.open
        assert connection.get_extra_info("ssl_object").selected_alpn_protocol() == "dot"
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("certificate", "name"), [("dns.test", "other.test"), ("dns.test", ""), ("other.test", "dns.test")]
)
async def test_a_certificate_for_somebody_else_is_a_failure(authority: Authority, certificate: str, name: str) -> None:
    async with (
        scripted(tls=authority.server(certificate)) as upstream,
        kept(named(upstream, name), context=authority.client()) as streams,
    ):
        with pytest.raises(UpstreamError, match=r"\(tls\): .*certificate is not valid for"):
            await streams.ask()
    assert upstream.seen == []


async def test_a_certificate_of_nobody_that_we_believe_is_a_failure(authority: Authority) -> None:
    async with (
        scripted(tls=authority.server("dns.test")) as upstream,
        kept(named(upstream, "dns.test"), context=ssl.create_default_context()) as streams,
    ):
        with pytest.raises(UpstreamError, match=r"\(tls\): .*(self-signed|unable to get local issuer)"):
            await streams.ask()
    assert upstream.seen == []


async def test_one_who_takes_the_connection_and_says_nothing_is_silent(authority: Authority) -> None:
    """It waits for the rest of what it takes for a long message."""
    async with scripted(silent) as upstream, kept(named(upstream, "dns.test"), context=authority.client()) as streams:
        with pytest.raises(Silent, match=r"\(tls\) did not answer within 2s: i/o timeout$"):
            await streams.ask()


async def test_one_who_does_not_speak_tls_is_a_failure(authority: Authority) -> None:
    async with scripted() as upstream, kept(named(upstream, "dns.test"), context=authority.client()) as streams:
        with pytest.raises(UpstreamError, match=r"\(tls\)"):
            await streams.ask()
