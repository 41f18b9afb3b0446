"""Starting from a saved state while the API server is away, judged by answers."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kdns.app import App
from kdns.cli.verdict import judge
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.plan import plan
from kdns.proto.name import from_text
from kdns.proto.types import RRType
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import endpoints, namespace, pod, service, slice_of
from tests.kube.live.exchange import fails, is_silent
from tests.kube.live.following import Following, corefile, stock
from tests.warp import warp

STALE = 3
NOT_READY = 14
FORBIDDEN = fails(403, "Forbidden", "not allowed")
BROKEN = fails(500, "InternalError", "broken")


class Kept:
    """The file, as somebody else sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.aside = Path(f"{path}.aside")

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.is_file()

    def content(self) -> bytes:
        """What is in it."""
        return self.path.read_bytes()

    def put_aside(self) -> bytes:
        """What is in the one that was set aside."""
        return self.aside.read_bytes()

    def stamp(self) -> os.stat_result:
        """Its mode, its inode, its times."""
        return self.path.stat()

    def written(self) -> tuple[int, int]:
        """Another pair once somebody wrote it."""
        return self.stamp().st_ino, self.stamp().st_mtime_ns

    def beside(self) -> list[str]:
        """The names of all that is in its folder."""
        return sorted(each.name for each in self.path.parent.iterdir())


@asynccontextmanager
async def served(api: ApiServer | str, file: Kept, *options: str, serving: bool = True) -> AsyncIterator[Following]:
    """kdns that follows this API server, or what an option says, and keeps its state."""
    loop = warp()
    text = corefile(api if isinstance(api, str) else f"endpoint {api.url}", f"state {file}", *options)
    planned = plan(parse(text, "Corefile", environ={}, disk=Memory()), loop.time, loop.wall)
    if serving:
        planned.build.serving.set()
    app = App(planned)
    try:
        await app.load()
        yield Following(planned)
    finally:
        await app.unload()


async def saved(api: ApiServer, file: Kept, *options: str) -> None:
    """A first run that leaves its state."""
    async with served(api, file, *options) as dns:
        assert dns.ready() == ""
    assert file.exists()


@pytest.fixture
def file(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kdns.state")


@asynccontextmanager
async def left_behind(file: Kept, *options: str) -> AsyncIterator[ApiServer]:
    """An API server that is down, of which there is a state."""
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("moved", "10.96.0.20"), service("old", "10.96.0.8"))
        await saved(api, file, *options)
        await api.kill()
        yield api


async def test_names_are_answered_at_once_though_the_api_server_is_away(
    file: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    async with left_behind(file) as api:
        warp().shift += 3600
        began = warp().time()
        with caplog.at_level(logging.WARNING, "kdns"):
            async with served(api, file) as dns:
                assert warp().time() - began < 0.5
                assert dns.ready() == ""
                with dns.steady(moved__shop="10.96.0.20"):
                    assert not await waited(dns, lambda: dns.codes("web.shop") != [STALE], 60)
                assert dns.why("web.shop") == "answers are from the state saved at 2023-11-14T22:13:20Z"
                assert 3600 < dns.metric("kdns_kubernetes_state_age_seconds") < 3700
                assert dns.metric("kdns_kubernetes_objects", kind="Service") == 4
        waiting = f"waiting for services, endpointslices, namespaces from {api.url}"
        assert f"serving from the state saved at 2023-11-14T22:13:20Z; {waiting}" in caplog.messages


async def test_the_first_sync_replaces_it_by_difference(file: Kept, caplog: pytest.LogCaptureFixture) -> None:
    async with left_behind(file) as api:
        api.etcd.delete(service("old"))
        api.etcd.put(service("moved", "10.96.0.21"), service("new", "10.96.0.9"))
        async with served(api, file) as dns:
            assert (dns.shown("old.shop"), dns.shown("moved.shop")) == ("10.96.0.8", "10.96.0.20")
            await api.start()
            with dns.steady(), caplog.at_level(logging.INFO, "kdns"):
                await dns.until("new.shop", "10.96.0.9")
                await dns.sees(lambda: dns.codes("web.shop") == [])
            assert (dns.shown("old.shop"), dns.shown("moved.shop")) == ("NXDOMAIN", "10.96.0.21")
            assert dns.metric("kdns_kubernetes_state_age_seconds") == 0
            told = "answers are the API server's now, 3 objects differ from the state saved at 2023-11-14T22:13:20Z"
            assert told in caplog.messages


async def test_what_did_not_change_is_not_touched_by_the_first_sync(file: Kept) -> None:
    async with left_behind(file) as api, served(api, file) as dns:
        serial = dns.look("cluster.local.", "SOA").answer
        warp().shift += 10
        await api.start()
        await dns.sees(lambda: dns.codes("web.shop") == [])
        assert dns.look("cluster.local.", "SOA").answer == serial


async def test_a_start_with_the_api_server_there_shows_nothing_old(file: Kept) -> None:
    async with left_behind(file) as api:
        api.etcd.put(service("moved", "10.96.0.21"))
        await api.start()
        async with served(api, file) as dns:
            assert dns.shown("moved.shop") == "10.96.0.21"
            assert dns.codes("moved.shop") == []


@pytest.mark.parametrize(("options", "least", "most"), [((), 0.9, 1.1), (("startup_timeout 200ms",), 0.1, 0.3)])
async def test_a_silent_api_server_is_waited_for_shortly(
    file: Kept, options: tuple[str, ...], least: float, most: float
) -> None:
    async with left_behind(file) as api:
        await api.start()
        api.script("*", is_silent, times=100)
        began = warp().time()
        async with served(api, file, *options) as dns:
            assert least < warp().time() - began < most
            assert (dns.shown("web.shop"), dns.codes("web.shop")) == ("10.96.0.1", [STALE])


async def test_while_a_kind_is_missing_answers_stay_stale_and_what_is_known_is_right(file: Kept) -> None:
    async with left_behind(file) as api:
        api.etcd.delete(service("old"))
        api.etcd.put(slice_of("db", "10.244.0.9"))
        await api.start()
        api.script("endpointslices", BROKEN, times=1000)
        async with served(api, file) as dns:
            await dns.until("old.shop", "NXDOMAIN")
            api.etcd.delete(service("moved"))
            await dns.until("moved.shop", "NXDOMAIN")
            assert dns.shown("db.shop") == "10.244.0.1 10.244.0.2"
            assert dns.codes("db.shop") == dns.codes("web.shop") == [STALE]
            assert dns.ready() == ""
            verdict = await judge(dns.plan, from_text("db.shop.svc.cluster.local."), RRType.A)
            origins = {each.object: each.origin for each in verdict.exhibits() if each.origin}
            state = "the state saved at 2023-11-14T22:13:20Z"
            assert origins == {"Service shop/db": api.url, "EndpointSlice shop/db-1": state}
            api.unscript()
            await dns.until("db.shop", "10.244.0.9", 60)
            await dns.sees(lambda: dns.codes("db.shop") == [])


async def test_slices_that_are_refused_now_give_way_to_endpoints(file: Kept) -> None:
    async with left_behind(file) as api:
        api.etcd.put(endpoints("db", "10.244.0.7"))
        await api.start()
        api.script("endpointslices", FORBIDDEN, times=1000)
        async with served(api, file) as dns:
            await dns.until("db.shop", "10.244.0.7")
            assert dns.codes("db.shop") == []
            assert dns.metric("kdns_kubernetes_objects", kind="EndpointSlice") == 0


async def test_endpoints_that_were_followed_then_give_way_to_slices(file: Kept) -> None:
    async with api_server() as api:
        api.etcd.put(namespace(), service("db"), endpoints("db", "10.244.0.7"))
        api.script("endpointslices", FORBIDDEN, times=1000)
        await saved(api, file)
        await api.kill()
        async with served(api, file) as dns:
            assert dns.shown("db.shop") == "10.244.0.7"
            api.unscript()
            await api.start()
            await dns.until("db.shop", "NXDOMAIN")
            assert dns.metric("kdns_kubernetes_objects", kind="Endpoints") == 0


@pytest.mark.parametrize("allowed", [True, False], ids=["with Namespaces", "without"])
async def test_with_namespaces_that_are_named_each_has_its_own(file: Kept, allowed: bool) -> None:
    options = ("namespaces shop other",)
    async with api_server() as api:
        if not allowed:
            api.script("namespaces", FORBIDDEN, times=1000)
        api.etcd.put(namespace("shop"), namespace("other"), service("web", "10.96.0.1"))
        api.etcd.put(service("web", "10.96.0.2", "other"), service("gone", "10.96.0.3", "other"))
        await saved(api, file, *options)
        await api.kill()
        api.etcd.delete(service("gone", namespace="other"))
        async with served(api, file, *options) as dns:
            assert (dns.shown("web.other"), dns.shown("gone.other")) == ("10.96.0.2", "10.96.0.3")
            await api.start()
            await dns.until("gone.other", "NXDOMAIN")
            await dns.sees(lambda: dns.codes("web.shop") == dns.codes("web.other") == [])
            assert (dns.shown("web.shop"), dns.shown("web.other")) == ("10.96.0.1", "10.96.0.2")


IMPORT = {
    "apiVersion": "v1",
    "kind": "ServiceImport",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"ips": ["10.97.0.1"]},
}


@pytest.mark.parametrize(
    ("option", "name", "shown"),
    [
        ("pods verified", "10-244-0-5.shop.pod.cluster.local.", "10.244.0.5"),
        ("pods verified", "10-244-0-6.shop.pod.cluster.local.", "NXDOMAIN"),
        ("multicluster cluster.local", "web.shop", "10.97.0.1"),
        ("noendpoints", "web.shop", "10.96.0.1"),
        ("noendpoints", "db.shop", "NXDOMAIN"),
    ],
)
async def test_what_else_is_followed_is_in_it(file: Kept, option: str, name: str, shown: str) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(pod("web-0", "10.244.0.5"), IMPORT)
        await saved(api, file, option)
        await api.kill()
        async with served(api, file, option) as dns:
            assert (dns.shown(name), dns.ready()) == (shown, "")


# Files that cannot be used.


def flipped(file: Kept) -> None:
    data = bytearray(file.content())
    data[len(data) // 2] ^= 1
    file.path.write_bytes(data)


def cut(file: Kept) -> None:
    file.path.write_bytes(file.content()[:-100])


def of_tomorrow(file: Kept) -> None:
    file.path.write_bytes(file.content().replace(b" 1 ", b" 9 ", 1))


def a_folder(file: Kept) -> None:
    file.path.mkdir()


USELESS = [
    pytest.param(flipped, "it is damaged: its checksum is wrong", id="a flipped bit"),
    pytest.param(cut, "it is damaged: its checksum is wrong", id="cut short"),
    pytest.param(of_tomorrow, "it is of version 9, not 1", id="another version"),
]


@pytest.mark.parametrize(("spoil", "why"), USELESS)
async def test_a_file_that_cannot_be_used_is_set_aside(
    file: Kept, spoil: Callable[[Kept], None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with left_behind(file) as api:
        spoil(file)
        spoiled = file.content()
        async with served(api, file) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
            assert dns.codes("web.shop") == [NOT_READY]
            assert dns.ready() != ""
            assert file.put_aside() == spoiled
            told = f"{file}: no saved state to start from: {why}; it is called {file}.aside now"
            assert [text for text in caplog.messages if str(file) in text] == [told]
            await api.start()
            await dns.until("web.shop", "10.96.0.1")
        async with served(api, file) as dns:
            assert dns.ready() == ""


async def test_a_state_of_other_settings_is_set_aside(file: Kept, caplog: pytest.LogCaptureFixture) -> None:
    async with left_behind(file, "namespaces shop") as api, served(api, file) as dns:
        assert dns.shown("web.shop") == "SERVFAIL"
        assert file.beside() == ["kdns.state.aside"]
        assert "it was saved with other settings, or by another release" in caplog.text


def kubeconfig(file: Kept, url: str) -> str:
    """The option that names a kubeconfig, which is made."""
    text = (
        "{current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}], users: [{name: c, user: {}}], "
        f'clusters: [{{name: b, cluster: {{server: "{url}"}}}}]}}'
    )
    path = file.path.with_name("config")
    path.write_text(text)
    return f"kubeconfig {path}"


async def test_a_state_of_where_a_kubeconfig_pointed_before_is_set_aside(file: Kept) -> None:
    async with api_server() as api:
        stock(api.etcd)
        option = kubeconfig(file, api.url)
        async with served(option, file) as dns:
            assert dns.ready() == ""
        await api.kill()
        async with served(option, file) as dns:
            assert (dns.shown("web.shop"), dns.codes("web.shop")) == ("10.96.0.1", [STALE])
        file.path.with_name("config").unlink()  # it may come yet; it is no other one
        async with served(option, file) as dns:
            assert (dns.shown("web.shop"), dns.codes("web.shop")) == ("10.96.0.1", [STALE])
        kubeconfig(file, "http://127.0.0.1:1")
        async with served(option, file) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
        assert file.beside() == ["config", "kdns.state.aside"]


async def test_settings_that_do_not_shape_it_may_change(file: Kept) -> None:
    async with left_behind(file) as api, served(api, file, "ttl 30", "resync 1h", "apiserver_qps 5") as dns:
        assert dns.shown("web.shop") == "10.96.0.1"


async def test_a_folder_in_its_place_is_left_alone(file: Kept, caplog: pytest.LogCaptureFixture) -> None:
    a_folder(file)
    async with api_server() as api:
        stock(api.etcd)
        async with served(api, file) as dns:
            assert dns.shown("web.shop") == "10.96.0.1"
            await dns.sees(lambda: dns.metric("kdns_kubernetes_state_failures_total") >= 1, 40)
            assert f"the state cannot be saved: '{file}' is a folder" in "\n".join(dns.plan.build.warnings)
    assert stat.S_ISDIR(file.stamp().st_mode)
    assert file.beside() == ["kdns.state"]
    told = [text for text in caplog.messages if str(file) in text]
    assert told == [
        f"{file}: no saved state to start from: it cannot be read: it is a folder",
        f"{file}: the state cannot be saved: it is a folder; trying again",
    ]


# What is written, and when.


async def test_it_is_for_its_owner_alone(file: Kept) -> None:
    async with left_behind(file):
        assert stat.S_IMODE(file.stamp().st_mode) == 0o600
        assert file.beside() == ["kdns.state"]


async def test_it_is_written_at_once_then_every_30_seconds_if_something_changed(file: Kept) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with served(api, file) as dns:
            await dns.sees(file.exists, 1)
            written = [file.written()]
            for change in (0, 1, 0, 0, 1, 1):
                if change:
                    api.etcd.put(service(f"new-{len(written)}", "10.96.0.9"))
                    await dns.until(f"new-{len(written)}.shop", "10.96.0.9")
                    assert file.written() == written[-1]
                came = await waited(dns, lambda: file.written() != written[-1], 40)
                assert came == bool(change)
                if came:
                    written.append(file.written())


async def waited(dns: Following, true: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    with suppress(AssertionError):
        await dns.sees(true, seconds)
    return true()


async def test_it_is_never_written_before_everything_is_known(file: Kept) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.script("endpointslices", BROKEN, times=1000)
        async with served(api, file) as dns:
            assert dns.ready() != ""
            await waited(dns, file.exists, 100)
    assert not file.exists()


async def test_a_state_that_is_answered_from_is_not_written_again(file: Kept) -> None:
    async with left_behind(file) as api:
        before = file.content()
        warp().shift += 3600
        async with served(api, file) as dns:
            await waited(dns, lambda: False, 100)
        assert file.content() == before


async def test_what_changed_last_is_saved_at_the_end(file: Kept) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with served(api, file) as dns:
            await dns.sees(file.exists, 1)
            api.etcd.put(service("last", "10.96.0.99"))
            await dns.until("last.shop", "10.96.0.99")
        await api.kill()
        async with served(api, file) as dns:
            assert dns.shown("last.shop") == "10.96.0.99"


async def test_it_is_as_old_as_the_api_server_s_last_word(file: Kept) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with served(api, file) as dns:
            await api.kill()
            await waited(dns, lambda: False, 600)
        async with served(api, file) as dns:
            assert 590 < dns.metric("kdns_kubernetes_state_age_seconds") < 610


async def test_a_command_that_looks_answers_from_it_and_leaves_no_traces(
    file: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    async with left_behind(file) as api:
        before = file.written()
        async with served(api, file, serving=False) as dns:
            assert dns.shown("web.shop") == "10.96.0.1"
            await api.start()
            await dns.sees(lambda: dns.codes("web.shop") == [], 10)
            await waited(dns, lambda: False, 40)
        assert file.written() == before
        flipped(file)
        async with served(api, file, serving=False):
            pass
        assert file.beside() == ["kdns.state"]
        told = f"{file}: no saved state to start from: it is damaged: its checksum is wrong"
        assert told in caplog.messages


async def test_a_start_that_is_given_up_writes_nothing(file: Kept) -> None:
    async with left_behind(file) as api:
        before = file.content()
        planned = plan(
            parse(corefile(f"endpoint {api.url}", f"state {file}"), "Corefile", environ={}, disk=Memory()),
            warp().time,
            warp().wall,
        )
        planned.build.serving.set()
        for part in planned.build.parts:
            await part.stop()
        assert file.content() == before


async def test_negative_answers_keep_their_own_reason(file: Kept) -> None:
    async with left_behind(file) as api, served(api, file) as dns:
        assert dns.shown("nobody.shop") == "NXDOMAIN"
        assert dns.why("nobody.shop") == "namespace shop has no Service nobody"
