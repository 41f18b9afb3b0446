from __future__ import annotations

import socket

import dns.flags
import dns.message
import dns.rdataclass
import pytest

from kdns import __version__
from kdns.errors import KdnsError
from tests.asking import Asked, ede, lines, rcode, serving


async def ask(asked: Asked, name: str, type: str = "TXT", klass: str = "CH") -> dns.message.Message:
    return await asked.exchange(dns.message.make_query(name, type, rdclass=klass, use_edns=0))


HOST = socket.gethostname()


@pytest.mark.parametrize(
    ("line", "name", "texts"),
    [
        ("chaos", "version.bind.", [f"kdns-{__version__}"]),
        ("chaos", "version.server.", [f"kdns-{__version__}"]),
        ("chaos", "authors.bind.", ["kdns"]),
        ("chaos", "hostname.bind.", [HOST]),
        ("chaos", "id.server.", [HOST]),
        ("chaos DNS-001", "version.bind.", ["DNS-001"]),
        ("chaos DNS-001", "authors.bind.", ["kdns"]),
        ("chaos DNS-001 b@x a@x b@x", "authors.bind.", ["a@x", "b@x"]),
        ('chaos "a name" "An Author"', "Version.BIND.", ["a name"]),
        ('chaos "a name" "An Author"', "AUTHORS.bind.", ["An Author"]),
        ("chaos one\nchaos two", "version.bind.", ["one"]),
        (f"chaos {'v' * 300} {'a' * 300}", "version.bind.", ["v" * 255]),
        (f"chaos {'v' * 300} {'a' * 300}", "authors.bind.", ["a" * 255]),
    ],
)
async def test_txt_of_class_ch_tells_about_the_server(line: str, name: str, texts: list[str]) -> None:
    async with serving(f". {{\n{line}\nwhoami\n}}") as asked:
        for _ in range(2):
            reply = await ask(asked, name)
            assert rcode(reply) == "NOERROR"
            assert lines(reply.answer) == [f'{name} 0 CH TXT "{text}"' for text in texts]
            assert (reply.authority, reply.additional) == ([], [])
            assert dns.flags.to_text(reply.flags) == "QR RD"


async def test_the_zones_of_the_block_may_be_just_these_names() -> None:
    async with serving("version.bind id.server {\nchaos x\n}") as asked:
        assert lines((await ask(asked, "version.bind.")).answer) == ['version.bind. 0 CH TXT "x"']
        assert rcode(await ask(asked, "authors.bind.")) == "REFUSED"


@pytest.mark.parametrize(
    ("name", "type", "klass"),
    [
        ("version.bind.", "A", "CH"),
        ("version.bind.", "ANY", "CH"),
        ("version.bind.", "TXT", "HS"),
        ("version.bind.", "TXT", "ANY"),
        ("x.version.bind.", "TXT", "CH"),
        ("localhost.", "A", "CH"),
        ("localhost.", "TXT", "CH"),
        (".", "ANY", "CH"),
    ],
)
async def test_everything_else_of_other_classes_stays_refused(name: str, type: str, klass: str) -> None:
    async with serving(". {\nchaos\nany\nlocal\nwhoami\n}") as asked:
        reply = await ask(asked, name, type, klass)
        assert (rcode(reply), ede(reply)) == ("REFUSED", "only class IN is answered here")


async def test_it_answers_in_its_own_block_only() -> None:
    async with serving(". {\nchaos x\n}\nbind {\nwhoami\n}") as asked:
        assert rcode(await ask(asked, "id.server.")) == "NOERROR"
        assert rcode(await ask(asked, "version.bind.")) == "REFUSED"


async def test_class_in_goes_on_to_the_next_plugin() -> None:
    async with serving(". {\nchaos\nwhoami\n}") as asked:
        reply = await ask(asked, "version.bind.", klass="IN")
        assert (rcode(reply), reply.answer, len(reply.additional)) == ("NOERROR", [], 2)
        assert lines((await ask(asked, "version.bind.")).answer) == [f'version.bind. 0 CH TXT "kdns-{__version__}"']


async def test_the_authors_take_turns_at_being_first() -> None:
    async with serving(". {\nchaos v a b c\n}") as asked:
        first = [str((await ask(asked, "authors.bind.")).answer[0][0]) for _ in range(3)]
        assert sorted(first) == ['"a"', '"b"', '"c"']


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("chaos {\n}", "'chaos' takes no block: remove its '{' and '}'"),
        ("chaos v\nchaos {\n}", "'chaos' takes no block: remove its '{' and '}'"),
    ],
)
async def test_mistakes_are_told(text: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        async with serving(f". {{\n{text}\n}}"):
            pass
    assert error in str(caught.value)
