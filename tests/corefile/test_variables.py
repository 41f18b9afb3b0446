"""Variables of the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from kdns.corefile.parser import Corefile

Read = Callable[..., Corefile]
Outline = Callable[[Corefile], list[object]]


@pytest.mark.parametrize(
    ("text", "environ", "wanted"),
    [
        (". { log {$Z} }", {"Z": "a.test"}, "log a.test"),
        (". { log {%Z%} }", {"Z": "a.test"}, "log a.test"),
        (". { log x{$A}y{$B}z }", {"A": "1", "B": "2"}, "log x1y2z"),
        (". { log {%A%}{$B} }", {"A": "1", "B": "2"}, "log 12"),
        ('. { log "{$A} {$B}" }', {"A": "1", "B": "2"}, "log 1 2"),
        (". { {$D} . }", {"D": "log"}, "log ."),
        (". { forward . {$IPS} end }", {"IPS": "::1 ::2"}, "forward . ::1 ::2 end"),
        (". { log {$A} }", {"A": "{$B}", "B": "no"}, "log {$B}"),
        (". { log {$A} }", {"A": "{"}, "log {"),
        (". { log {$A} }", {"A": "}"}, "log }"),
        (". { log {$A} }", {"A": "#x"}, "log #x"),
        (". { log {$} {%%} {$A }", {}, "log {$} {%%} {$A"),
        ('. { log "{{$x := 1}}" }', {}, "log {{$x := 1}}"),
        (". { log {$A-B.c} }", {"A-B.c": "v"}, "log v"),
    ],
)
def test_variables_give_way_to_the_environment(
    read: Read,
    outline: Outline,
    text: str,
    environ: Mapping[str, str],
    wanted: str,
) -> None:
    assert outline(read(text, environ=environ)) == [(["."], [wanted])]


def test_the_value_of_a_variable_stays_one_word(read: Read) -> None:
    (block,) = read(". { forward . {$IPS} }", environ={"IPS": "::1 ::2"}).blocks
    assert block.directives[0].args == (".", "::1 ::2")


def test_a_variable_that_is_not_set_is_empty_and_warned_of(read: Read) -> None:
    corefile = read(".:53{$NO} {\n log {$NO} x{$NO}\n}")
    assert corefile.blocks[0].keys[0].port == 53
    assert corefile.blocks[0].directives[0].args == ("", "x")
    assert corefile.warnings == (
        "Corefile:1: the variable 'NO' is not set: nothing stands in its place",
        "Corefile:2: the variable 'NO' is not set: nothing stands in its place",
    )


def test_variables_stand_in_keys_and_imports(read: Read, outline: Outline) -> None:
    corefile = read(
        "{$ZONES} {$ZONE}:{$PORT} {\n import {$FILE}\n}",
        {"x.conf": "log"},
        {"ZONES": "a.test,b.test", "ZONE": "c.test", "PORT": "1053", "FILE": "x.conf"},
    )
    assert outline(corefile) == [(["a.test", "b.test", "c.test:1053"], ["log"])]
