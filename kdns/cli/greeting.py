"""What a server says of itself at start."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kdns import __version__
from kdns.app import App
from kdns.plan import WILDCARDS, Place
from kdns.proto.name import to_text

_TRIES = 3
_ZONES = 8


def greeting(app: App) -> Iterator[str]:
    """What is served, from what, where its metrics are; a line each."""
    yield f"kdns {__version__}"
    for place in app.addresses:
        yield f"  listening on {_where(app, place)}, UDP and TCP"
    reports = [line() for line in app.plan.build.report]
    yield from (f"  {report}" for report in reports)
    yield from _other_zones(app, set(" ".join(reports).replace(":", " ").split()))
    for address, (host, port) in app.pages.items():
        scheme = "https" if address in app.plan.build.tls else "http"
        for path in app.plan.build.pages[address]:
            yield f"  {scheme}://{_url_host(host)}:{port}{path}"


def _other_zones(app: App, told: set[str]) -> Iterator[str]:
    """The zones that no report of their server block speaks of: another block's may name the same zone."""
    for place in app.addresses:
        here = [(to_text(zone), (place, zone) in app.plan.told) for zone in app.plan.routers[place].zones]
        zones = [zone for zone, reports in here if not (reports and zone in told)]
        more = f" and {len(zones) - _ZONES} more" if zones[_ZONES:] else ""
        if zones:
            yield f"  {' '.join(zones[:_ZONES])}{more} on {_where(app, place)}"


def _where(app: App, place: Place) -> str:
    host, port = app.addresses[place]
    return f"{host if place.host else 'every address'}, port {port}"


def tries(app: App) -> Iterator[str]:
    """Commands that show what it can do, for names that it has; nothing if it has none."""
    (host, port), *_ = app.addresses.values()
    ip = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    samples = [sample for samples in app.plan.build.samples for sample in samples()][:_TRIES]
    if samples:
        yield "try, from another terminal:"
    for name, type in samples:
        yield f"  dig @{ip} -p {port} {name.removesuffix('.')} {type}".removesuffix(" A")
    if samples and shutil.which("dig") is None:
        name, type = samples[0]
        server = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        yield f"  without dig: {_called()} query {name.removesuffix('.')} {type} --server {server}"


def _called() -> str:
    """How this program was called, so that it can be called again."""
    called = sys.argv[0]
    if called == shutil.which("kdns"):
        return "kdns"
    return f"{sys.executable} -m kdns" if Path(called).name == "__main__.py" else called


def _url_host(host: str) -> str:
    if host in WILDCARDS:
        return "localhost"
    return f"[{host}]" if ":" in host else host
