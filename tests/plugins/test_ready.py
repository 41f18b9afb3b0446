"""*ready*: a page that says who is not ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.site import Build, Site

OK = (200, "OK")
DEFAULT = ("", 8181)


def set_up(corefile: str) -> Build:
    build = Build(metrics=Metrics(), clock=lambda: 0.0, wall=lambda: 0.0)
    for block in parse(corefile, "Corefile", default_port=53, environ={}, disk=Memory()).blocks:
        site = Site(block, build)
        for directive in block.directives:
            assert find(directive)(directive, site) is None
    return build


async def asked(build: Build, address: tuple[str, int] = DEFAULT) -> tuple[int, str]:
    page = await build.pages[address]["/ready"]()
    return page.status, page.body.decode()


@pytest.mark.parametrize(
    ("line", "address"),
    [
        pytest.param("ready", ("", 8181), id="the default"),
        pytest.param("ready :8182", ("", 8182), id="a port"),
        pytest.param("ready localhost:8182", ("localhost", 8182), id="host and port"),
        pytest.param("ready {\n monitor continuously\n }", ("", 8181), id="continuously"),
        pytest.param("ready :8182 { monitor until-ready }", ("", 8182), id="until-ready"),
    ],
)
def test_a_line_gives_the_page_its_address(line: str, address: tuple[str, int]) -> None:
    build = set_up(f".:53 {{\n {line}\n}}")
    assert {at: list(pages) for at, pages in build.pages.items()} == {address: ["/ready"]}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(
            "ready 8181",
            "Corefile:2: 'ready' takes an address: put a colon before the port: ':8181'",
            id="no colon",
        ),
        pytest.param("ready :1 :2", "Corefile:2: 'ready' takes 1 argument, not 2", id="two addresses"),
        pytest.param(
            "ready {\n  monitor continously\n }",
            "Corefile:3: 'monitor' takes until-ready or continuously, not 'continously'; did you mean 'continuously'?",
            id="no such monitor",
        ),
        pytest.param(
            "ready {\n  watch\n }",
            "Corefile:3: 'ready' has no option 'watch' (it has monitor)",
            id="no such option",
        ),
        pytest.param(
            "ready\n ready",
            "Corefile:3: ready can stand only once in a server block; it is already at Corefile:2",
            id="twice in a block",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(line: str, text: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as failed:
        set_up(f".:53 {{\n {line}\n}}")
    assert str(failed.value) == text


@pytest.mark.parametrize(
    ("missing", "answer"),
    [
        pytest.param({}, OK, id="nobody to wait for"),
        pytest.param({"kubernetes": ""}, OK, id="all ready"),
        pytest.param(
            {"kubernetes": "services are not listed"},
            (503, "kubernetes: services are not listed"),
            id="one is not",
        ),
        pytest.param(
            {"forward": "no upstream", "errors": "", "erratic": "waits"},
            (503, "erratic: waits\nforward: no upstream"),
            id="two are not, by name",
        ),
    ],
)
async def test_the_page_has_a_line_for_each_plugin_that_is_not_ready(
    missing: dict[str, str], answer: tuple[int, str]
) -> None:
    build = set_up(".:53 {\nready\n}")
    for name, text in missing.items():
        build.readiness[name] = lambda text=text: text  # type: ignore[misc]
    assert await asked(build) == answer


async def test_plugins_of_later_blocks_are_asked_too() -> None:
    build = set_up("a. {\nready\n}\nb. {\nhealth\n}")
    build.readiness["kubernetes"] = lambda: "not yet"
    assert await asked(build) == (503, "kubernetes: not yet")


def turn_by_turn(build: Build, name: str, answers: Sequence[str]) -> None:
    remaining: Iterator[str] = iter(answers)
    build.readiness[name] = lambda: next(remaining)


@pytest.mark.parametrize(
    ("monitor", "statuses"),
    [
        pytest.param("", [503, 200, 200], id="until-ready is the default"),
        pytest.param("{ monitor until-ready }", [503, 200, 200], id="until-ready"),
        pytest.param("{ monitor continuously }", [503, 200, 503], id="continuously"),
    ],
)
async def test_a_plugin_that_was_ready_is_asked_again_only_continuously(monitor: str, statuses: list[int]) -> None:
    build = set_up(f".:53 {{\nready {monitor}\n}}")
    turn_by_turn(build, "kubernetes", ["not yet", "", "lost"])
    assert [(await asked(build))[0] for _ in range(3)] == statuses


async def test_each_plugin_is_remembered_as_ready_by_itself() -> None:
    build = set_up(".:53 {\nready\n}")
    turn_by_turn(build, "kubernetes", [""])
    turn_by_turn(build, "forward", ["not yet", "", "not again"])
    assert await asked(build) == (503, "forward: not yet")
    assert await asked(build) == OK
    assert await asked(build) == OK


@pytest.mark.parametrize("monitor", ["until-ready", "continuously"])
async def test_a_process_that_is_told_to_stop_is_not_ready_at_once(monitor: str) -> None:
    build = set_up(f".:53 {{\nready {{ monitor {monitor} }}\n}}")
    assert await asked(build) == OK
    build.stopping = True
    assert (await asked(build))[0] == 503


async def test_one_block_that_says_continuously_says_it_for_its_address() -> None:
    build = set_up("a. {\nready { monitor continuously }\n}\nb. {\nready\n}\nc. {\nready :8182\n}")
    lost = [""]
    build.readiness["kubernetes"] = lambda: lost[0]
    assert (await asked(build), await asked(build, ("", 8182))) == (OK, OK)
    lost[0] = "lost"
    assert (await asked(build), await asked(build, ("", 8182))) == ((503, "kubernetes: lost"), OK)
