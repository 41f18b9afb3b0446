"""What a cluster's size costs: `python -m bench.size [--only SERVICESxENDPOINTS]... [--servers NAME,...] [--real]`.

Of each server that follows an API server, for each size: seconds and CPU until it is ready, memory after that, with
answers kept and at most, the time from an event to its answer, CPU and memory of a whole relist, CPU of a hit and of a
wrong name.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import page, questions
from bench.asking import question
from bench.cluster import Shape, owner
from bench.figures import RESULTS, keep, kept
from bench.load import run, settle
from bench.process import end_whole
from bench.programs import program
from bench.questions import Lines
from bench.scenarios import FOLLOWERS
from bench.servers import KINDS, Running, running, upstream

SHAPES = (Shape(0, 0), Shape(100, 5), Shape(1000, 5), Shape(5000, 5), Shape(20_000, 5), Shape(10_000, 15))
EVENTS = 200
_RELIST = 60.0
_LISTS = 3
"""Kinds of objects that are listed."""
_PATIENCE = 5.0


def main() -> None:
    """Measure each size with each server, print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m bench.size", description=__doc__)
    names = {named(shape): shape for shape in SHAPES}
    parser.add_argument("--only", action="append", choices=names, metavar="SIZE", help=", ".join(names))
    parser.add_argument("--servers", default=",".join(FOLLOWERS), metavar="NAME,...")
    parser.add_argument("--no-save", dest="save", action="store_false")
    parser.add_argument("--real", action="store_true", help="follow a real kube-apiserver; changes are not measured")
    options = parser.parse_args()
    end_whole()
    shapes, servers = [names[name] for name in options.only or names], options.servers.split(",")
    measure(shapes, servers, real=options.real, save=options.save)
    if options.save:
        page.write(RESULTS, page.README)


def named(shape: Shape) -> str:
    """A size on the command line: 5000x5."""
    return f"{shape.services}x{shape.each}"


def measure(shapes: list[Shape], servers: list[str], *, real: bool = False, save: bool) -> None:
    """Keep what is found, beside what is there of other sizes: under `size`, or `size-real`."""
    kind = "size-real" if real else "size"
    found: dict[str, list[dict[str, Any]]] = (kept(kind) or {"series": {}})["series"]
    for shape in shapes:
        for name, figures in _measured(shape, [each for each in servers if program(KINDS[each].program)], real=real):
            row = {"size": named(shape), "services": shape.services, "endpoints": shape.endpoints, **figures}
            found[name] = [each for each in found.get(name, []) if each["size"] != named(shape)] + [row]
            _say(f"{named(shape)} {name}: " + ", ".join(f"{what} {figure:g}" for what, figure in figures.items()))
    if save:
        order = [named(shape) for shape in SHAPES]
        keep(kind, {name: sorted(each, key=lambda one: order.index(one["size"])) for name, each in found.items()})


def _measured(shape: Shape, servers: list[str], *, real: bool) -> Iterator[tuple[str, dict[str, float]]]:
    """Of each server its figures; one that fails is said and left out."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kdns-bench-")))
        folder.chmod(0o755)
        source = ""
        if real:
            from bench.controlplane import control_plane  # what the end-to-end tests need is not there for others

            source = f"kubeconfig {stack.enter_context(control_plane(folder / 'plane', shape, _say))}"
        for name in servers:
            try:
                yield name, _figures(name, shape, folder / name, source)
            except (RuntimeError, ValueError, OSError) as error:
                _say(f"{named(shape)} {name} failed: {error}")


def _figures(name: str, shape: Shape, folder: Path, source: str) -> dict[str, float]:
    with upstream(folder / "upstream") as port, running(KINDS[name], shape, folder / name, port, source) as server:
        settle(server.process)
        figures = {"ready": server.ready, "cpu": server.process.cpu(), "started": server.process.memory()}
        figures["started_peak"] = server.process.memory("VmHWM")
        if shape.services:
            figures |= _loads(server, shape, folder / "questions")
            figures["steady"] = server.process.memory()
        if not source:
            figures |= _events(server, shape) if shape.services else {}
            figures |= _relist(server)
    return {what: round(figure, 3) for what, figure in figures.items()}


def _loads(server: Running, shape: Shape, path: Path) -> dict[str, float]:
    """CPU of a hit and of a wrong name, in microseconds; the cluster's mix before, which fills what is kept."""
    loads: tuple[tuple[str, Lines, float, tuple[str, ...]], ...] = (
        ("mix", questions.mix, 10.0, ("-n", "1")),
        ("warm", questions.clusterips, 10.0, ("-n", "2")),
        ("hit", questions.clusterips, 1.0, ()),
        ("wrong", questions.wrong, 1.0, ("-n", "1")),
    )
    found = {}
    for what, lines, seconds, flags in loads:
        path.write_text("\n".join(lines(shape, random.Random(1), 0)) + "\n")
        found[what] = run(server.process, server.port, path, seconds, flags).cpu
    return {"hit": found["hit"], "wrong": found["wrong"]}


def _events(server: Running, shape: Shape) -> dict[str, float]:
    """Milliseconds from an event's bytes to its answer: median and 99 of 100."""
    dice = random.Random(1)
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", server.port))
        asker.settimeout(_PATIENCE)
        found = sorted(_delay(server, dice.randrange(shape.services // 5) * 5, asker) for _ in range(EVENTS))
    return {"event": found[EVENTS // 2], "event_p99": found[EVENTS * 99 // 100]}


def _delay(server: Running, number: int, asker: socket.socket) -> float:
    query = question(owner(number))

    def ask() -> set[bytes]:
        asker.send(query)
        return set(addresses(asker.recv(65535)))

    before = ask()
    sent = float(server.api.ask(f"/bench/touch?{number}"))
    while ask() == before:
        if time.monotonic() - sent > _PATIENCE:
            raise RuntimeError(f"the change of {owner(number)} was not answered within {_PATIENCE:g} seconds")
    return 1000 * (time.monotonic() - sent)


def addresses(reply: bytes) -> Iterator[bytes]:
    """Those of the A records of a reply, whether their owners are compressed or not."""
    at = reply.index(b"\0", 12) + 5
    for _ in range(int.from_bytes(reply[6:8], "big")):
        while 0 < reply[at] < 0xC0:
            at += reply[at] + 1
        at += 1 if reply[at] == 0 else 2
        yield reply[at + 10 : at + 14]
        at += 14


def _relist(server: Running) -> dict[str, float]:
    """CPU in seconds and the most memory while everything is listed anew."""
    server.process.forget_peak()
    lists, cpu = int(server.api.ask("/bench/lists")), server.process.cpu()
    server.api.ask("/bench/end")
    end = time.monotonic() + _RELIST
    while int(server.api.ask("/bench/lists")) < lists + _LISTS:
        if time.monotonic() > end:
            raise RuntimeError("it did not list anew")
        time.sleep(0.1)
    settle(server.process)
    return {"relist_cpu": server.process.cpu() - cpu, "relist_peak": server.process.memory("VmHWM")}


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
