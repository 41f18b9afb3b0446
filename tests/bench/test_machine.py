"""The machine in words."""

from __future__ import annotations

import platform
import sys

import pytest

from bench.machine import described, processor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is measured is in Linux's /proc")


@pytest.mark.parametrize(
    ("cpuinfo", "said"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu hypervisor\n", "AMD EPYC 7763, virtual"),
        ("processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu\n", "Some CPU: fast"),
    ],
    ids=["virtual", "bare"],
)
def test_the_processor_is_named(cpuinfo: str, said: str) -> None:
    assert processor(cpuinfo) == said


def test_what_is_said_does_not_name_the_machine() -> None:
    said = described()
    assert {"processor", "cores", "memory", "kernel", "Python", "kdns"} <= set(said)
    assert not platform.node() or platform.node() not in " ".join(said.values())
    assert "-" not in said["kernel"]
