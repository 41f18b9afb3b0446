from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kdns.errors import StartError
from kdns.upstream.address import Endpoint, Host, Target
from kdns.upstream.listing import MOST, Listing, by_system

ONE, TWO = Endpoint("10.0.0.1"), Endpoint("10.0.0.2")
HOST = Host("dns.example.org", 853, tls=True)


async def resolve(host: Host) -> Sequence[str]:
    return {"dns.example.org": ["10.0.0.1", "fd00::1"]}[host.host]


def listing(*targets: Target) -> Listing:
    return Listing(targets, resolve)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 10.0.0.1\n")
    return path


def test_servers_are_in_the_order_of_the_words_each_once() -> None:
    assert listing(TWO, ONE, TWO).endpoints == (TWO, ONE)


def test_a_file_stands_for_its_servers(file: Path) -> None:
    found = listing(TWO, file, Endpoint("10.0.0.3"))
    found.read(file)
    assert (found.files, found.endpoints) == ((file,), (TWO, ONE, Endpoint("10.0.0.3")))


async def test_a_host_stands_for_its_addresses_once_they_are_known() -> None:
    found = listing(HOST, TWO)
    assert found.endpoints == (TWO,)
    await found.resolve()
    first, second = (Endpoint(ip, 853, tls=True, name="dns.example.org") for ip in ("10.0.0.1", "fd00::1"))
    assert list(found.endpoints) == [first, second, TWO]


def test_there_are_fifteen_at_most(file: Path) -> None:
    file.write_text("".join(f"nameserver 10.0.0.{number}\n" for number in range(1, 30)))
    found = listing(file)
    found.read(file)
    assert [len(found.endpoints), MOST] == [15, 15]


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "cannot be read: No such file or directory"), ("search x\n", "names no server: it has no line such as")],
)
def test_a_file_without_servers_is_a_mistake(file: Path, content: str | None, text: str) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with pytest.raises(ValueError, match=text):
        listing(file).read(file)


def test_a_file_that_changes_is_seen(file: Path) -> None:
    found = listing(file)
    found.read(file)
    assert not found.look()
    file.write_text("nameserver 10.0.0.2\n")
    assert (found.look(), found.endpoints, found.look()) == (True, (TWO,), False)


def test_a_file_that_is_broken_leaves_the_servers_as_they_were(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = listing(file)
    found.read(file)
    for content in ("", "", "nameserver 10.0.0.1\n", "", "nameserver 10.0.0.2\n"):
        file.write_text(content)
        found.look()
    assert found.endpoints == (TWO,)
    complaint = f"'{file}' names no server: it has no line such as 'nameserver 10.0.0.1'; its servers stay as they were"
    assert caplog.messages == [complaint] * 2


async def test_this_machine_knows_itself() -> None:
    found = await by_system(Host("localhost"))
    assert {"127.0.0.1", "::1"} & set(found)


async def test_a_host_that_is_none_keeps_the_server_from_starting() -> None:
    with pytest.raises(StartError, match=r"^forward: the host 'no\.such\.invalid' cannot be resolved: "):
        await by_system(Host("no.such.invalid"))
