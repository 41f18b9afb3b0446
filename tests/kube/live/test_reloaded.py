"""Another Corefile in place of the one that follows a cluster, judged by answers and by what is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kdns.app import App
from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse
from kdns.errors import StartError
from kdns.kube.live import keeper as keeping
from kdns.plan import plan, plan_after
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import service
from tests.kube.live.following import Following, loaded, stock
from tests.kube.live.following import corefile as corefile_of
from tests.warp import warp


def corefile(*options: str, more: str = "") -> Corefile:
    text = corefile_of(*options, more=f"    bind 127.0.0.1\n{more}").replace("cluster.local ", "cluster.local:0 ", 1)
    return parse(text.replace("arpa {", "arpa:0 {", 1), "Corefile", environ={}, disk=Memory())


@asynccontextmanager
async def started(first: Corefile) -> AsyncIterator[App]:
    loop = warp()
    app = App(plan(first, loop.time, loop.wall))
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


async def changed(app: App, second: Corefile) -> Following:
    planned = plan_after(second, app.plan)
    await app.change(planned)
    return Following(planned)


@asynccontextmanager
async def stocked() -> AsyncIterator[ApiServer]:
    async with api_server() as api:
        stock(api.etcd)
        yield api


async def test_a_cluster_that_is_wanted_still_is_followed_as_before() -> None:
    async with stocked() as api, started(corefile(f"endpoint {api.url}")) as app:
        before = Following(app.plan)
        now = await changed(app, corefile(f"endpoint {api.url}", "ttl 30", more="    whoami\n"))
        with now.steady():
            api.etcd.put(service("new", "10.96.0.9"))
            await now.until("new.shop", "10.96.0.9")
        assert now.look("new.shop").answer[0].ttl == 30
        assert before.relists("first") == now.relists("first") == 1
        assert now.ready() == ""


async def test_one_with_other_settings_is_known_before_it_is_served() -> None:
    async with stocked() as api, started(corefile(f"endpoint {api.url}")) as app:
        with Following(app.plan).steady():
            now = await changed(app, corefile(f"endpoint {api.url}", "resync 10m"))
        assert now.shown("web.shop") == "10.96.0.1"
        assert now.relists("first") == 2
        await asyncio.sleep(1)
        assert now.metric("kdns_kubernetes_last_contact_seconds", kind="Service") < 60


async def test_one_that_cannot_be_known_takes_nobody_s_place_until_it_can() -> None:
    """Whoever has answers goes on answering, though the Corefile wants another part of a cluster that is away."""
    async with stocked() as api, started(corefile(f"endpoint {api.url}")) as app:
        before = Following(app.plan)
        other = corefile(f"endpoint {api.url}", "labels app!=none")
        with before.steady():
            await api.kill()
            began = warp().time()
            with pytest.raises(StartError, match=r"the cluster is not known yet: waiting for services.* from http"):
                await changed(app, other)
            assert warp().time() - began == pytest.approx(5)
            assert app.plan is before.plan
            await api.start()
            now = await changed(app, other)
        assert now.shown("web.shop") == "10.96.0.1"
        assert now.relists("first") == 2


async def test_one_that_cannot_be_known_takes_the_place_of_another_such() -> None:
    async with stocked() as api:
        await api.kill()
        async with started(corefile(f"endpoint {api.url}")) as app:
            now = await changed(app, corefile(f"endpoint {api.url}", "labels app!=none"))
            assert now.shown("web.shop") == "SERVFAIL"
            await api.start()
            await now.until("web.shop", "10.96.0.1", 60)


async def test_the_state_s_file_is_for_the_settings_that_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The cluster from before writes it neither when it ends nor later; a start with the new settings can use it."""
    file, other = tmp_path / "state", "labels app!=none"
    async with stocked() as api:
        options = [f"endpoint {api.url}", f"state {file}"]
        async with started(corefile(*options)) as app:
            await asyncio.sleep(1)  # it is written in a thread
            former = settings(file)
            with caplog.at_level(logging.WARNING, "kdns"):
                now = await changed(app, corefile(*options, other))
            assert f"{file}: no saved state to start from: it was saved with other settings, or by another release" in (
                caplog.messages
            )
            assert now.shown("web.shop") == "10.96.0.1"
            await asyncio.sleep(keeping.EVERY * 2)
            assert settings(file) != former
        assert beside(file) == ["state"]
        await api.kill()
        async with loaded(corefile_of(*options, other)) as dns:
            assert dns.shown("web.shop") == "10.96.0.1"


async def test_the_state_is_saved_soon_after_it_is_another_s(tmp_path: Path) -> None:
    """Or a crash in the first half minute would leave a file that is of no use."""
    file, other = tmp_path / "state", "labels app!=none"
    async with stocked() as api:
        options = [f"endpoint {api.url}", f"state {file}"]
        async with started(corefile(*options)) as app:
            await asyncio.sleep(1)
            former = settings(file)
            await changed(app, corefile(*options, other, more="    health 127.0.0.1:0\n"))
            await asyncio.sleep(3)
            assert settings(file) != former


async def test_a_change_that_fails_leaves_the_state_s_file_to_the_one_from_before(tmp_path: Path) -> None:
    file = tmp_path / "state"
    async with stocked() as api:
        options = [f"endpoint {api.url}", f"state {file}"]
        async with started(corefile(*options)) as app:
            with pytest.raises(Exception, match="no address of this machine"):
                await changed(app, corefile(*options, "labels app!=none", more="    health 192.0.2.1:8080\n"))
            api.etcd.put(service("new", "10.96.0.9"))
            await Following(app.plan).until("new.shop", "10.96.0.9")
        await api.kill()
        async with loaded(corefile_of(*options)) as dns:
            assert dns.shown("new.shop") == "10.96.0.9"


def settings(file: Path) -> bytes:
    """What a state was saved with."""
    return file.read_bytes().split(maxsplit=3)[2]


def beside(file: Path) -> list[str]:
    """The names of all that is in its folder."""
    return sorted(each.name for each in file.parent.iterdir())
