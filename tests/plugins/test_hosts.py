"""The plugin in its chain. The file itself: tests/test_hostsfile.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.hostsfile import HostsFile
from kdns.plan import Plan, plan, plan_after
from tests.asking import Asked, ede, lines, rcode, serving

FILE = """\
192.0.2.1  web.test www.web.test
2001:db8::1 web.test
192.0.2.2  only4.test
192.0.2.10 *.wild.test
192.0.2.11 own.wild.test
192.0.2.1  outside.example
"""


def planned(options: str, args: str = "none") -> Plan:
    text = f"test {{\n    hosts {args} {{\n{options}\n    }}\n}}\n"
    return plan(parse(text, "Corefile", environ={}, disk=Memory()), lambda: 0.0, lambda: 0.0)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "ttl 1",
        "ttl 65535",
        "no_reverse",
        "reload 0s",
        "reload 1m",
        "fallthrough",
        "fallthrough test in-addr.arpa",
        "fallthrough 10.0.0.0/8",
        "fallthrough\nfallthrough_unsupported",
        "10.0.0.1 a.test",
        "10.0.0.1 a.test b.test *.c.test # more",
        "fd00::1 a.test\n::1 b.test\n::ffff:10.0.0.1 c.test\nttl 5\nfallthrough",
        "10.0.0.1 a.test\nttl 5\n10.0.0.2 b.test",
    ],
)
def test_what_coredns_takes_is_taken(options: str) -> None:
    assert planned(options).build.warnings == []


@pytest.mark.parametrize("args", ["", "none", "none test", "none a.test 10.0.0.0/8"])
def test_file_and_zones_may_be_given(args: str) -> None:
    planned("", args)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("ttl", "Corefile:3: 'ttl' takes 1 argument, not 0"),
        ("ttl 0", "Corefile:3: 'ttl' takes a whole number from 1 to 65535, not '0'"),
        ("ttl 65536", "Corefile:3: 'ttl' takes a whole number from 1 to 65535, not '65536'"),
        ("ttl -1", "Corefile:3: 'ttl' takes a whole number from 1 to 65535, not '-1'"),
        ("ttl ten", "Corefile:3: 'ttl' takes a whole number from 1 to 65535, not 'ten'"),
        ("no_reverse yes", "Corefile:3: 'no_reverse' takes no arguments: remove 'yes'"),
        ("reload", "Corefile:3: 'reload' takes 1 argument, not 0"),
        ("reload 5", "Corefile:3: 'reload' takes a duration: "),
        ("reload 1s 2s", "Corefile:3: 'reload' takes 1 argument, not 2"),
        ("fallthrough a..b", "Corefile:3: 'fallthrough' takes zones: "),
        ("fallthrough_unsupported", "Corefile:2: 'fallthrough_unsupported' needs 'fallthrough' beside it"),
        ("nop_reverse", "Corefile:3: 'hosts' has no option 'nop_reverse'; did you mean 'no_reverse'?"),
        ("localhost 127.0.0.1", "Corefile:3: 'hosts' has no option 'localhost'"),
        ("fallthrough\n10.0.0.1 a.test", "Corefile:4: entries stand above 'fallthrough': move '10.0.0.1' up"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(options: str, text: str) -> None:
    with pytest.raises(CorefileErrors) as caught:
        planned(options)
    assert str(caught.value).startswith(text)


def test_every_mistake_is_told() -> None:
    with pytest.raises(CorefileErrors) as caught:
        planned("ttl 0\nfallthrough\n10.0.0.1 a\nnone\n")
    assert [error.line for error in caught.value.errors] == [3, 5, 6]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("10.0.0.1", "Corefile:3: '10.0.0.1' has no name: an entry is an address and its names; it is passed over"),
        ("10.0.0 a", "Corefile:3: '10.0.0' is no IP address: an entry is an address and its names; it is passed over"),
        ("10.0.0.1 a..test", "Corefile:3: 'a..test' is no domain name: a label has 1 to 63 octets, not 0; it is pass"),
    ],
)
async def test_an_entry_that_cannot_be_read_is_passed_over_with_a_warning(entry: str, text: str) -> None:
    (warning,) = planned(f"{entry}\n10.0.0.2 b.test").build.warnings
    assert warning.startswith(text)
    async with serving(f"test {{\n hosts none {{\n{entry}\n10.0.0.2 b.test\n}}\n}}\n") as server:
        assert lines((await server.ask("b.test.", "A")).answer) == ["b.test. 3600 IN A 10.0.0.2"]


def test_it_can_stand_only_once() -> None:
    with pytest.raises(CorefileErrors, match="Corefile:4: hosts can stand only once in a server block"):
        plan(parse("test {\n hosts a\n whoami\n hosts b\n}", "Corefile", environ={}, disk=Memory()), float, float)


def test_a_file_out_of_reach_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorefileErrors, match=r"hosts file .* cannot be reached: Not a directory"):
        planned("", f"{tmp_path}/file/hosts")


def corefile(folder: Path, options: str = "", args: str = "") -> str:
    (folder / "hosts").write_text(FILE)
    return f"test in-addr.arpa ip6.arpa {{\n hosts {folder}/hosts {args} {{\n{options}\n}}\n whoami\n}}\n"


@pytest.mark.parametrize(
    ("name", "type", "code", "answer"),
    [
        ("web.test.", "A", "NOERROR", ["web.test. 3600 IN A 192.0.2.1", "web.test. 3600 IN A 198.51.100.9"]),
        ("WEB.test.", "A", "NOERROR", ["WEB.test. 3600 IN A 192.0.2.1", "WEB.test. 3600 IN A 198.51.100.9"]),
        ("web.test.", "AAAA", "NOERROR", ["web.test. 3600 IN AAAA 2001:db8::1"]),
        ("www.web.test.", "A", "NOERROR", ["www.web.test. 3600 IN A 192.0.2.1"]),
        ("only4.test.", "AAAA", "NOERROR", []),
        ("only4.test.", "TXT", "NOERROR", []),
        ("inline.test.", "A", "NOERROR", ["inline.test. 3600 IN A 198.51.100.9"]),
        ("any.wild.test.", "A", "NOERROR", ["any.wild.test. 3600 IN A 192.0.2.10"]),
        ("own.wild.test.", "A", "NOERROR", ["own.wild.test. 3600 IN A 192.0.2.11"]),
        ("*.wild.test.", "A", "NOERROR", ["*.wild.test. 3600 IN A 192.0.2.10"]),
        ("wild.test.", "A", "SERVFAIL", []),
        ("deep.any.wild.test.", "A", "SERVFAIL", []),
        ("gone.test.", "A", "SERVFAIL", []),
        ("gone.test.", "TXT", "SERVFAIL", []),
        ("2.2.0.192.in-addr.arpa.", "PTR", "NOERROR", ["2.2.0.192.in-addr.arpa. 3600 IN PTR only4.test."]),
        (
            "1.2.0.192.in-addr.arpa.",
            "PTR",
            "NOERROR",
            ["1.2.0.192.in-addr.arpa. 3600 IN PTR web.test.", "1.2.0.192.in-addr.arpa. 3600 IN PTR www.web.test."],
        ),
        (
            "9.100.51.198.in-addr.arpa.",
            "PTR",
            "NOERROR",
            [f"9.100.51.198.in-addr.arpa. 3600 IN PTR {name}.test." for name in ("inline", "web")],
        ),
        (f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa.", "PTR", "NOERROR", None),
    ],
)
async def test_names_and_addresses_are_answered(
    tmp_path: Path, name: str, type: str, code: str, answer: list[str] | None
) -> None:
    inline = "198.51.100.9 inline.test web.test"
    async with serving(corefile(tmp_path, inline)) as server:
        for tcp in (False, True, False):
            reply = await server.ask(name, type, tcp=tcp)
            assert rcode(reply) == code
            assert answer is None or lines(reply.answer) == answer
            assert reply.answer or answer is not None
            assert bool(reply.flags & 0x0400) == (code == "NOERROR")


async def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    async with serving(corefile(tmp_path)) as server:
        assert ede(await server.ask("gone.test.")) == "the name is not among the hosts that are served here"


async def by_whoami(server: Asked, name: str, type: str) -> bool:
    """Whether the next plugin answered: *whoami* adds the client's address."""
    reply = await server.ask(name, type)
    return bool(reply.additional) and not reply.answer


@pytest.mark.parametrize(
    ("options", "name", "type", "passed_on"),
    [
        ("", "gone.test.", "A", False),
        ("fallthrough", "gone.test.", "A", True),
        ("fallthrough", "gone.test.", "TXT", True),
        ("fallthrough", "only4.test.", "AAAA", False),
        ("fallthrough", "only4.test.", "TXT", False),
        ("fallthrough a.test", "gone.test.", "A", False),
        ("fallthrough a.test", "x.a.test.", "A", True),
        ("fallthrough in-addr.arpa", "gone.test.", "A", False),
        ("fallthrough\nfallthrough_unsupported", "only4.test.", "TXT", True),
        ("fallthrough\nfallthrough_unsupported", "only4.test.", "AAAA", False),
        ("fallthrough a.test\nfallthrough_unsupported", "only4.test.", "TXT", False),
        ("", "9.9.9.9.in-addr.arpa.", "PTR", True),
        ("no_reverse", "1.2.0.192.in-addr.arpa.", "PTR", True),
        ("", "1.2.0.192.in-addr.arpa.", "PTR", False),
        ("", "only4.test.", "PTR", True),
    ],
)
async def test_the_next_plugin_gets_what_falls_through(
    tmp_path: Path, options: str, name: str, type: str, passed_on: bool
) -> None:
    async with serving(corefile(tmp_path, options)) as server:
        assert await by_whoami(server, name, type) == passed_on


async def test_zones_say_whose_names_are_answered(tmp_path: Path) -> None:
    async with serving(corefile(tmp_path, args="wild.test")) as server:
        assert await by_whoami(server, "web.test.", "A")
        assert await by_whoami(server, "1.2.0.192.in-addr.arpa.", "PTR")
        assert not await by_whoami(server, "any.wild.test.", "A")
        assert lines((await server.ask("11.2.0.192.in-addr.arpa.", "PTR")).answer) == [
            "11.2.0.192.in-addr.arpa. 3600 IN PTR own.wild.test."
        ]


async def test_the_ttl_is_that_of_all_records(tmp_path: Path) -> None:
    async with serving(corefile(tmp_path, "ttl 7")) as server:
        for name, type in (("web.test.", "A"), ("web.test.", "AAAA"), ("2.2.0.192.in-addr.arpa.", "PTR")):
            assert [rrset.ttl for rrset in (await server.ask(name, type)).answer] == [7]


async def test_answers_are_kept_ready_until_the_file_changes(tmp_path: Path) -> None:
    """Those that are there, those that are not, and those of the next plugin."""
    asked = [("web.test.", "A"), ("later.test.", "A"), ("8.2.0.192.in-addr.arpa.", "PTR")]
    async with serving(corefile(tmp_path)) as server:
        for question in asked:
            await server.ask(*question)
        hits = server.plan.build.metrics.memo_hits._value.get()  # noqa: SLF001
        for question in asked[:2]:
            await server.ask(*question)
        assert server.plan.build.metrics.memo_hits._value.get() == hits + 2  # noqa: SLF001
        path = tmp_path / "hosts"
        path.write_text("192.0.2.8 later.test\n")
        os.utime(path, (5000, 5000))
        (file,) = [part for part in server.plan.build.parts if isinstance(part, HostsFile)]
        await file.look()
        codes = [rcode(await server.ask(*question)) for question in asked]
        assert codes == ["SERVFAIL", "NOERROR", "NOERROR"]
        assert lines((await server.ask("8.2.0.192.in-addr.arpa.", "PTR")).answer) == [
            "8.2.0.192.in-addr.arpa. 3600 IN PTR later.test."
        ]


async def test_server_blocks_share_a_file_and_entries_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 a.test b.test\n")
    block = f"{{\n hosts {tmp_path}/hosts {{\n  192.0.2.9 c.test\n }}\n}}\n"
    async with serving(f"a.test {block} b.test {block}") as server:
        files = [part for part in server.plan.build.parts if isinstance(part, HostsFile)]
        assert len(files) == 1
        entries = server.plan.build.metrics.registry.get_sample_value
        labels = {"hostsfile": f"{tmp_path}/hosts"}
        assert entries("coredns_hosts_entries", labels) == 4 + 2 * 2
    assert entries("coredns_hosts_entries", labels) == 0


async def test_a_wildcard_counts_in_its_own_zones_only(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 *.test\n192.0.2.2 *.sub.test\n192.0.2.3 *\n")
    async with serving(f"sub.test {{\n hosts {tmp_path}/hosts\n}}\ntest {{\n hosts {tmp_path}/hosts\n}}\n") as server:
        codes = {name: rcode(await server.ask(name, "A")) for name in ("sub.test.", "a.sub.test.", "a.test.", "test.")}
    assert codes == {"sub.test.": "SERVFAIL", "a.sub.test.": "NOERROR", "a.test.": "NOERROR", "test.": "SERVFAIL"}


async def test_a_relative_path_begins_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 a.test\n")
    async with serving(f"test {{\n root {tmp_path}\n hosts hosts\n}}\n") as server:
        assert lines((await server.ask("a.test.")).answer) == ["a.test. 3600 IN A 192.0.2.1"]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        pytest.param("ttl 60", True, id="what is not about the file"),
        pytest.param("192.0.2.9 more.test", True, id="entries"),
        pytest.param("reload 1s", False, id="how often it is looked at"),
    ],
)
async def test_a_reload_keeps_the_file_as_it_was_read(tmp_path: Path, options: str, same: bool) -> None:
    def files(made: Plan) -> list[HostsFile]:
        return [part for part in made.build.parts if isinstance(part, HostsFile)]

    async with serving(corefile(tmp_path)) as server:
        text = corefile(tmp_path, options)
        after = plan_after(parse(text, "Corefile", environ={}, disk=Memory()), server.plan)
        assert (files(after) == files(server.plan)) == same
