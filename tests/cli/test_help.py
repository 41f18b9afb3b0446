from __future__ import annotations

import pytest

from kdns.cli import COMMANDS
from kdns.plugins import ORDER, page
from tests.processes import Kdns


def test_alone_it_tells_what_there_is(kdns: Kdns) -> None:
    code, out, err = kdns("help")
    assert (code, err) == (0, "")
    lines = [line.split()[:2] for line in out.splitlines() if line.startswith("  ")]
    assert [words[1] for words in lines[1 : 1 + len(COMMANDS)]] == list(COMMANDS)
    assert [words[0] for words in lines[1 + len(COMMANDS) :]] == list(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_plugin_has_a_page(kdns: Kdns, name: str) -> None:
    code, out, err = kdns("help", name)
    assert (code, err) == (0, "")
    assert out == page(name).strip() + "\n"
    assert out.startswith(f"*{name}* - ")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "help"])
def test_a_command_has_flags(kdns: Kdns, command: str) -> None:
    code, out, err = kdns("help", command)
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: kdns {command} ")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("route53", "'route53' exists in CoreDNS but not in kdns yet"),
        ("kubernets", "'kubernets' is no plugin; did you mean 'kubernetes'?"),
        ("xyzzy", "'xyzzy' is no plugin"),
    ],
)
def test_a_name_without_a_page_is_told(kdns: Kdns, name: str, told: str) -> None:
    assert kdns("help", name) == (2, "", f"kdns help: {told}\n")
