"""The machine in words, and the versions of all that ran on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench.process import CORES
from bench.programs import program, version
from kdns import __version__

_PROGRAMS = {"knotd": "Knot DNS", "unbound": "Unbound", "coredns": "CoreDNS", "dnsperf": "dnsperf"}


def described() -> dict[str, str]:
    """What a page says of the machine; nothing that names it."""
    found = {
        "processor": processor(Path("/proc/cpuinfo").read_text()),
        "cores": str(len(CORES)),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {_numbers(platform.release())}",
        "Python": platform.python_version(),
        "kdns": __version__,
    }
    return found | {name: version(each) for each, name in _PROGRAMS.items() if program(each)}


def processor(cpuinfo: str) -> str:
    """The model out of /proc/cpuinfo, and whether a hypervisor is below."""
    fields = dict(line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    stripped = {name.strip(): value.strip() for name, value in fields.items()}
    virtual = ", virtual" if "hypervisor" in stripped.get("flags", "").split() else ""
    return stripped.get("model name", platform.machine()) + virtual


def _numbers(release: str) -> str:
    """A kernel's version without what a distribution appends."""
    return release.partition("-")[0]
