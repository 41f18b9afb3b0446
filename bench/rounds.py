"""Rounds of a scenario: each server in turn, then again from the first."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cluster import Shape
from bench.load import STREAM, Run, run, settle
from bench.programs import program
from bench.scenarios import Scenario
from bench.servers import KINDS, Running, running, upstream

Say = Callable[[str], None]
WARM = 10.0
"""Seconds that it takes at most to ask each line twice before it counts."""


class Bench:
    """The servers that run, started when they are first needed. A context manager."""

    def __init__(self, folder: Path, shape: Shape, seconds: float, rounds: int, say: Say) -> None:
        self.shape = shape
        self._folder = folder
        self._seconds = seconds
        self._rounds = rounds
        self._say = say
        self._stack = ExitStack()
        self._running: dict[str, Running] = {}
        self._upstream = 0
        self._started = 0

    def __enter__(self) -> Bench:
        self._upstream = self._stack.enter_context(upstream(self._folder / "upstream"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def measure(self, scenario: Scenario) -> dict[str, list[Run]]:
        """All rounds of a scenario, of each server that is there."""
        names = [name for name in scenario.servers if program(KINDS[name].program)]
        found: dict[str, list[Run]] = {name: [] for name in names}
        for turn in range(self._rounds):
            lines = scenario.lines(self.shape, random.Random(turn if scenario.once else 0), turn)
            path = self._folder / "questions"
            path.write_text("\n".join(lines) + "\n")
            for name in names:
                try:
                    got = self._round(scenario, name, path, warm=scenario.warm and not turn)
                except (RuntimeError, ValueError, OSError) as error:
                    self._say(f"{scenario.name}, round {turn + 1}: {name} failed: {error}")
                    continue
                found[name].append(got)
                self._say(f"{scenario.name}, round {turn + 1}: {name} {got.cpu:.2f} us, {got.queries} queries")
        return found

    def _round(self, scenario: Scenario, name: str, questions: Path, *, warm: bool) -> Run:
        streamed = STREAM in scenario.flags
        flags = (*scenario.flags, "-n", "1") if scenario.once and not streamed else scenario.flags
        # Twice: some servers keep what is asked for a second time.
        warmth = scenario.flags if streamed else (*scenario.flags, "-n", "2")
        with self._fresh(name) if scenario.fresh else self._kept(name) as server:
            if warm:
                run(server.process, server.port, questions, 0.2 if streamed else WARM, warmth)
            with _churning(server, scenario.churn):
                return run(server.process, server.port, questions, self._seconds * scenario.longer, flags)

    @contextmanager
    def _kept(self, name: str) -> Iterator[Running]:
        if name not in self._running:
            self._running[name] = self._stack.enter_context(self._fresh(name))
        yield self._running[name]

    @contextmanager
    def _fresh(self, name: str) -> Iterator[Running]:
        self._started += 1
        folder = self._folder / f"{name}-{self._started}"
        with running(KINDS[name], self.shape, folder, self._upstream) as server:
            settle(server.process)
            yield server


@contextmanager
def _churning(server: Running, changes: int) -> Iterator[None]:
    """While endpoints change, so many a second."""
    if changes:
        server.api.ask(f"/bench/churn?{changes}")
    try:
        yield
    finally:
        if changes:
            server.api.ask("/bench/churn?0")
