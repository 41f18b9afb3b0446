from __future__ import annotations

import logging

import pytest

from kdns.errors import KdnsError
from tests.asking import Asked, lines, rcode, serving

SOA = "604800 IN SOA localhost. root.localhost. 1 0 0 0 604800"


async def served(asked: Asked, question: str) -> tuple[str, list[str], list[str]]:
    reply = await asked.ask(*question.split())
    return rcode(reply), lines(reply.answer), lines(reply.authority)


def counted(asked: Asked) -> float:
    return asked.plan.build.metrics.registry.get_sample_value("coredns_local_localhost_requests_total") or 0.0


ANSWERED = [
    ("localhost. A", "localhost. 604800 IN A 127.0.0.1"),
    ("localhost. AAAA", "localhost. 604800 IN AAAA ::1"),
    ("localhost. NS", "localhost. 604800 IN NS localhost."),
    ("localhost. SOA", f"localhost. {SOA}"),
    ("LocalHost. A", "LocalHost. 604800 IN A 127.0.0.1"),
    ("web.localhost. A", "web.localhost. 604800 IN A 127.0.0.1"),
    ("a.b.localhost. AAAA", "a.b.localhost. 604800 IN AAAA ::1"),
    ("localhost.example.org. A", "localhost.example.org. 604800 IN A 127.0.0.1"),
    ("localhost.localhost. A", "localhost.localhost. 604800 IN A 127.0.0.1"),
    ("0.in-addr.arpa. NS", "0.in-addr.arpa. 604800 IN NS localhost."),
    ("127.in-addr.arpa. SOA", f"127.in-addr.arpa. {SOA}"),
    ("1.0.0.127.in-addr.arpa. PTR", "1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."),
]


@pytest.mark.parametrize(("question", "record"), ANSWERED, ids=[question for question, _ in ANSWERED])
async def test_what_is_local_is_answered(question: str, record: str) -> None:
    async with serving(". {\nlocal\nwhoami\n}") as asked:
        for _ in range(2):
            assert await served(asked, question) == ("NOERROR", [record], [])


@pytest.mark.parametrize(
    ("question", "code", "owner"),
    [
        ("localhost. MX", "NOERROR", "localhost."),
        ("web.localhost. TXT", "NOERROR", "web.localhost."),
        ("localhost.example.org. SRV", "NOERROR", "localhost.example.org."),
        ("255.in-addr.arpa. A", "NOERROR", "255.in-addr.arpa."),
        ("127.in-addr.arpa. PTR", "NOERROR", "127.in-addr.arpa."),
        ("1.0.0.127.in-addr.arpa. A", "NOERROR", "127.in-addr.arpa."),
        ("0.0.127.in-addr.arpa. PTR", "NOERROR", "127.in-addr.arpa."),
        ("0.127.in-addr.arpa. A", "NOERROR", "127.in-addr.arpa."),
        ("2.0.0.127.in-addr.arpa. PTR", "NXDOMAIN", "127.in-addr.arpa."),
        ("1.0.127.in-addr.arpa. PTR", "NXDOMAIN", "127.in-addr.arpa."),
        ("0.0.0.0.in-addr.arpa. PTR", "NXDOMAIN", "0.in-addr.arpa."),
        ("255.255.255.255.IN-ADDR.ARPA. PTR", "NXDOMAIN", "255.IN-ADDR.ARPA."),
    ],
)
async def test_what_is_not_there_is_denied_with_the_zone(question: str, code: str, owner: str) -> None:
    async with serving(". {\nlocal\nwhoami\n}") as asked:
        assert await served(asked, question) == (code, [], [f"{owner} {SOA}"])


@pytest.mark.parametrize(
    "question",
    [
        "example.org. A",
        "localhosts. A",
        "localhost1.example.org. A",
        "my-localhost. A",
        "128.in-addr.arpa. PTR",
        "1.27.in-addr.arpa. PTR",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. PTR",
        ". NS",
    ],
)
async def test_other_names_go_on_to_the_next_plugin(question: str) -> None:
    async with serving(". {\nlocal\nwhoami\n}") as asked:
        reply = await asked.ask(*question.split())
        assert (rcode(reply), reply.answer, len(reply.additional)) == ("NOERROR", [], 2)
        assert counted(asked) == 0


async def test_local_replies_are_authoritative() -> None:
    async with serving(". {\nlocal\n}") as asked:
        for name in ("localhost.", "x.localhost.", "9.9.9.127.in-addr.arpa."):
            assert "AA" in (await asked.ask(name)).to_text().split("flags ")[1].split("\n")[0]


@pytest.mark.parametrize(("state", "additional"), [("on", 0), ("off", 2)])
async def test_names_that_start_with_localhost_are_local_unless_told_otherwise(state: str, additional: int) -> None:
    async with serving(f". {{\nlocal {{\nlocalhost_prefix {state}\n}}\nwhoami\n}}") as asked:
        assert len((await asked.ask("localhost.example.org.")).additional) == additional
        for name in ("localhost.", "x.localhost.", "localhost.x.localhost."):
            assert (await asked.ask(name)).answer


async def test_of_two_lines_the_last_that_says_something_counts() -> None:
    async with serving(". {\nlocal {\nlocalhost_prefix off\n}\nlocal\nwhoami\n}") as asked:
        assert (await asked.ask("localhost.example.org.")).answer == []


async def test_questions_below_localhost_are_counted_each_time() -> None:
    async with serving(". {\nlocal\n}") as asked:
        for _ in range(3):
            await asked.ask("web.localhost.")
        await asked.ask("localhost.example.org.", "AAAA")
        for name in ("localhost.", "1.0.0.127.in-addr.arpa."):
            await asked.ask(name)
        assert counted(asked) == 4


@pytest.mark.parametrize(("debug", "shown"), [("", 0), ("debug", 2)])
async def test_with_debug_each_is_shown_with_its_client(
    debug: str, shown: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(f". {{\nlocal\n{debug}\n}}") as asked:
        with caplog.at_level(logging.DEBUG, "kdns.plugins.local"):
            for _ in range(2):
                await asked.ask("Web.localhost.")
            await asked.ask("localhost.")
    said = [record.getMessage() for record in caplog.records if record.name == "kdns.plugins.local"]
    assert said == ["web.localhost. A asked by 192.0.2.53 stays here"] * shown


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("local x", "'local' takes no arguments: remove 'x'"),
        ("local {\nlocalhost_prefix\n}", "'localhost_prefix' takes 1 argument, not 0"),
        ("local {\nlocalhost_prefix yes\n}", "'localhost_prefix' takes on or off, not 'yes'"),
        ("local {\nlocalhost_prefix on off\n}", "'localhost_prefix' takes 1 argument, not 2"),
        ("local {\nprefix on\n}", "'local' has no option 'prefix'"),
        ("local\nlocal x", "'local' takes no arguments: remove 'x'"),
    ],
)
async def test_mistakes_are_told(text: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        async with serving(f". {{\n{text}\n}}"):
            pass
    assert error in str(caught.value)
