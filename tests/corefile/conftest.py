"""What the tests of the parser share: a Corefile read, shown, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent

import pytest

from kdns.corefile.block import Directive
from kdns.corefile.disk import Disk, Memory
from kdns.corefile.parser import Corefile, parse
from kdns.errors import CorefileErrors


@pytest.fixture(scope="session")
def read() -> Callable[..., Corefile]:
    """`read(text, files, environ)`: parse it as the file `Corefile`."""
    return _read


@pytest.fixture(scope="session")
def mistakes() -> Callable[..., list[str]]:
    """`mistakes(text, files, environ)`: the lines of the errors it must have."""
    return _mistakes


@pytest.fixture(scope="session")
def outline() -> Callable[[Corefile], list[object]]:
    """For each block the keys as written and its directives, as text; lines in braces in a list."""
    return _outline


def _read(
    text: str, files: Mapping[str, str] | Disk | None = None, environ: Mapping[str, str] | None = None
) -> Corefile:
    disk = files if files is not None and not isinstance(files, Mapping) else Memory(files or {})
    return parse(dedent(text), "Corefile", environ=environ or {}, disk=disk)


def _mistakes(
    text: str, files: Mapping[str, str] | Disk | None = None, environ: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(CorefileErrors) as raised:
        _read(text, files, environ)
    return [str(error) for error in raised.value.errors]


def _outline(corefile: Corefile) -> list[object]:
    return [
        (
            list(dict.fromkeys(key.text for key in block.keys)),
            [_shown(same) for directive in block.directives for same in directive.every],
        )
        for block in corefile.blocks
    ]


def _shown(directive: Directive) -> object:
    line = " ".join((directive.name, *directive.args))
    return (line, [_shown(inner) for inner in directive.body]) if directive.braces else line
