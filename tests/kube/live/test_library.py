"""What is taken of kubernetes-asyncio: little of its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import sys
sys.path[:0] = {path!r}
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
{imported}
print(resident())
print(*sorted(name for name in sys.modules if name.startswith("kubernetes_asyncio")))
"""
LEAST = 25 * 1024
"""KiB that must be saved."""


def imported(line: str) -> tuple[int, list[str]]:
    """Resident memory in KiB after an import in a process of its own, and the library's modules that it has then."""
    script = _MEASURE.format(path=sys.path, imported=line)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    memory, modules = done.stdout.splitlines()
    return int(memory), modules.split()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read as Linux tells it")
def test_the_generated_models_and_calls_are_never_imported_and_their_memory_is_saved() -> None:
    ours, modules = imported("import aiohttp, kdns.kube.live.library")
    assert "kubernetes_asyncio.config.kube_config" in modules
    assert [
        name
        for name in modules
        if name.startswith(("kubernetes_asyncio.client.models", "kubernetes_asyncio.client.api"))
    ] == []
    whole, all_modules = imported("import aiohttp, kubernetes_asyncio")
    assert "kubernetes_asyncio.client.models" in all_modules
    assert whole - ours > LEAST


def test_who_has_the_whole_library_already_can_use_it_beside() -> None:
    _, modules = imported("import kubernetes_asyncio, kdns.kube.live.library")
    assert "kubernetes_asyncio.client.models" in modules
