from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Hashable, Iterable
from pathlib import Path

import pytest

from kdns.hostsfile import HostsFile, Table, read_table
from kdns.metrics import Metrics
from kdns.proto.name import to_text
from kdns.proto.reverse import unpack
from tests.serve.sockets import PATIENCE


def forward(table: Table) -> dict[str, list[str]]:
    return {to_text(name): list(map(unpack, found)) for name, found in table.addresses.items()}


def back(table: Table) -> dict[str, list[str]]:
    return {unpack(address): list(map(to_text, names)) for address, names in table.names.items() if names}


@pytest.mark.parametrize(
    ("text", "addresses", "names"),
    [
        pytest.param("10.0.0.1 a.test", {"a.test.": ["10.0.0.1"]}, {"10.0.0.1": ["a.test."]}, id="one name"),
        pytest.param(
            "10.0.0.1\ta.test   B.Test.",
            {"a.test.": ["10.0.0.1"], "b.test.": ["10.0.0.1"]},
            {"10.0.0.1": ["a.test.", "b.test."]},
            id="several names, in any case",
        ),
        pytest.param(
            "10.0.0.1 a.test\n10.0.0.2 a.test\n::1 a.test\n10.0.0.1 a.test",
            {"a.test.": ["10.0.0.1", "10.0.0.2", "::1"]},
            {"10.0.0.1": ["a.test."], "10.0.0.2": ["a.test."], "::1": ["a.test."]},
            id="several addresses, each once",
        ),
        pytest.param("# 10.0.0.1 a\n\n  \n10.0.0.2 b # c", {"b.": ["10.0.0.2"]}, {"10.0.0.2": ["b."]}, id="comments"),
        pytest.param("fe80::1%lo0 a", {"a.": ["fe80::1"]}, {"fe80::1": ["a."]}, id="a scope is left out"),
        pytest.param("::ffff:10.0.0.1 a", {"a.": ["10.0.0.1"]}, {"10.0.0.1": ["a."]}, id="IPv4 in IPv6"),
        pytest.param("10.0.0.1 *.a.test", {"*.a.test.": ["10.0.0.1"]}, {}, id="a wildcard has no PTR"),
        pytest.param("10.0.0.1 a\r\n10.0.0.2 b\r\n", {"a.": ["10.0.0.1"], "b.": ["10.0.0.2"]}, None, id="CR LF"),
        pytest.param("", {}, {}, id="nothing"),
    ],
)
def test_a_line_is_an_address_with_names(
    text: str, addresses: dict[str, list[str]], names: dict[str, list[str]] | None
) -> None:
    table, wrong = read_table(text.encode())
    assert wrong == []
    assert forward(table) == addresses
    if names is not None:
        assert back(table) == names
        assert table.size == sum(map(len, addresses.values())) + sum(map(len, names.values()))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"a.test 10.0.0.1", "'a.test' is no IP address"),
        (b"10.0.0 a.test", "'10.0.0' is no IP address"),
        (b"10.0.0.01 a.test", "'10.0.0.01' is no IP address"),
        (b"10.0.0.1", "'10.0.0.1' has no name"),
        (b"10.0.0.1 # a.test", "'10.0.0.1' has no name"),
        (b"10.0.0.1 a..test", "'a..test' is no domain name"),
        (b"10.0.0.1 good." + b"x" * 64, "is no domain name"),
        (b"\xff\xfe a", "is no IP address"),
    ],
)
def test_a_line_that_is_not_right_is_passed_over(line: bytes, text: str) -> None:
    table, wrong = read_table(b"10.0.0.8 before\n" + line + b"\n10.0.0.9 after")
    assert forward(table) == {"before.": ["10.0.0.8"], "after.": ["10.0.0.9"]}
    ((number, said),) = wrong
    assert number == 2
    assert text in said


def test_an_address_with_very_many_names_keeps_a_hundred_for_its_ptr() -> None:
    table, _ = read_table(b"".join(b"0.0.0.0 n%d.test\n" % number for number in range(1000)))
    assert len(table.addresses) == 1000
    assert [len(names) for names in table.names.values()] == [100]


class Around:
    """A hosts file with everything that it tells."""

    def __init__(self, path: Path, *, every: float = 0.0, wanted: bool = True) -> None:
        self.path = path
        self.told: list[Hashable] = []
        self.metrics = Metrics()
        self.file = HostsFile(str(path), every, self.metrics, self._hear, wanted=wanted)

    def _hear(self, keys: Iterable[Hashable]) -> None:
        self.told += keys

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def entries(self) -> float | None:
        return self.metric("coredns_hosts_entries", hostsfile=str(self.path))

    @property
    def names(self) -> list[str]:
        return sorted(forward(self.file.table))


@pytest.fixture
def around(tmp_path: Path) -> Around:
    return Around(tmp_path / "hosts")


async def test_a_file_is_read_at_start_and_what_changes_is_published(around: Around) -> None:
    around.path.write_text("10.0.0.1 a.test")
    os.utime(around.path, (1000, 1000))
    await around.file.start()
    assert around.names == ["a.test."]
    assert around.entries == 2
    assert around.metric("coredns_hosts_reload_timestamp_seconds") == 1000
    around.path.write_text("10.0.0.1 b.test c.test")
    around.told.clear()
    await around.file.look()
    assert around.names == ["b.test.", "c.test."]
    assert around.told == [around.file.key]
    assert around.entries == 4
    await around.file.stop()
    assert around.entries == 0


async def test_a_file_that_is_the_same_is_not_read_again(around: Around) -> None:
    around.path.write_text("10.0.0.1 a.test")
    await around.file.look()
    around.told.clear()
    await around.file.look()
    assert around.told == []


async def test_another_file_in_its_place_is_noticed_even_with_its_time_and_size(around: Around) -> None:
    """As a ConfigMap's are: symlinks to a folder, which is exchanged."""
    for version in ("one", "two"):
        folder = around.path.parent / version
        folder.mkdir()
        (folder / "hosts").write_text(f"10.0.0.1 {version}.test")
        os.utime(folder / "hosts", (1000, 1000))
    link = around.path.parent / "..data"
    link.symlink_to("one")
    around.path.symlink_to("..data/hosts")
    await around.file.look()
    assert around.names == ["one.test."]
    fresh = around.path.parent / "..data_tmp"
    fresh.symlink_to("two")
    fresh.rename(link)
    await around.file.look()
    assert around.names == ["two.test."]


async def test_what_a_file_said_stays_while_it_is_gone(around: Around, caplog: pytest.LogCaptureFixture) -> None:
    around.path.write_text("10.0.0.1 a.test")
    await around.file.look()
    around.path.unlink()
    await around.file.look()
    await around.file.look()
    assert around.names == ["a.test."]
    assert caplog.messages == [f"there is no hosts file '{around.path}'; its entries stay as they were"]
    around.path.write_text("10.0.0.1 again.test")
    await around.file.look()
    assert around.names == ["again.test."]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [pytest.param(True, 1, id="one that is named is said"), pytest.param(False, 0, id="/etc/hosts is not")],
)
async def test_a_file_that_is_not_there_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: bool, said: int
) -> None:
    around = Around(tmp_path / "hosts", wanted=wanted)
    await around.file.start()
    await around.file.look()
    assert caplog.messages == [f"there is no hosts file '{around.path}'"] * said
    around.path.write_text("10.0.0.1 a.test")
    await around.file.look()
    assert around.names == ["a.test."]
    await around.file.stop()


async def test_a_folder_cannot_be_read(around: Around, caplog: pytest.LogCaptureFixture) -> None:
    around.path.mkdir()
    await around.file.look()
    assert caplog.messages == [f"the hosts file '{around.path}' cannot be read: Is a directory"]


async def test_what_would_never_be_read_to_its_end_is_no_file(around: Around, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(around.path)
    async with asyncio.timeout(10):
        await around.file.look()
    assert caplog.messages == [f"the hosts file '{around.path}' cannot be read: it is no file but something else"]


async def test_what_a_file_said_before_is_let_go_of(around: Around) -> None:
    around.path.write_text("".join(f"10.0.{i}.1 a{i}.test b.test\n" for i in range(200)))
    await around.file.look()
    former = around.file.table
    around.path.write_text("10.0.0.1 a.test")
    await around.file.look()
    assert (former.addresses, former.names) == ({}, {})
    assert around.names == ["a.test."]


async def test_lines_that_are_not_right_are_one_line_of_the_log(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    around.path.write_text("10.0.0.1 a.test\nx\n" + "y z\n" * 9)
    await around.file.look()
    assert around.names == ["a.test."]
    ((_, level, text),) = caplog.record_tuples
    assert level == logging.WARNING
    assert text.startswith(f"lines are passed over: {around.path}:2: 'x' is no IP address")
    assert text.endswith("; and 7 more")


async def test_it_is_looked_at_every_so_many_seconds(tmp_path: Path) -> None:
    """Each wait is let go of by the test, and is over when the next begins."""
    path = tmp_path / "hosts"
    path.write_text("10.0.0.1 a.test")
    waits: list[float] = []
    waiting, go = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        waiting.set()
        await go.wait()
        go.clear()

    async def next_wait() -> None:
        async with asyncio.timeout(PATIENCE):
            await waiting.wait()
        waiting.clear()

    file = HostsFile(str(path), 5.0, Metrics(), lambda _: None, sleep)
    await file.start()
    await next_wait()
    path.write_text("10.0.0.1 later.test")
    assert sorted(forward(file.table)) == ["a.test."]
    go.set()
    await next_wait()
    assert sorted(forward(file.table)) == ["later.test."]
    assert waits == [5.0, 5.0]
    await file.stop()
